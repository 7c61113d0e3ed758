"""The factory of a sender, by the name of its module or file; of one that leads nowhere is told where was looked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import AdapterError
from conformance.evidence.settings import Settings
from conformance.judging.loading import load_factory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = Settings(url="http://127.0.0.1:1/v1/runs/run-1/ingest", token="token", run_id="run-1")
IDENTITY = "def make(settings): return settings\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is imported from it, and from below, is forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_module", "'my_module' is not of the form MODULE:FACTORY or FILE.py:FACTORY, such as my_package.my_module"),
        (":make", "is not of the form"),
        ("my_module:", "is not of the form"),
        ("no_such_module_anywhere:make", "can't import 'no_such_module_anywhere': ModuleNotFoundError"),
        ("json:no_such_name", "module 'json' has no 'no_such_name'"),
        ("json:decoder.no_such_name", "module 'json' has no 'decoder.no_such_name'"),
        ("sys:byteorder", "'sys:byteorder' is a str, and a factory must be callable"),
    ],
)
def test_a_name_that_leads_to_no_factory_is_refused(name: str, says: str) -> None:
    """The message says at which step the name leads nowhere."""
    with pytest.raises(AdapterError) as raised:
        load_factory(name)
    assert says in str(raised.value)


def test_a_module_in_the_current_folder_is_found(here: Path) -> None:
    """A sender needs no package to be judged; what breaks on import is said."""
    (here / "sender_of_this_folder.py").write_text("class Made:\n    def make(settings): return settings\n")
    (here / "broken_sender_of_this_folder.py").write_text("1 / 0\n")
    assert load_factory("sender_of_this_folder:Made.make")(SETTINGS) is SETTINGS
    with pytest.raises(AdapterError, match="can't import 'broken_sender_of_this_folder': ZeroDivisionError"):
        load_factory("broken_sender_of_this_folder:make")


@pytest.mark.parametrize("name", ["./my_sender.py", "my_sender.py", "elsewhere/my-sender.py", "{here}/my_sender.py"])
def test_a_file_is_found_by_its_path(here: Path, name: str) -> None:
    """With the modules beside it, as if it were run; a second time it is the same module."""
    (here / "elsewhere").mkdir()
    for directory, stem in ((here, "my_sender"), (here / "elsewhere", "my-sender")):
        (directory / f"{stem}.py").write_text("from beside_my_sender import make\n")
        (directory / "beside_my_sender.py").write_text(IDENTITY)
    factory = load_factory(f"{name.format(here=here)}:make")
    assert factory(SETTINGS) is SETTINGS
    assert load_factory(f"{name.format(here=here)}:make") is factory


def test_a_file_of_a_package_is_imported_as_a_part_of_it(here: Path) -> None:
    """It may import relatively, as it does in its program."""
    inner = here / "project" / "an_app" / "events"
    inner.mkdir(parents=True)
    for directory in (inner, inner.parent):
        (directory / "__init__.py").touch()
    (inner.parent / "common.py").write_text(IDENTITY)
    (inner / "sender.py").write_text("from ..common import make\n")
    factory = load_factory("project/an_app/events/sender.py:make")
    assert factory.__module__ == "an_app.common"


def test_a_file_that_is_not_there_is_told(here: Path) -> None:
    """With where it was looked for, and the one that was meant."""
    (here / "my_sender.py").write_text(IDENTITY)
    with pytest.raises(AdapterError) as raised:
        load_factory("./my_sender:make")
    assert str(raised.value) == f"there is no file './my_sender' in {here}; there is ./my_sender.py"
    with pytest.raises(AdapterError) as raised:
        load_factory("other/my_sender.py:make")
    assert str(raised.value) == f"there is no file 'other/my_sender.py' in {here}"


def test_a_file_whose_name_is_taken_is_told(here: Path) -> None:
    """Another module would be judged in its place."""
    (here / "json.py").write_text(IDENTITY)
    with pytest.raises(AdapterError) as raised:
        load_factory("./json.py:make")
    by = sys.modules["json"].__file__
    assert str(raised.value) == f"can't import './json.py': as module 'json' it is hidden by {by}; rename the file"
    (here / "sys.py").write_text(IDENTITY)
    with pytest.raises(AdapterError, match="it is hidden by one of Python itself; rename the file"):
        load_factory("./sys.py:make")


@pytest.mark.parametrize("name", ["a_module_of_elsewhere:make", "./needs_more.py:make"])
def test_where_a_module_was_looked_for_is_told(here: Path, name: str) -> None:
    """Whether it is the sender's or one that it imports; Python's own modules are not there."""
    (here / "needs_more.py").write_text("import a_module_of_elsewhere\n")
    with pytest.raises(AdapterError) as raised:
        load_factory(name)
    said, _, places = str(raised.value).partition("; looked in ")
    assert said.endswith("ModuleNotFoundError: No module named 'a_module_of_elsewhere'")
    looked = places.split(", ")
    assert looked[0] == str(here)
    assert any(place.endswith("site-packages") for place in looked)
    assert not any(place.endswith(("python3.11", "lib-dynload", ".zip")) for place in looked)
