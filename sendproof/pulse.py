"""Shows that a command lives: a bar where standard error is a terminal, a line now and then where it isn't."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click
from rich.console import Console
from rich.progress import Progress, ProgressColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


class Shows(Protocol):
    """What to call, often, as the work goes on."""

    def __call__(self, how_far: str, *, description: str, completed: float | None = None) -> None:
        """Show how far it is: `how_far` in a line, or `description` and the share of what is `completed` in the bar."""


@contextmanager
def progress_shown(
    doing: str, *columns: ProgressColumn, description: str = "", total: float | None = None
) -> Iterator[Shows]:
    """Show on standard error how far something is, for as long as the block.

    Args:
        doing: What is done, as in `performing`.
        columns: What the bar shows before the time that has passed; `task.description` is what `Shows` is called with.
        description: What `task.description` is until then.
        total: How much there is to complete, None if nobody knows.
    """
    pulse = Pulse(doing)
    bar = Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(description, total=total)

        def show(how_far: str, *, description: str, completed: float | None = None) -> None:
            bar.update(task, description=description, completed=completed)
            pulse.beat(how_far)

        yield show
