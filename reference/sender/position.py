"""Tracks the run's last number: what the sender knows of it, whether it must ask, and whether it is the only writer.

*Doubt.* After anything but a clear answer the sender asks for the position before it sends events again. After an
ambiguous window one answer isn't enough: its lines may still be under way, and a backend may go on taking them while
it answers the question. Then the position is asked until it stands still:

    window 43..47   ──>  reset           43 and 44 are taken
    position?       ──>  44              45 and 46 are being taken, by the request of before
    position?       ──>  46              `settle_delay` later
    position?       ──>  46              the same twice: 47 goes out again

This narrows the gap and doesn't close it: a request that is held up for longer is still taken later. Only fencing
closes it.

*Another writer.* A number that this sender has never sent, and never received either, can't be taken by anything
that this sender did, however late its requests arrive. If the backend has such a number, somebody else wrote it:

    position?       ──>  42
    window 43       ──>  200, accepted 0, duplicate 1     43 was never sent before: it is another event

A proxy that delivers one request twice looks the same, once. So a window like this is counted, and the second one is
reported; a position beyond all that was ever sent or received is no proxy's doing, and reported at once.
"""

from __future__ import annotations

from enum import IntEnum


class Doubt(IntEnum):
    """What has to be asked before events are sent again."""

    NONE = 0
    ASK = 1
    """One answer is enough."""
    SETTLE = 2
    """Two answers in a row, a moment apart, have to agree."""


_CONTESTED_WINDOWS_TO_TELL = 2


class Position:
    """What one sender knows about the last number of its run. Without `settles` one answer is always enough."""

    def __init__(self, *, settles: bool) -> None:
        self._settles = settles
        self.doubt = Doubt.ASK  # nobody has asked yet
        self.is_known = False
        self.contested = 0
        """Events that count as delivered although their numbers were taken before this sender first sent them."""
        self._contested_windows = 0
        self._highest = 0  # of all numbers that were ever sent or received
        self._last_answer: int | None = None

    def question(self, doubt: Doubt) -> None:
        """Ask before sending, at least as thoroughly as `doubt` says."""
        if doubt is Doubt.SETTLE:
            self._last_answer = None
            doubt = doubt if self._settles else Doubt.ASK
        self.doubt = max(self.doubt, doubt)

    def trust(self) -> None:
        """Go on without asking: the last answer was clear."""
        self.doubt = Doubt.NONE

    def has_settled(self, last: int, *, all_sent: int | None) -> bool:
        """Return whether an answer to the question can be relied on; if not, ask again after a moment.

        Args:
            last: The answer.
            all_sent: The last number that is under way, None if none is. A backend that has reached it has nothing more
                to take, whoever else writes the run.
        """
        is_settled = self.doubt is not Doubt.SETTLE or last == self._last_answer
        self._last_answer = last
        return is_settled or (all_sent is not None and last >= all_sent)

    def learn(self, last: int) -> bool:
        """Take in a number that the backend answered; return whether it can only be another writer's."""
        is_foreign = self.is_known and last > self._highest
        self.is_known = True
        self._highest = max(self._highest, last)
        return is_foreign

    def sent(self, first: int, count: int) -> range:
        """Take in that numbers were sent; return those of them that were neither sent nor received before."""
        end = first + count
        new = range(max(first, self._highest + 1), end)
        self._highest = max(self._highest, end - 1)
        return new

    def count_contested(self, new: range, *, last: int, accepted: int | None) -> bool:
        """Compare what a window's answer says was accepted with what was new in it; return whether to report it.

        Args:
            new: The numbers of the window that were neither sent nor received before it.
            last: The backend's last number, as answered.
            accepted: How many events of the window were accepted, as answered; None if the answer doesn't say.
        """
        if accepted is None:
            return False
        contested = len(range(new.start, min(new.stop, last + 1))) - accepted
        if contested <= 0:
            return False
        self.contested += contested
        self._contested_windows += 1
        return self._contested_windows >= _CONTESTED_WINDOWS_TO_TELL
