"""What stood in a sender's way: outages, requests that failed, and the waits that an honest sender takes after them.

A sender that reaches its deadline is excused by what kept it busy until then, and by nothing else. Wherever a history
leaves it open whether the sender could have done better, it is taken to have done its best: a checker that asks here
blames nobody for the network.

For example, with a `stop_timeout` of 10 s, a `request_timeout` of 2 s and a `max_retry_delay` of 2 s:

    0.0    stop is called, and the backend is down
    4.0    the backend is up again
    6.3    an attempt that was begun just before that is given up at the latest (its 2 s, and some tolerance)
    8.8    the longest delay after it is over (2 s, and a quarter of that for jitter)
    10.0   stop returns, with events left

From 8.8 on nothing kept it busy, which is longer than the rest of 1 s that a drain of 10 s may take: it isn't excused.
If the backend is up again at 5.0, an honest sender may still be waiting at 9.8, and it is.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from conformance.evidence.history import BackendCameUp, BackendWentDown, NetworkTrouble
from conformance.evidence.protocol import ACCEPTED, CONFLICT, PRESENT, REFUSALS
from fake_backend.faults import CloseOnReuse, Down, IdleCut
from fake_backend.records import FaultStruck

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.index import Index
    from conformance.evidence.knowledge import Knowledge

Interval: TypeAlias = "tuple[float, float]"

_NOT_TAKEN = REFUSALS | {CONFLICT}
_TOLERANCE = 0.1
_LEAST_TOLERANCE = 0.25
_JITTER = 1.25
"""By so much may jitter stretch the longest delay."""
_ROUND_TRIPS_OF_A_STEP = 6


class Outages:
    """What kept the senders of one history from delivering.

    Args:
        index: The history.
        knowledge: Gives what the senders of a run can know.
    """

    def __init__(self, index: Index, knowledge: Callable[[Run], Knowledge]) -> None:
        self._index = index
        self._knowledge = knowledge
        self._settings = index.history.settings
        self._late = index.history.round_trip + index.history.slack
        self._heard: dict[int, bool] = {}
        self._idle_cuts = frozenset(struck.time for struck in _cuts_of_idle_connections(index))
        self.intervals = sorted(_outages(index))
        """When the backend couldn't be reached, or an attempt may have failed without its having seen any of it."""

    @property
    def longest_attempt(self) -> float:
        """The most time that a request may take whose peer stops to answer, from its start to its being given up."""
        timeout = self._settings.request_timeout
        return timeout + max(_TOLERANCE * timeout, _LEAST_TOLERANCE) + self._settings.window_age + self._late

    @property
    def longest_delay(self) -> float:
        """The most time that a sender may wait before the next attempt, if nobody asked it to wait longer."""
        return _JITTER * self._settings.max_retry_delay + self._late

    def is_calm(self, begin: float, end: float, *, cuts_from: float = -math.inf) -> bool:
        """Whether the backend could be reached all the time.

        A connection that was cut while nothing was under way, long enough before `cuts_from` for its sender to have
        noticed, keeps nobody from reaching it.
        """
        # A loop, since every checker asks, and for most requests: any() would make a generator each time.
        for began, ended in self.intervals:
            if began <= end + self._late and begin <= ended + self._late:
                if ended < cuts_from and began in self._idle_cuts:
                    continue
                return False
        return True

    def was_heard(self, request: Request) -> bool:
        """Whether the answer to a request has reached its sender beyond doubt."""
        heard = self._heard.get(request.number)
        if heard is None:
            heard = self._heard[request.number] = self._was_heard(request)
        return heard

    def _was_heard(self, request: Request) -> bool:
        run = self._index.run(request.started.run_id or "")
        began, ended = request.started.time, request.ended_at
        arrives = ended + self._index.history.round_trip / 2
        timeout = self._settings.stop_timeout
        # What comes after the last return of stop is told to nobody, and perhaps not what comes at its very deadline.
        if not any(
            each.opened.time <= began
            and (not each.returns or arrives <= each.returns[-1].time)
            and arrives < each.stop_called + timeout
            for each in run.senders
        ):
            return False
        return self._knowledge(run).is_surely_heard(request) and self.is_calm(began, ended)

    def went_well(self, request: Request) -> bool:
        """Whether a sender surely knows that all of a request succeeded, and so has nothing to wait for."""
        was_taken = all(line.decision in PRESENT for line in request.lines)
        all_of_it = request.kind != "data" or (was_taken and request.last_told == request.highest_seq)
        return request.succeeded and all_of_it and request.kind != "unknown" and self.was_heard(request)

    def excuse(self, sender: Sender) -> bool:
        """Whether something kept a sender from delivering, for good or until its deadline."""
        run = self._index.run(sender.run_id)
        if run.final_answers or any(state.complete for state in run.states):
            return True
        return self.held_up(sender)

    def held_up(self, sender: Sender, *, refusals_count: bool = True) -> bool:
        """Whether a drain that took all its time was held up from outside, until the end and without a longer rest.

        Args:
            sender: The sender that drained.
            refusals_count: A 400, 409 or 413 that no fault gave was the sender's own doing, be it that it was new to
                it; False takes no account of them.
        """
        timeout = self._settings.stop_timeout
        if not sender.stops:
            return False
        if sender.stop_returned - sender.stop_called < 0.9 * timeout and not self._was_asked_to_wait(sender):
            return False
        rest = max(
            _TOLERANCE * timeout, _LEAST_TOLERANCE + self._settings.flush_delay + _ROUND_TRIPS_OF_A_STEP * self._late
        )
        begin, end = sender.stop_called, min(sender.stop_returned, sender.stop_called + timeout)
        held_up = [(began, ended + self.longest_attempt + self.longest_delay) for began, ended in self.intervals]
        held_up += [
            interval
            for request in self._index.run(sender.run_id).requests
            if (interval := self._held_up_by(request, refusals_count=refusals_count)) is not None
        ]
        return _longest_gap(held_up, begin, end) <= rest

    def _was_asked_to_wait(self, sender: Sender) -> bool:
        """Whether a `Retry-After` allowed no further attempt before the deadline, so that `stop` may return early.

        The sender counts from when it reads that, which is a little later than it was written.
        """
        deadline = sender.stop_called + self._settings.stop_timeout - self._late
        return any(
            asked is not None and asked.time <= sender.stop_returned and asked.time + asked.seconds > deadline
            for asked in (request.retry_after for request in self._index.run(sender.run_id).requests)
        )

    def _held_up_by(self, request: Request, *, refusals_count: bool) -> Interval | None:
        began = request.started.time
        ended = min(request.ended_at, began + self.longest_attempt)
        if self.went_well(request):
            moved = any(each.decision == ACCEPTED for each in request.lines)
            return (began, ended) if moved or request.faults or request.completions else None
        if not request.faults and self.is_calm(began, ended):
            if request.answer is not None:
                if request.answer.status in _NOT_TAKEN and not refusals_count:
                    return None
            elif request.broken is None or request.broken.cause == "client-disconnected":
                return None  # nobody kept it from being finished but its sender
        asked = 0.0 if request.retry_after is None else (1 + _TOLERANCE) * request.retry_after.seconds
        return began, ended + max(self.longest_delay, asked)


def _cuts_of_idle_connections(index: Index) -> list[FaultStruck]:
    """The cuts of connections over which nothing was under way, as far as the backend saw."""
    return [
        struck
        for struck in index.of(FaultStruck)
        if isinstance(struck.fault, IdleCut) and index.requests[struck.request].answer is not None
    ]


def _outages(index: Index) -> list[Interval]:
    found = [(record.time, record.time + record.seconds) for record in index.of(NetworkTrouble)]
    for struck in index.of(FaultStruck):
        match struck.fault:
            case Down(seconds=seconds):
                found.append((struck.time, struck.time + seconds))
            case CloseOnReuse() | IdleCut():
                # A request ended with its connection before anything of it was seen.
                found.append((struck.time, struck.time))
            case _:
                pass
    went = [record.time for record in index.of(BackendWentDown)]
    came = [record.time for record in index.of(BackendCameUp)]
    found += [(at, next((up for up in came if up >= at), index.ended)) for at in went]
    return found


def _longest_gap(intervals: list[Interval], begin: float, end: float) -> float:
    """The longest stretch between two times that no interval covers."""
    edges = [(begin, begin), *sorted(each for each in intervals if each[1] > begin and each[0] < end), (end, end)]
    longest, covered = 0.0, begin
    for _, (began, ended) in pairwise(edges):
        longest = max(longest, began - covered)
        covered = max(covered, ended)
    return longest
