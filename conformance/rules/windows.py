"""WIN: windows and limits."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from conformance.evidence.exchanges import MOST_AROUND_AN_EVENT, last_after
from conformance.evidence.history import BackendWentDown, NetworkTrouble
from conformance.evidence.losses import wrong_answers
from conformance.evidence.protocol import OK, PRESENT, REFUSALS
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Run, Sender
    from conformance.evidence.facts import Facts
    from conformance.evidence.history import EnqueueCalled
    from conformance.evidence.knowledge import Knowledge
    from conformance.evidence.payloads import Payloads
    from conformance.evidence.settings import Settings
    from conformance.rules.findings import Findings

_REQUESTS_BESIDES_WINDOWS = 2


def windows_keep_their_limits(facts: Facts, found: Findings) -> None:
    """WIN-1: never more events, nor more bytes, in a window than configured."""
    settings = facts.settings
    for run in facts.index.runs.values():
        for request in run.data:
            found.count()
            events = [line for line in request.lines if line.seq is not None]
            if len(events) > settings.max_window_events:
                found.violate(
                    f"request {request.number} carried {len(events)} events; "
                    f"max_window_events is {settings.max_window_events}",
                    events[0],
                    events[-1],
                )
            # The last line needs no newline, so it isn't counted where the whole size is unknown.
            size = request.body.size if request.body else sum(line.size + 1 for line in request.lines) - 1
            if size > settings.max_window_bytes:
                found.violate(
                    f"request {request.number} carried {size} bytes; max_window_bytes is {settings.max_window_bytes}",
                    request.body or request.lines[-1],
                )


def events_keep_their_limit(facts: Facts, found: Findings) -> None:
    """WIN-2: an event over the size limit is refused, one of exactly the limit is sent."""
    limit = facts.settings.max_event_bytes
    for run in facts.index.runs.values():
        for line in run.lines:
            if line.size > limit:
                found.violate(f"a line of {line.size} bytes went out; max_event_bytes is {limit}", line)
    for sender, run in facts.index.pairs():
        position = 0
        for call in sender.enqueues:
            if call.event is None or (call.outcome == "accepted" and facts.payloads.surely_fits(call.event, limit)):
                position += call.outcome == "accepted"
                continue
            is_told_by_size = call.outcome in {"accepted", "oversized"}
            sizes = facts.handwriting(run).sizes_of(call.event) if is_told_by_size else None
            found.count(call.outcome == "oversized" or (bool(run.states) and facts.losses.may_have_outgrown(run, call)))
            if sizes is not None and call.outcome == "oversized":
                most = sizes[1] + len(str(position + 1 + _highest_number_of_others(run)))
                if most <= limit:
                    found.violate(
                        f"an event was refused as oversized whose line has {most} bytes; max_event_bytes is {limit}",
                        call,
                    )
            elif sizes is not None and call.outcome == "accepted" and sizes[0] + 1 > limit:
                found.violate(
                    f"an event was accepted whose line has {sizes[0] + 1} bytes; max_event_bytes is {limit}", call
                )
            position += call.outcome == "accepted"


def _highest_number_of_others(run: Run) -> int:
    """The highest number that a sender may have gone on from, without having sent so many events."""
    return max([0, *(state.last_accepted_seq for state in run.states), *(each.last_told or 0 for each in run.told)])


def the_buffer_is_bounded(facts: Facts, found: Findings) -> None:
    """WIN-3: the buffer is bounded by count and by bytes, refuses past that, and recovers."""
    settings = facts.settings
    for sender, run in facts.index.pairs():
        knowledge = facts.knowledge(run)
        held = _Held(run, facts.payloads)
        is_overfull = False
        for call in sender.enqueues:
            if call.outcome == "full":
                found.count()
                _check_that_it_was_full(knowledge, facts, sender, call, found)
            elif call.outcome == "accepted" and not facts.losses.may_have_outgrown(run, call):
                held.put(call)
                if is_overfull or not held.is_over(settings):
                    continue
                sizes = held.sizes_without(_may_have_left(facts, run, call.time))
                is_overfull = len(sizes) > settings.max_buffered_events or sum(sizes) > settings.max_buffered_bytes
                if len(sizes) > settings.max_buffered_events:
                    found.violate(
                        f"{len(sizes)} events are held, with those under way; max_buffered_events is "
                        f"{settings.max_buffered_events}",
                        call,
                    )
                elif sum(sizes) > settings.max_buffered_bytes:
                    found.violate(
                        f"{sum(sizes)} bytes of events are held, with those under way; max_buffered_bytes is "
                        f"{settings.max_buffered_bytes}",
                        call,
                    )


class _Held:
    """What a sender must hold at the least: what it accepted, but for what the backend has.

    That may still be held, until its answer is there, and isn't counted.
    """

    def __init__(self, run: Run, payloads: Payloads) -> None:
        self._payloads = payloads
        self._to_come = deque((line.time, payloads.content(line.event)) for line in run.taken)
        self._there: defaultdict[str, int] = defaultdict(int)  # lines that no call accounts for yet
        self._sizes: dict[str, list[int]] = {}
        self._count = self._bytes = 0

    def put(self, call: EnqueueCalled) -> None:
        """An event was accepted, and time has passed until then."""
        key, size = self._payloads.content(call.event), self._payloads.compact_size(call.event)
        self._sizes.setdefault(key, []).append(size)
        self._count += 1
        self._bytes += size
        arrived = {key}
        while self._to_come and self._to_come[0][0] <= call.returned:
            _, line = self._to_come.popleft()
            self._there[line] += 1
            arrived.add(line)
        for each in arrived:
            while self._there[each] and self._sizes.get(each):
                self._there[each] -= 1
                self._count -= 1
                self._bytes -= self._sizes[each].pop()

    def is_over(self, settings: Settings) -> bool:
        """Whether all of that is more than a buffer may hold."""
        return self._count > settings.max_buffered_events or self._bytes > settings.max_buffered_bytes

    def sizes_without(self, count: int) -> list[int]:
        """The sizes of what is held, but for the largest so many."""
        sizes = sorted(size for sizes in self._sizes.values() for size in sizes)
        return sizes[: max(len(sizes) - count, 0)]


def _may_have_left(facts: Facts, run: Run, time: float) -> int:
    """How many events may have left a sender without the backend having taken them.

    For each refusal one may have been dropped; each number that another took may have been taken for an event's; and a
    wrong answer may have been taken for the end of a window.
    """
    refusals = [
        request
        for request in run.requests
        if request.answer is not None and request.answer.status in REFUSALS and request.ended_at <= time
    ]
    wrong = [request for request, _ in wrong_answers(facts.index, run) if request.ended_at <= time]
    count, stands_at = len(refusals) + len(wrong) * facts.settings.max_window_events, 0
    for record in run.changes:
        if record.time > time:
            break
        last = last_after(record)
        if not isinstance(record, LineReceived):
            count += max(last - stands_at, 0)
        stands_at = last
    return count


def _check_that_it_was_full(
    knowledge: Knowledge, facts: Facts, sender: Sender, call: EnqueueCalled, found: Findings
) -> None:
    """A refusal is right if the most that can be held, with this event, is over one of the limits."""
    settings = facts.settings
    settled = [
        line
        for request in knowledge.windows
        if request.succeeded and knowledge.was_surely_heard_by(request, call.time)
        for line in request.lines
        if (line.seq or 0) <= (request.last_told or 0) and line.decision in PRESENT
    ]
    accepted = [each for each in sender.accepted if each.call < call.call]
    held = facts.payloads.without(accepted, settled)
    # Order is kept, so what was enqueued before an event that is known to be taken has left as well, if only refused.
    calls_held = {each.call for each in held}
    left = max((each.call for each in accepted if each.call not in calls_held), default=0)
    held = [each for each in held if each.call > left]
    # A sender may count what surrounds an event on its line.
    size = sum(facts.payloads.largest_size(each.event) + MOST_AROUND_AN_EVENT for each in [*held, call])
    if len(held) < settings.max_buffered_events and size <= settings.max_buffered_bytes:
        found.violate(
            f"an event was refused as full when at most {len(held)} events and {size} bytes were held; the limits are "
            f"{settings.max_buffered_events} and {settings.max_buffered_bytes}",
            call,
        )


def the_unserializable_is_refused_alone(facts: Facts, found: Findings) -> None:
    """WIN-4: an event that can't be serialized is refused alone."""
    for sender, run in facts.index.pairs():
        for call in sender.enqueues:
            if call.event is not None:
                continue
            found.count()
            # One that takes nothing more needn't look at what it is given.
            is_closed = call.outcome == "closed" and (
                run.final_answers or any(facts.index.is_before(stop, call) for stop in sender.stops)
            )
            if call.outcome != "unserializable" and not is_closed:
                found.violate(
                    f"an event that JSON can't carry ({call.unserializable}) was answered {call.outcome!r}, "
                    "not 'unserializable'",
                    call,
                )
        if any(call.event is None for call in sender.enqueues):
            missing = facts.losses.of(sender)
            if missing and not facts.outages.excuse(sender):
                found.violate("an event beside one that can't be serialized was not delivered", missing[0])


def a_burst_is_batched(facts: Facts, found: Findings) -> None:
    """WIN-5: N events enqueued together need no more than ceil(N / window) + 2 requests."""
    settings = facts.settings
    if _something_went_wrong(facts):
        return
    for sender, run in facts.index.pairs():
        bursts: dict[int, list[EnqueueCalled]] = {}
        for call in sender.accepted:
            bursts.setdefault(call.burst, []).append(call)
        for calls in bursts.values():
            size = sum(facts.payloads.largest_size(call.event) + MOST_AROUND_AN_EVENT for call in calls)
            if len(calls) <= 1 or size > settings.max_window_bytes:
                continue
            keys = {facts.content(call.event) for call in calls}
            carrying = [
                request for request in run.data if any(facts.content(line.event) in keys for line in request.lines)
            ]
            if not carrying or not all(facts.index.is_unique(run.run_id, key) for key in keys):
                continue
            found.count()
            # Windows that carry none of these events are those of others, which were enqueued before; and what begins
            # while the burst is still being enqueued can't know what else there will be.
            used = [
                request
                for request in run.requests
                if calls[-1].returned <= request.started.time <= carrying[-1].started.time
                and (request in carrying or request.kind != "data")
            ]
            most = math.ceil(len(calls) / settings.max_window_events) + _REQUESTS_BESIDES_WINDOWS
            if len(used) > most:
                found.violate(
                    f"{len(calls)} events enqueued together took {len(used)} requests; "
                    f"at most {most} are allowed with windows of {settings.max_window_events}",
                    calls[0],
                    used[-1].started,
                )


def _something_went_wrong(facts: Facts) -> bool:
    """Whether anything happened that costs a sender requests, or leads it to smaller windows."""
    return (
        bool(facts.index.of(BackendWentDown) or facts.index.of(NetworkTrouble))
        or any(request.faults for request in facts.index.requests.values())
        or any(request.answer is None or request.answer.status != OK for request in facts.index.requests.values())
    )
