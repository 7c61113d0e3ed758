"""LIV: liveness."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from conformance.contents import content, without
from conformance.history import BackendWentDown

if TYPE_CHECKING:
    from conformance.evidence import Evidence
    from conformance.findings import Findings

_AT_ONCE = 0.1
_AT_ONCE_IN_REAL_TIME = 0.25
_IDLE_FOR_RETRY_DELAYS = 5


def enqueue_returns_at_once(evidence: Evidence, found: Findings) -> None:
    """LIV-1: `enqueue` never waits for the network."""
    slack = evidence.history.slack
    for sender in evidence.senders.values():
        for call in sender.enqueues:
            found.count()
            took = max(call.returned - call.time, call.blocked_for)
            if call.returned - call.time > _AT_ONCE + slack or call.blocked_for > _AT_ONCE_IN_REAL_TIME + slack:
                found.violate(f"enqueue took {took:.3g} s to return", call)


def an_idle_sender_delivers_soon(evidence: Evidence, found: Findings) -> None:
    """LIV-2: an idle sender delivers the next event within its flush delay and two round trips."""
    history, settings = evidence.history, evidence.settings
    limit = settings.flush_delay + 2 * history.round_trip + history.slack
    for sender, run in evidence.pairs():
        arrived = {content(line.event or {}): line for line in reversed(run.taken)}
        for earlier, call in zip(sender.accepted, sender.accepted[1:], strict=False):
            before = arrived.get(content(earlier.event or {}))
            line = arrived.get(content(call.event or {}))
            keys = [content(each.event or {}) for each in (earlier, call)]
            if before is None or not all(evidence.is_one_of_a_kind(run.run_id, key) for key in keys):
                continue
            request = evidence.requests[before.request]
            was_idle = before.time < call.time and (request.ended_at < call.time or settings.window_age > 0)
            disturbed = [each for each in run.requests if each.faults and each.ended_at > earlier.time]
            disturbed += [each for each in evidence.of(BackendWentDown) if each.time > earlier.time]
            if not was_idle or disturbed or any(state.time > earlier.time for state in run.states):
                continue
            found.count()
            if line is None or line.time - call.time > limit:
                took = "never" if line is None else f"{line.time - call.time:.3g} s later"
                found.violate(
                    f"an idle sender was given an event, and it arrived {took}; flush_delay is "
                    f"{settings.flush_delay:g} s, a round trip {history.round_trip:g} s",
                    call,
                    line,
                )


def an_idle_sender_is_silent(evidence: Evidence, found: Findings) -> None:
    """LIV-3: no polling, and no empty windows."""
    history, settings = evidence.history, evidence.settings
    for sender, run in evidence.pairs():
        late = history.round_trip + history.slack
        ends_of_requests = sorted(request.ended_at for request in run.requests)
        for request in run.requests:
            began = request.started.time
            calls = [call for call in sender.accepted if call.time <= began]
            if not calls or began >= sender.stop_called:
                continue
            before = bisect_left(ends_of_requests, began)
            last_end = ends_of_requests[before - 1] if before else 0.0
            quiet = began - max(calls[-1].time, last_end)
            if quiet <= _IDLE_FOR_RETRY_DELAYS * settings.retry_delay + late:
                continue
            if not without(calls, [line for line in run.taken if line.time < began]):
                found.violate(
                    f"an idle sender sent a request ({request.kind}), {quiet:.3g} s after all was done", request.started
                )
        ends = [call.time for call in sender.enqueues[1:]]
        for call, end in zip(sender.enqueues, [*ends, sender.stop_called], strict=False):
            if end - call.time > _IDLE_FOR_RETRY_DELAYS * settings.retry_delay + late:
                found.count()
