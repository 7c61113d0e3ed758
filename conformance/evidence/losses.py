"""Which events are lost by their sender's doing, and which by what no sender could have known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from conformance.evidence.exchanges import MOST_AROUND_AN_EVENT
from conformance.evidence.payloads import content, largest_size, surely_fits
from conformance.evidence.poison import refused_calls
from fake_backend.records import LineReceived, StateSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.history import EnqueueCalled
    from conformance.evidence.index import Evidence


_MOST_AROUND_A_NUMBER = MOST_AROUND_AN_EVENT + 20
"""Bytes around an event, with its number."""


def lost_events(evidence: Evidence, sender: Sender) -> list[EnqueueCalled]:
    """What `enqueue` accepted, the backend never did, and the sender is to blame for, in the order of the calls.

    It is not to blame for an event that the backend refuses whenever it comes; for one whose line outgrew the limit,
    because it was told a longer number; nor for those that were in doubt when another writer took just their numbers,
    so that the backend seems to have them; nor for those that the backend said it had.
    """
    return evidence.once("lost", sender, lambda: _lost_events(evidence, sender))


def _lost_events(evidence: Evidence, sender: Sender) -> list[EnqueueCalled]:
    run = evidence.run(sender.run_id)
    missing = [call for call in evidence.missing(sender) if not run.is_poison(call)]
    if not missing:
        return missing
    missing = [call for call in missing if not may_have_outgrown(evidence, run, call)]
    missing = _without_those_lied_about(evidence, run, missing)
    seeming = _seeming_deliveries(evidence, run, missing)
    missing = [call for call in missing if call.call not in seeming]
    return _without_those_refused_later(evidence, sender, missing) if missing else missing


def _seeming_deliveries(evidence: Evidence, run: Run, missing: list[EnqueueCalled]) -> dict[int, float]:
    """The missing calls whose events may seem delivered, since others took their numbers; and since when."""
    seeming: dict[int, float] = {}
    for count, until in _numbers_taken_by_others(evidence, run):
        waiting = [call for call in missing if call.time <= until and call.call not in seeming]
        seeming |= {call.call: until for call in waiting[:count]}
    return seeming


def _without_those_refused_later(
    evidence: Evidence, sender: Sender, missing: list[EnqueueCalled]
) -> list[EnqueueCalled]:
    """Leave out what was refused as the oldest, once those before it seemed delivered by others' numbers.

    What was refused unread is blamed on the oldest that the backend doesn't have. Its sender may have taken that one
    for delivered by then, and the next for the one that is refused.
    """
    run = evidence.run(sender.run_id)
    calls = evidence.missing(sender)
    seeming = _seeming_deliveries(evidence, run, calls)
    if not seeming:
        return missing
    since = {content(call.event or {}): seeming[call.call] for call in calls if call.call in seeming}
    refused = refused_calls(run, since)
    return [call for call in missing if (call.sender, call.call) not in refused]


def may_have_outgrown(evidence: Evidence, run: Run, call: EnqueueCalled) -> bool:
    """Whether an event's line may be over the limit under the highest number that the run came to."""
    if call.event is None or surely_fits(call.event, evidence.settings.max_event_bytes - _MOST_AROUND_A_NUMBER):
        return False
    others = [state.last_accepted_seq for state in run.states] + [each.last_told or 0 for each in run.told]
    highest = max(others, default=0) + call.call
    room = evidence.settings.max_event_bytes - len(str(highest))
    if largest_size(call.event) + MOST_AROUND_AN_EVENT <= room:
        return False
    sizes = evidence.handwriting(run).sizes_of(call.event)
    return sizes is None or sizes[1] > room


def changes(_evidence: Evidence, run: Run) -> Iterator[LineReceived | StateSet]:
    """The records that changed where a run stands, in order: lines that were accepted, and what was set."""
    return iter(run.changes)


def wrong_answers(evidence: Evidence, run: Run) -> Iterator[tuple[Request, int]]:
    """The answers that tell another number than the one at which the run stands, and that number."""
    stands_at = done = 0
    for request in run.told:
        while done < len(run.changes) and evidence.is_before(run.changes[done], request.answer):
            stands_at = _last_after(run.changes[done])
            done += 1
        if request.last_told != stands_at:
            yield request, stands_at


def _without_those_lied_about(evidence: Evidence, run: Run, missing: list[EnqueueCalled]) -> list[EnqueueCalled]:
    """Leave out what a sender had sent, or may have, when it was told a number past all that the backend had.

    And what it sent under numbers that were taken already, when it had asked and was told a number from long ago. An
    answer to a window that says less than was known before is another matter: it should be asked about.
    """
    excused: set[str] = set()
    for wrong, stands_at in wrong_answers(evidence, run):
        if (wrong.last_told or 0) > stands_at:
            attempts = [each for each in run.requests if each.began <= wrong.ended]
            until = wrong.ended_at + evidence.history.round_trip  # it takes time to get there
            sent = [line for each in attempts for line in each.lines]
        elif wrong.kind in {"sync", "completion"}:
            attempts, until = [each for each in run.requests if each.began > wrong.ended], math.inf
            sent = [line for each in attempts for line in each.lines if line.decision == "duplicate"]
        else:
            continue
        excused |= {content(line.event) for line in sent if line.event is not None}
        # What was in a request that nobody read can only be the oldest.
        if any(each.body is None and each.kind in {"data", "unknown"} for each in attempts):
            waiting = [content(call.event or {}) for call in missing if call.time <= until]
            excused |= set([key for key in waiting if key not in excused][: evidence.settings.max_window_events])
    return [call for call in missing if content(call.event or {}) not in excused]


def _numbers_taken_by_others(evidence: Evidence, run: Run) -> Iterator[tuple[int, float]]:
    """How many numbers others took while something of ours was in doubt, and when the sender knew at the latest."""
    hearing = evidence.hearing(run)
    stands_at = 0
    for record in run.changes:
        before, stands_at = stands_at, _last_after(record)
        taken = stands_at - before
        if taken <= 0 or (isinstance(record, LineReceived) and not _is_out_of_date(evidence, run, record)):
            continue
        known = next(
            (
                each
                for each in run.told
                # An answer may have been made before, and sent after.
                if (each.last_told or 0) >= stands_at
                and each.answer is not None
                and evidence.is_before(record, each.answer)
                and hearing.is_surely_heard(each)
            ),
            None,
        )
        began_before, until = (math.inf, math.inf) if known is None else (known.ended, known.ended_at)
        # Of a request that was lost with its connection there may be no record.
        in_doubt = any(
            _may_seem_delivered(each) and each.began < began_before and evidence.had_asked(run, each)
            for each in run.requests
        )
        if in_doubt or any(began <= until for began, _ in evidence.trouble.outages):
            yield taken, until


def _last_after(record: LineReceived | StateSet) -> int:
    return (record.seq or 0) if isinstance(record, LineReceived) else record.last_accepted_seq


def _is_out_of_date(evidence: Evidence, run: Run, line: LineReceived) -> bool:
    """Whether a line was taken under a number that its sender had to give to another event meanwhile.

    It was on its way when the backend forgot something or others wrote, and was taken when its request was long over.
    """
    request = evidence.requests[line.request]
    if request.end is None or evidence.is_before(line, request.end):
        return False
    return any(evidence.is_before(request.started, state) and evidence.is_before(state, line) for state in run.states)


def _may_seem_delivered(request: Request) -> bool:
    """Whether a sender may take events of a request for delivered that are not, once it is told their numbers."""
    if request.kind not in {"data", "unknown"}:
        return False
    is_unread = request.kind == "unknown" or request.last_told is None
    return is_unread or any(line.decision != "accepted" for line in request.lines)
