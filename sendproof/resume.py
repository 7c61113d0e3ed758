"""Finds where a shipment begins in its input, and where the next one goes on.

A run's number counts the events that were accepted. Of one input that was shipped into one run, these are its first
events, and lines that `send` itself skips are skipped again the same way, so that the number says which line is next:

    line  1  {"i":1}    accepted as 1
    line  2  nonsense   skipped, the first time and again
    line  3  {"i":2}    accepted as 2   <- the run's number is 2, so 2 events are passed over
    line  4  {"i":3}    the next one

Not so once the *backend* has refused a line, which the number doesn't count; see `run_note`:

    line  1  {"i":1}    accepted as 1
    line  2  {"i":2}    refused by the backend
    line  3  {"i":3}    accepted as 2   <- the run's number is 2, but 3 events are behind us: line 3 would be sent twice
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from sendproof.lines import is_read_by_all

if TYPE_CHECKING:
    from pathlib import Path


class Start(Enum):
    """What to do with a run that holds events already."""

    NEW = auto()
    """Send nothing: that is an error."""
    RESUME = auto()
    """They are the first events of the input, and passed over."""
    APPEND = auto()
    """Send the whole input behind them."""


class StartError(Exception):
    """The run isn't where the start that was asked for would have it; nothing was sent. The message says what to do."""


class Passed:
    """Passes over the events of the input that a run holds already.

    Args:
        position: The run's last accepted number.
    """

    def __init__(self, position: int) -> None:
        self._position = position
        self.events = 0
        """How many were passed over so far."""

    @property
    def is_over(self) -> bool:
        """Whether the next event is one that the run doesn't hold."""
        return self.events == self._position

    def takes(self, line: bytes, number: int) -> bool:
        """Return whether the run holds the event in this line, which has a number in the input.

        Raises:
            StartError: It may be a line that the backend has refused.
        """
        if self.is_over:
            return False
        if not is_read_by_all(line):
            raise StartError(
                f"line {number:,} holds what not every parser takes (an escaped lone surrogate, or an integer past the "
                f"range of a float), so the backend may have refused it, and then the run's number, "
                f"{self._position:,}, doesn't say which line is next. {_BY_HAND}"
            )
        self.events += 1
        return True

    def end(self) -> None:
        """Take note that the input is over. Raises StartError if the run holds more than that."""
        if not self.is_over:
            raise StartError(
                f"the run has {self._position:,} events, and this input has {self.events:,}, so the run holds others "
                f"too, and its number doesn't say which line is next. {_BY_HAND}"
            )


class LineNumbers:
    """The lines that the events which are not settled yet came from."""

    def __init__(self) -> None:
        self._lines: deque[int] = deque()

    @property
    def first(self) -> int | None:
        """The line of the oldest event, or None if all are settled."""
        return self._lines[0] if self._lines else None

    def add(self, line: int) -> None:
        """Take note of an event."""
        self._lines.append(line)

    def keep(self, count: int) -> int | None:
        """Forget all but the last events, and give the line of the last one that was forgotten by this, if any was."""
        line = None
        while len(self._lines) > count:
            line = self._lines.popleft()
        return line


def numbers_that_say_nothing(position: int, why: str, noted: Path) -> str:
    """Return why a run's number doesn't say which line is next, as an earlier process has noted in a file."""
    return (
        f"{why} when this run was sent before, so the run's number, {position:,}, doesn't say which line is next. "
        f"{_BY_HAND}. (This was noted in {noted}: remove that if it was another run)"
    )


def new_run_only(position: int) -> None:
    """Raise a StartError if a run holds events."""
    if position:
        raise StartError(
            f"the run has {position:,} events already, and nothing was sent. If they are the first of this input: "
            "--resume goes on behind them. If they came from elsewhere: --append sends the whole input behind them. "
            "Else use another run id"
        )


_BY_HAND = "Nothing was sent. Look up what the run holds, and send the lines that it doesn't, alone, with --append"
