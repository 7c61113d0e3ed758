"""The search for an event that holds up the rest: one that the backend never takes, or one that it breaks on (RTY-7).

A backend reads no further than the line that it can't take, and what came before that line it has taken. So once the
position is known, the culprit is at the head of what is left, if there is one: it may also be chance, or the backend
that is broken whatever it is sent. The head is sent alone to find out.

    400 or 413    refused in company: send it alone; refused again, alone: drop it with a reason
    5xx           it may be the backend: send it alone after a few, and tell when it goes on; drop nothing
    no answer     and nothing was taken, while questions are answered: as after 5xx, since it may be the window's size.
                  A proxy may cut what is large, or throw away what takes longer than `request_timeout` to send
"""

from __future__ import annotations

from enum import Enum, auto

_ERRORS_TO_SINGLE_OUT = 3
_ERRORS_TO_TELL = 6


class Suspicion(Enum):
    """What to do about the event at the head."""

    NONE = auto()
    SINGLE_OUT = auto()
    TELL = auto()
    REJECT = auto()


class _Case(Enum):
    """What waits for the position to be known."""

    REFUSED = auto()
    BROKEN = auto()


class Culprit:
    """What is held against the event at the head."""

    def __init__(self) -> None:
        self.words = ""
        """What became of the last window that was refused, or broke."""
        self._open: _Case | None = None
        self._refusals = 0
        self._errors = 0

    def refused(self, words: str) -> None:
        """Note that a window was refused; how far the backend got isn't known yet."""
        self.words = words
        self._open = _Case.REFUSED

    def broke(self, words: str) -> None:
        """Note that a window ended without a clear answer; how far the backend got isn't known yet."""
        self.words = words
        self._open = _Case.BROKEN

    def judge(self, *, took_nothing: bool, was_alone: bool) -> Suspicion:
        """Return what to do about the window that waits for the position, now that it is known.

        Args:
            took_nothing: Whether the backend is where it was before the window.
            was_alone: Whether the window was the head alone.
        """
        case, self._open = self._open, None
        if case is None or not took_nothing:
            return Suspicion.NONE
        if case is _Case.BROKEN:
            return self.failed(was_alone=was_alone)
        # Once may be chance.
        self._refusals += 1
        return Suspicion.REJECT if was_alone and self._refusals > 1 else Suspicion.SINGLE_OUT

    def failed(self, *, was_alone: bool) -> Suspicion:
        """Return what to do about a window that was answered 5xx, or broke without any of it being taken."""
        self._errors += 1
        if self._errors == _ERRORS_TO_SINGLE_OUT:
            return Suspicion.SINGLE_OUT
        return Suspicion.TELL if self._errors == _ERRORS_TO_TELL and was_alone else Suspicion.NONE

    def forget(self) -> None:
        """Another event is at the head."""
        self._refusals = 0
        self._errors = 0

    def acquit(self) -> None:
        """Events were taken: nothing is held against anyone."""
        self.forget()
        self._open = None
