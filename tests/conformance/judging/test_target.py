"""Who is to be judged: a command line that is none is told by what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.errors import AdapterError
from conformance.judging.target import target_of_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script that may not be executed, and another that may, and a folder."""
    (tmp_path / "adapter.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "adapter.sh").chmod(0o644)
    (tmp_path / "ready").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "ready").chmod(0o755)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("./adapter.sh --flag", "'./adapter.sh' is not executable; `chmod \\+x` makes it so"),
        ("./folder", "'./folder' is a directory"),
        ("ready", "there is no program 'ready'; the file here is './ready'"),
        ("no-such-program", "there is no program 'no-such-program'$"),
        ("", "the command of the adapter is empty"),
        ("'", "is no command line: No closing quotation"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_command_that_is_none_is_told_by_what_is_wrong(command: str, says: str) -> None:
    """What is not there is told from what may not be executed."""
    with pytest.raises(AdapterError, match=says), target_of_command(command):
        pass
