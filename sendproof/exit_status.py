"""The commands' exit statuses. Imports nothing but the standard library: `cli` exits where packages are missing."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import NoReturn


class ExitStatus(IntEnum):
    """What a command says to the shell; each command's help says what it means there."""

    OK = 0
    """All is as it should be."""
    FAILED = 1
    """The command did its work, and something is wrong: a rule is broken, or an event is missing."""
    NOT_DONE = 2
    """The command could not do its work. click uses it too, for a wrong option."""


def give_up(message: str) -> NoReturn:
    """Write to standard error why the command can't do its work, and exit."""
    sys.stderr.write(f"{message}\n")
    sys.exit(ExitStatus.NOT_DONE)
