"""Finds which sendproof this is, and the command that installs more of it from where it came from.

It imports nothing but the standard library: it is asked where packages are missing.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "sendproof"

EXTRAS: Final = {
    "check": "conformance",
    "simulate": "conformance",
    "replay": "conformance",
    "show": "conformance",
    "adapter": "conformance",
    "backend": "backend",
    "send": "cli",
}
"""By command: the extra that is enough for it."""


def version_line() -> str:
    """Return the name and the version, as `--version` prints them."""
    try:
        number = distribution(_NAME).version
    except PackageNotFoundError:  # a source tree that was not installed
        number = "unknown"
    return f"{_NAME}, version {number}"


def what_is_missing(package: str, extra: str, *, needed_by: str = _NAME) -> str:
    """Return a message that a package is missing, with the command that installs it with the extra that asks for it."""
    return f"{needed_by} needs more packages ({package} is missing): {how_to_install(extra)}"


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra to this installation.

    It names what was installed from, as the installer has noted it (PEP 610, `direct_url.json`): sendproof may be on no
    index.
    """
    origin = _origin()
    if origin is None:
        return _pip(f"{_NAME}[{extra}]")
    url: str = origin["url"]
    if "dir_info" not in origin:  # an archive, or a repository at a commit
        revision = origin.get("vcs_info", {})
        at = f"{revision['vcs']}+{url}@{revision['commit_id']}" if revision else url
        return _pip(f"{_NAME}[{extra}] @ {at}")
    sources = url2pathname(urlsplit(url).path)
    if not Path(sources, "pyproject.toml").is_file():
        return f"{_pip(f'.[{extra}]')}  (in a clone of {_NAME}; {sources}, from which it was installed, is gone)"
    return _pip(f"{sources}[{extra}]", *(["-e"] if origin["dir_info"].get("editable") else []))


def _origin() -> dict[str, Any] | None:
    """Return what the installer has noted, or would have of a source tree as it is; None for an index."""
    try:
        noted = distribution(_NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        return {"url": Path(__file__).parents[1].as_uri(), "dir_info": {}}
    if noted is None:
        return None
    origin: dict[str, Any] = json.loads(noted)
    return origin


def _pip(requirement: str, *options: str) -> str:
    """Return the command that installs into the Python that runs this, which need not have pip."""
    if find_spec("pip") is None and shutil.which("uv") is not None:
        words = ["uv", "pip", "install", "--python", sys.executable]
    elif find_spec("pip") is None:
        words = ["python3", "-m", "pip", "--python", sys.executable, "install"]
    else:
        words = [sys.executable, "-m", "pip", "install"]
    return shlex.join([*words, *options, requirement])
