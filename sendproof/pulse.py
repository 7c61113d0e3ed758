"""Shows that a command lives where no terminal shows a bar: a line on standard error now and then."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = 5.0
_LONGEST = 60.0


class Pulse:
    """Writes how far something is: after 5 s, then after as long again as it has taken, and each minute at the latest.

    On a terminal it writes nothing; a bar is there.

    Args:
        doing: What is done, as in `performing`.
        clock: Real seconds, from anywhere.
    """

    def __init__(self, doing: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._doing = doing
        self._clock = clock
        self._began = clock()
        self._next = _FIRST

    def beat(self, how_far: str) -> None:
        """Write a line, if it is time: called often, wherever something is done."""
        passed = self._clock() - self._began
        if passed < self._next or sys.stderr.isatty():
            return
        self._next = passed + min(max(passed, _FIRST), _LONGEST)
        click.echo(f"{self._doing}: {how_far}, {passed:,.0f} s", err=True)
