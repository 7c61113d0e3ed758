"""What to install, from where sendproof was installed: the command works there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from sendproof import installed
from sendproof.installed import how_to_install, version_line

ROOT = Path(__file__).parents[2]


class Distribution:
    """What an installer has noted of a package."""

    version = "1.2.3"

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        """Give a file of its notes."""
        assert name == "direct_url.json"
        return None if self._origin is None else json.dumps(self._origin)


def noted(monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None) -> None:
    """Have it installed from somewhere, by a Python that has pip."""
    monkeypatch.setattr(installed, "distribution", lambda _: Distribution(origin))
    has(monkeypatch, pip=True, uv=True)


def has(monkeypatch: pytest.MonkeyPatch, *, pip: bool, uv: bool) -> None:
    """Have an installer, or not."""
    monkeypatch.setattr(installed, "find_spec", lambda name: name if pip else None)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if uv else None)


def requirement(command: str) -> list[str]:
    """What a command installs, with its options."""
    words = shlex.split(command)
    assert words[:4] == [sys.executable, "-m", "pip", "install"]
    return words[4:]


REPOSITORY = {"url": "https://github.com/a/b.git", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}}


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, ["sendproof[cli]"]),
        ({"url": ROOT.as_uri(), "dir_info": {}}, [f"{ROOT}[cli]"]),
        ({"url": ROOT.as_uri(), "dir_info": {"editable": True}}, ["-e", f"{ROOT}[cli]"]),
        ({"url": "file:///x/sendproof.whl", "archive_info": {}}, ["sendproof[cli] @ file:///x/sendproof.whl"]),
        (REPOSITORY, ["sendproof[cli] @ git+https://github.com/a/b.git@0123abc"]),
    ],
    ids=["an index", "a clone", "a clone, editable", "a wheel", "a repository"],
)
def test_it_is_installed_from_where_it_came_from(
    origin: dict[str, Any] | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be on no index; an extra's name alone would be of no use then."""
    noted(monkeypatch, origin)
    assert requirement(how_to_install("cli")) == expected


def test_a_clone_that_is_gone_is_not_installed_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another clone can be, in which `.` is the project."""
    gone = tmp_path / "a clone"
    noted(monkeypatch, {"url": gone.as_uri(), "dir_info": {}})
    command, _, why = how_to_install("cli").partition("  (")
    assert requirement(command) == [".[cli]"]
    assert why == f"in a clone of sendproof; {gone}, from which it was installed, is gone)"


def test_a_source_tree_is_installed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m sendproof` runs in a clone in which nobody installed anything."""

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    has(monkeypatch, pip=True, uv=False)
    monkeypatch.setattr(installed, "distribution", missing)
    assert requirement(how_to_install("conformance")) == [f"{ROOT}[conformance]"]
    assert version_line() == "sendproof, version unknown"


def test_a_python_without_pip_is_installed_into_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments that uv makes lack it; where uv is gone, the pip of another Python can."""
    noted(monkeypatch, None)
    has(monkeypatch, pip=False, uv=True)
    assert shlex.split(how_to_install("cli"))[:5] == ["uv", "pip", "install", "--python", sys.executable]
    has(monkeypatch, pip=False, uv=False)
    expected = ["python3", "-m", "pip", "--python", sys.executable, "install"]
    assert shlex.split(how_to_install("cli"))[:6] == expected


def test_it_asks_for_nothing_but_the_standard_library() -> None:
    """Not even for what is installed wherever sendproof is."""
    seen = "import sys; before = set(sys.modules); import sendproof.cli; print({*sys.modules} - before)"
    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    packages = {name.partition(".")[0] for name in eval(told.stdout)}  # noqa: S307 - a set of names
    assert packages - set(sys.stdlib_module_names) == {"sendproof"}
