"""What a sender can know: in which order its windows went out, and which answers have reached it.

The backend writes down when it took a line and when it handed an answer to the network. Neither is what the sender
saw: a slow backend takes the lines of a request after those of a later one, and an answer may be lost on its way, or
come when the sender has given up. A checker that takes an answer for what the sender knows asks here first, and where
it isn't certain there is nothing to judge.

For example, where a round trip takes 0.01 s and the network is in trouble right after an answer:

    time     sender                        backend
    0.000    window 1..8          ──>
    0.005                         <──      409, the last number is 4
    0.006             all connections are reset
    0.200    window 1..8          ──>      on a new connection

The 409 may be lost, and a sender that doesn't know of it rightly keeps its numbers: there is nothing to judge. Had it
used the first connection again, it would have read the 409 to its end by that, whatever else went wrong; and had the
network been calm until an answer must have arrived, it would know of it as surely.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from conformance.evidence.history import BackendWentDown, NetworkTrouble
from fake_backend.faults import Latency

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run
    from conformance.evidence.index import Index
    from fake_backend.faults import Fault

_SURE = 0.75


def is_answered_in_time(fault: Fault) -> bool:
    """Whether a fault changes what is answered, and not when: the sender hears it as it hears any answer."""
    return not (fault.takes_time or fault.loses_answer)


class Knowledge:
    """What the senders of one run can know. It is made once for a run, and answers quickly."""

    def __init__(self, index: Index, run: Run) -> None:
        self._index = index
        self._run = run
        self.windows = sorted(run.data, key=lambda each: each.began)
        """The requests that carried events, in the order in which they were begun, whenever their lines were taken."""
        self._next_use: dict[int, Request] = {}
        uses: dict[int, Request] = {}
        for each in run.requests:
            connection = each.started.connection
            if connection in uses:
                self._next_use[uses[connection].number] = each
            uses[connection] = each
        self._senders = [sender for sender in index.senders.values() if sender.run_id == run.run_id]
        self._near = index.history.round_trip + index.history.slack
        self._troubles = [(each.time, each.time + each.seconds) for each in index.of(NetworkTrouble)]
        self._troubles += [(each.time, each.time) for each in index.of(BackendWentDown)]
        # For each place in the order of first lines, which of the windows from there on was begun first.
        self._first_from: list[Request] = []
        for window in reversed(run.data):
            earliest = self._first_from[-1] if self._first_from else window
            self._first_from.append(window if window.began < earliest.began else earliest)
        self._first_from.reverse()

    def is_surely_heard(self, request: Request) -> bool:
        """Whether the answer to a request has reached its sender beyond doubt.

        It has if the sender used the connection again, since it read the answer to its end by that; and if nothing
        was amiss on the network, and the answer came whole, and long before a sender's patience ends. (A backend that
        answers is still connected to its client.)
        """
        return request.answer is not None and (request.number in self._next_use or self._is_undisturbed(request))

    def was_surely_heard_by(self, request: Request, time: float) -> bool:
        """Whether the answer to a request had reached its sender at a time, beyond doubt."""
        if request.answer is None:
            return False
        if request.number in self._next_use and self._next_use[request.number].started.time <= time:
            return True
        return request.ended_at + self._near < time and self._is_undisturbed(request)

    def _is_undisturbed(self, request: Request) -> bool:
        if not all(isinstance(fault, Latency) or is_answered_in_time(fault) for fault in request.faults):
            return False
        began, ended = request.started.time, request.ended_at
        # As long as a window streams its sender isn't waiting; after the last that was seen of it, it may be. A slow
        # backend sees late what was sent long ago.
        seen = [began, *(line.time for line in request.lines), began if request.body is None else request.body.time]
        waits_since = max(seen) if not any(isinstance(fault, Latency) for fault in request.faults) else began
        patience = _SURE * self._index.history.settings.request_timeout
        return ended - waits_since <= patience and not self.was_disturbed(began, ended)

    def was_disturbed(self, began: float, ended: float) -> bool:
        """Whether the network did something in a stretch of time, or so near it that what was on its way was hit."""
        return any(until >= began - self._near and since <= ended + self._near for since, until in self._troubles)

    def next_window(self, request: Request) -> Request | None:
        """The next window that its sender began in the knowledge of a request's answer.

        None if there is none, or if it isn't certain: the answer may be lost, a window may have been begun before it
        came, or the window may be another sender's of the same run.
        """
        place = bisect_right(self._run.data, request.ended, key=lambda each: each.data_began)
        if place == len(self._run.data) or not self.is_surely_heard(request):
            return None
        following = self._first_from[place]
        is_certain = following.began > request.ended and self.is_of_one_sender(request, following)
        return following if is_certain else None

    def had_asked(self, request: Request) -> bool:
        """Whether the sender of a window had been told where the backend stands; a successor has to ask for itself."""
        told = self._run.told_before(request.data_began)
        if not told:
            return False
        opened = [each.opened for each in self._run.senders if self._index.is_before(each.opened, request.started)]
        return not opened or self._index.is_before(opened[-1], told[-1].started)

    def positions_known_to(self, request: Request, following: Request) -> set[int]:
        """The numbers that the sender of `following` may go by: told by the answer to `request`, or by one after it."""
        return {each.last_told or 0 for each in self._run.told_between(request, following)}

    def is_of_one_sender(self, request: Request, following: Request) -> bool:
        """Whether two requests of a run can only stem from the same sender."""
        at_work = self._at_work(request)
        return len(at_work) == 1 and at_work == self._at_work(following)

    def _at_work(self, request: Request) -> list[int]:
        return [
            sender.opened.sender
            for sender in self._senders
            if self._index.is_before(sender.opened, request.started)
            and request.started.time <= sender.stop_returned + self._near
        ]
