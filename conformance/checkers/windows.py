"""WIN: windows and limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conformance.contents import compact_size, content, without
from conformance.evidence import MOST_AROUND_AN_EVENT
from conformance.history import BackendWentDown

if TYPE_CHECKING:
    from conformance.evidence import Evidence, Run, Sender
    from conformance.findings import Findings
    from conformance.history import EnqueueCalled

_REQUESTS_BESIDES_WINDOWS = 2


def windows_keep_their_limits(evidence: Evidence, found: Findings) -> None:
    """WIN-1: never more events, nor more bytes, in a window than configured."""
    settings = evidence.settings
    for run in evidence.runs.values():
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


def events_keep_their_limit(evidence: Evidence, found: Findings) -> None:
    """WIN-2: an event over the size limit is refused, one of exactly the limit is sent."""
    limit = evidence.settings.max_event_bytes
    for sender, run in evidence.pairs():
        for line in run.lines:
            if line.size > limit:
                found.violate(f"a line of {line.size} bytes went out; max_event_bytes is {limit}", line)
        for call in sender.enqueues:
            least, most = _line_sizes(sender, run, call)
            if call.outcome == "oversized":
                found.count()
                if most is not None and most <= limit:
                    found.violate(
                        f"an event was refused as oversized whose line has {most} bytes; max_event_bytes is {limit}",
                        call,
                    )
            elif call.outcome == "accepted" and least is not None and least > limit:
                found.count()
                found.violate(f"an event was accepted whose line has {least} bytes; max_event_bytes is {limit}", call)


def the_buffer_is_bounded(evidence: Evidence, found: Findings) -> None:
    """WIN-3: the buffer is bounded by count and by bytes, refuses past that, and recovers."""
    settings = evidence.settings
    for sender, run in evidence.pairs():
        # What the backend has may still be held, until its answer is there; so this is the least that is held.
        for call in sender.enqueues:
            if call.outcome not in {"accepted", "full"}:
                continue
            gone = [line for line in run.taken if line.time <= call.time]
            held = without([each for each in sender.accepted if each.call <= call.call], gone)
            size = sum(compact_size(each.event or {}) for each in held)
            if call.outcome == "full":
                found.count()
                _check_that_it_was_full(evidence, sender, run, call, found)
            elif len(held) > settings.max_buffered_events:
                found.violate(
                    f"{len(held)} events are held; max_buffered_events is {settings.max_buffered_events}", call
                )
                break
            elif size > settings.max_buffered_bytes:
                found.violate(
                    f"{size} bytes of events are held; max_buffered_bytes is {settings.max_buffered_bytes}", call
                )
                break


def _check_that_it_was_full(evidence: Evidence, sender: Sender, run: Run, call: EnqueueCalled, found: Findings) -> None:
    """A refusal is right if the most that can be held, with this event, is over one of the limits."""
    settings = evidence.settings
    late = evidence.history.round_trip + evidence.history.slack
    settled = {
        line.seq: line
        for request in run.data
        if request.succeeded and request.ended_at + late < call.time
        for line in request.lines
    }
    held = without([each for each in sender.accepted if each.call < call.call], settled.values())
    # A sender may count what surrounds an event on its line.
    size = sum(compact_size(each.event or {}) + MOST_AROUND_AN_EVENT for each in [*held, call])
    if len(held) < settings.max_buffered_events and size <= settings.max_buffered_bytes:
        found.violate(
            f"an event was refused as full when at most {len(held)} events and {size} bytes were held; the limits are "
            f"{settings.max_buffered_events} and {settings.max_buffered_bytes}",
            call,
        )


def the_unserialisable_is_refused_alone(evidence: Evidence, found: Findings) -> None:
    """WIN-4: an event that can't be serialised is refused alone."""
    for sender in evidence.senders.values():
        for call in sender.enqueues:
            if call.event is not None:
                continue
            found.count()
            if call.outcome != "unserializable":
                found.violate(
                    f"an event that JSON can't carry ({call.unserializable}) was answered {call.outcome!r}, "
                    "not 'unserializable'",
                    call,
                )
        if any(call.event is None for call in sender.enqueues):
            missing = evidence.missing(sender)
            if missing and not evidence.excuse(sender):
                found.violate("an event beside one that can't be serialised was not delivered", missing[0])


def a_burst_is_batched(evidence: Evidence, found: Findings) -> None:
    """WIN-5: N events enqueued together need no more than ceil(N / window) + 2 requests."""
    settings = evidence.settings
    if evidence.of(BackendWentDown) or any(request.faults for request in evidence.requests.values()):
        return
    for sender, run in evidence.pairs():
        if any(run.is_poison(call) for call in sender.accepted):
            continue
        bursts: dict[int, list[EnqueueCalled]] = {}
        for call in sender.accepted:
            bursts.setdefault(call.burst, []).append(call)
        for calls in bursts.values():
            size = sum(compact_size(call.event or {}) + MOST_AROUND_AN_EVENT for call in calls)
            if len(calls) <= 1 or size > settings.max_window_bytes:
                continue
            keys = {content(call.event or {}) for call in calls}
            carrying = [
                request for request in run.data if any(content(line.event or {}) in keys for line in request.lines)
            ]
            if not carrying:
                continue
            found.count()
            used = [
                request
                for request in run.requests
                if calls[0].time <= request.started.time <= carrying[-1].started.time
            ]
            most = math.ceil(len(calls) / settings.max_window_events) + _REQUESTS_BESIDES_WINDOWS
            if len(used) > most:
                found.violate(
                    f"{len(calls)} events enqueued together took {len(used)} requests; {most} are the most for windows "
                    f"of {settings.max_window_events}",
                    calls[0],
                    used[-1].started,
                )


def _line_sizes(sender: Sender, run: Run, call: EnqueueCalled) -> tuple[int, int] | tuple[None, None]:
    """The least and the most that this sender's line for an event has or would have, as its lines for like events show.

    They differ where the number that the sender expected the event to get may have had fewer digits, or more.
    """
    if call.event is None:
        return None, None
    for line in run.lines:
        if line.event is not None and line.event.keys() == call.event.keys():
            around = line.size - compact_size(line.event) - len(str(line.seq))
            position = len([each for each in sender.accepted if each.call < call.call])
            lowest = 1 if run.states else position + 1
            highest = position + 1 + max(state.last_accepted_seq for state in run.states) if run.states else lowest
            size = compact_size(call.event) + around
            return size + len(str(lowest)), size + len(str(highest))
    return None, None
