"""LIV: liveness."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from fake_backend.faults import BufferRequest, IdleCut

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.facts import Facts
    from conformance.evidence.history import EnqueueCalled
    from conformance.rules.findings import Findings

_AT_ONCE = 0.1
_AT_ONCE_IN_REAL_TIME = 0.25
_A_BYTE = 1e-6
"""Seconds that a slow parser of JSON takes for a byte, with something to spare."""
_IDLE_FOR_RETRY_DELAYS = 5
_ROUND_TRIPS = 4
_WINDOWS_TO_LEARN_BY = 2
"""So many windows may be lost to a proxy that holds bodies back, until a sender knows better than to keep one open."""


def enqueue_returns_at_once(facts: Facts, found: Findings) -> None:
    """LIV-1: `enqueue` never waits for the network."""
    slack = facts.history.slack
    for sender in facts.index.senders.values():
        for call in sender.enqueues:
            found.count()
            for took, at_once in ((call.returned - call.time, _AT_ONCE), (call.blocked_for, _AT_ONCE_IN_REAL_TIME)):
                most = at_once + slack
                if took > most and took > (most := most + _time_to_read(facts, sender, call)):
                    found.violate(f"enqueue took {took:.3g} s to return; at most {most:.3g} s are allowed", call)
                    break


def _time_to_read(facts: Facts, sender: Sender, call: EnqueueCalled) -> float:
    """What an adapter may take to parse the events of a burst, which come to it on one line."""
    if facts.history.world == "simulated":
        return 0.0
    burst = [each for each in sender.enqueues if each.burst == call.burst]
    return _A_BYTE * sum(facts.payloads.compact_size(each.event) for each in burst)


def an_idle_sender_delivers_soon(facts: Facts, found: Findings) -> None:
    """LIV-2: an idle sender delivers the next event soon, and a busy one lets none wait for nothing."""
    for sender, run in facts.index.pairs():
        course = _Course(facts, run)
        _check_that_an_idle_sender_delivers_soon(facts, sender, run, course, found)
        _check_that_nothing_waits_between_requests(facts, sender, run, course, found)
        _check_that_it_learns_of_a_proxy(facts, run, found)


def _check_that_an_idle_sender_delivers_soon(
    facts: Facts, sender: Sender, run: Run, course: _Course, found: Findings
) -> None:
    """Within the flush delay and two round trips it is there."""
    history, settings = facts.history, facts.settings
    late = history.round_trip + history.slack
    limit = settings.flush_delay + late + history.round_trip
    arrived = {facts.content(line.event): line for line in reversed(run.taken)}
    last_fault = max((each.ended_at for each in run.requests if _may_hold_up(facts, each)), default=-math.inf)
    last_set = max((state.time for state in run.states), default=-math.inf)
    for earlier, call in pairwise(sender.accepted):
        before = arrived.get(facts.content(earlier.event))
        line = arrived.get(facts.content(call.event))
        # Asked first, since in a burst it is so of every event.
        if before is None or call.time <= before.time:
            continue
        keys = [facts.content(each.event) for each in (earlier, call)]
        if not all(facts.index.is_unique(run.run_id, key) for key in keys):
            continue
        under_way = course.under_way(call.time, late)
        # An event that comes while a window is open goes into that, unless it is about to close.
        is_open = settings.window_age > 0 and (line is None or [line.request] == under_way)
        was_idle = not under_way or is_open
        until = facts.index.ended if line is None else line.time
        disturbed = last_fault > earlier.time or last_set > earlier.time
        disturbed |= not facts.outages.is_calm(earlier.time, until, cuts_from=call.time - late)
        disturbed |= bool(run.final_answers)
        if not was_idle or disturbed:
            continue
        if line is None and (until - call.time <= limit or call not in facts.losses.of(sender)):
            continue
        found.count()
        if until - call.time > limit:
            took = "never" if line is None else f"{until - call.time:.3g} s later"
            found.violate(
                f"an idle sender was given an event, and it arrived {took}; flush_delay is "
                f"{settings.flush_delay:g} s, a round trip {history.round_trip:g} s",
                call,
                line,
            )


def _may_hold_up(facts: Facts, request: Request) -> bool:
    """Whether a fault of a request may have held up its events, or those behind them.

    A proxy that holds bodies back lets one pass at once that ends at once, as all do without a window age; and what
    becomes of a connection after an answer has no part in it.
    """
    harmless: list[type] = []
    if facts.settings.window_age == 0:
        harmless.append(BufferRequest)
    if request.answer is not None:
        harmless.append(IdleCut)
    return not all(isinstance(fault, tuple(harmless)) for fault in request.faults)


def _check_that_it_learns_of_a_proxy(facts: Facts, run: Run, found: Findings) -> None:
    """A window that is left open behind a proxy that holds bodies back is thrown away: once, but not for ever."""
    if len(run.senders) > 1 or run.states:
        return
    thrown = [each for each in run.requests if _is_thrown_away(facts, each)]
    found.count(len(thrown))
    if len(thrown) > _WINDOWS_TO_LEARN_BY:
        quiet = min(fault.seconds for fault in thrown[0].faults if isinstance(fault, BufferRequest))
        found.violate(
            f"{len(thrown)} windows were left open for so long that a proxy which holds bodies back threw them away, "
            f"since nothing more came for {quiet:.3g} s",
            thrown[0].started,
            thrown[0].end,
            thrown[-1].started,
            thrown[-1].end,
        )


def _is_thrown_away(facts: Facts, request: Request) -> bool:
    """Whether a proxy threw a body away for its being quiet, and that was nobody's doing but the sender's."""
    if not request.faults or not all(isinstance(fault, BufferRequest) for fault in request.faults):
        return False
    if request.end is None or request.body is not None or request.lines:
        return False
    was_left = request.broken is not None and request.broken.cause != "fault"
    return not was_left and facts.outages.is_calm(request.started.time, request.ended_at)


def _check_that_nothing_waits_between_requests(
    facts: Facts, sender: Sender, run: Run, course: _Course, found: Findings
) -> None:
    """Where something waits, the next request begins within the flush delay and four round trips of the last one's end.

    The four are the way of the answer, a new connection and the way of the request. Whoever was last told that
    anything went wrong may wait before he goes on; so this asks after requests that went well. A question that isn't
    the first request may be about a window of which nobody knows what became; it is asked again after `settle_delay`.
    """
    history, settings = facts.history, facts.settings
    at_once = settings.flush_delay + _ROUND_TRIPS * history.round_trip + history.slack
    calls = _told_apart(facts, sender, run)
    sent: set[int] = set()
    for place, request in enumerate(run.requests):
        before = run.requests[place - 1] if place else None
        limit = at_once + _settling_after(facts, run, place)
        keys = {facts.content(line.event) for line in request.lines}
        carried = [calls[key] for key in keys if key in calls and calls[key].call not in sent]
        sent |= {call.call for call in carried}
        if carried and not _may_rest_after(facts, run, course, place, request.started.time):
            _check_the_wait(before, min(carried, key=lambda call: call.time), request, limit, found)
    waiting = [call for call in facts.losses.of(sender) if call.call not in sent]
    last = run.requests[-1] if run.requests else None
    until = min(sender.stop_returned, facts.index.ended)
    if waiting and not _may_rest_after(facts, run, course, len(run.requests), until):
        since = max(waiting[0].time, 0.0 if last is None else last.ended_at)
        if until - since > at_once + _settling_after(facts, run, len(run.requests)):
            found.violate(
                f"an event waited for {until - since:.3g} s with nothing in its way, and was never sent", waiting[0]
            )


def _settling_after(facts: Facts, run: Run, count: int) -> float:
    """Return how long a sender may wait after its n-th request until it asks again where the backend stands."""
    is_asked_again = count > 1 and run.requests[count - 1].kind == "sync"
    return facts.settings.settle_delay if is_asked_again else 0.0


def _check_the_wait(
    before: Request | None, call: EnqueueCalled, request: Request, limit: float, found: Findings
) -> None:
    found.count()
    since = call.time if before is None else max(call.time, before.ended_at)
    waited = request.started.time - since
    if waited > limit:
        found.violate(
            f"an event waited for {waited:.3g} s after nothing prevented its delivery any more; "
            f"at most {limit:.3g} s are allowed",
            call,
            None if before is None else before.end,
            request.started,
        )


def _told_apart(facts: Facts, sender: Sender, run: Run) -> dict[str, EnqueueCalled]:
    """The accepted calls by content, but for those whose events nobody can tell apart."""
    keyed = ((facts.content(call.event), call) for call in sender.accepted)
    return {key: call for key, call in keyed if facts.index.is_unique(run.run_id, key)}


def _may_rest_after(facts: Facts, run: Run, course: _Course, count: int, until: float) -> bool:
    """Whether a sender may have had a reason to wait after so many requests, or their order isn't certain."""
    if len(run.senders) > 1:
        return True
    began = run.requests[count - 1].started.time if count else facts.history.began
    if not facts.outages.is_calm(began, until):
        return True
    return course.may_have_failed[count] or course.ends_past(until, began=began)


def an_idle_sender_is_silent(facts: Facts, found: Findings) -> None:
    """LIV-3: no polling, and no empty windows, once it is known that all was done."""
    history, settings = facts.history, facts.settings
    idle = _IDLE_FOR_RETRY_DELAYS * settings.retry_delay + settings.settle_delay + history.round_trip + history.slack
    for sender, run in facts.index.pairs():
        times = [call.time for call in sender.accepted]
        last_end = list(accumulate((each.ended_at for each in run.requests), max))
        for place, (before, request) in enumerate(pairwise(run.requests)):
            began = request.started.time
            calls = bisect_right(times, began)
            if not calls or began >= sender.stop_called or len(run.senders) > 1:
                continue
            quiet = began - max(times[calls - 1], before.ended_at)
            under_way = last_end[place] > began
            is_told = facts.outages.went_well(before) and facts.outages.is_calm(before.started.time, began)
            if quiet <= idle or under_way or not is_told:
                continue
            if not facts.payloads.without(sender.accepted[:calls], [line for line in run.taken if line.time < began]):
                found.violate(
                    f"an idle sender sent a request ({request.kind}), {quiet:.3g} s after all was done", request.started
                )
        ends = [*(call.time for call in sender.enqueues[1:]), min(sender.stop_called, facts.index.ended)]
        for call, end in zip(sender.enqueues, ends, strict=False):
            found.count(end - call.time > idle)


class _Course:
    """When the requests of a run began and ended, so that a moment is asked about in less than a look at each of them.

    Args:
        facts: The history that the run is of.
        run: The run.

    `may_have_failed` tells, for each number of requests from the first on, whether the last that counts of those may
    have gone wrong. Whoever asks after trouble may wait after the answer as well as before the question, so a question
    that was answered well doesn't count.
    """

    def __init__(self, facts: Facts, run: Run) -> None:
        self._requests = sorted(run.requests, key=lambda each: each.started.time)
        self._began = [each.started.time for each in self._requests]
        self._last_end = list(accumulate((each.ended_at for each in self._requests), max, initial=-math.inf))
        self.may_have_failed = [False]
        for each in run.requests:
            went_well = facts.outages.went_well(each)
            counts = each.kind != "sync" or not went_well
            self.may_have_failed.append(not went_well if counts else self.may_have_failed[-1])

    def under_way(self, at: float, late: float) -> list[int]:
        """The numbers of the requests that were under way at a time, or had ended less than `late` before; two do."""
        found: list[int] = []
        place = bisect_left(self._began, at)
        while place and len(found) < 2 and self._last_end[place] + late > at:  # noqa: PLR2004 - more are just as many
            place -= 1
            if self._requests[place].ended_at + late > at:
                found.append(self._requests[place].number)
        return found

    def ends_past(self, at: float, *, began: float) -> bool:
        """Whether a request that was begun before a time ended after it, and not before `began`."""
        last_end = self._last_end[bisect_left(self._began, at)]
        return last_end > at and last_end >= began
