"""RTY: retry."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.evidence import FINAL_STATUSES
from conformance.history import BackendCameUp, BackendWentDown
from fake_backend.faults import Stall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence import Evidence, Request, Run
    from conformance.findings import Findings

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_ATTEMPTS_AT_MOST = 10
_DELAYS = 10
_ATTEMPTS_AFTER_A_FINAL_ANSWER = 3
_TOLERANCE = 0.1
_LEAST_TOLERANCE = 0.25
_ENOUGH_TO_TELL = 3
_LONG_ENOUGH = 30


def tries_again(evidence: Evidence, found: Findings) -> None:
    """RTY-1: it tries again after everything that may pass."""
    for sender, run in evidence.pairs():
        down = evidence.of(BackendWentDown)
        attempts = [request.started.time for request in run.requests]
        for request in run.requests:
            if not _is_transient_failure(request):
                continue
            found.count()
            if request is run.requests[-1] and not evidence.excuse(sender) and not _is_settled(evidence, run):
                found.violate(
                    f"request {request.number} failed in a way that may pass, and it was never tried again",
                    request.started,
                    request.end,
                    *sender.returns[:1],
                )
        for record in down:
            found.count()
            if sender.enqueues and not any(at > record.time for at in attempts) and not evidence.excuse(sender):
                found.violate("the backend was down for a while, and nothing was tried again", record)


def no_hot_loop(evidence: Evidence, found: Findings) -> None:
    """RTY-2: at most ten attempts in the first ten retry delays of a failing backend."""
    delay = evidence.settings.retry_delay
    for run in evidence.runs.values():
        for failing in _failing_in_a_row(run):
            if len(failing) < _ENOUGH_TO_TELL:
                continue
            found.count()
            began = failing[0].ended_at
            early = [request for request in failing if request.started.time <= began + _DELAYS * delay]
            if len(early) > _ATTEMPTS_AT_MOST:
                found.violate(
                    f"{len(early)} attempts within {_DELAYS} retry delays ({_DELAYS * delay:g} s) of a backend that "
                    f"fails at once; {_ATTEMPTS_AT_MOST} are the most",
                    early[0].started,
                    early[_ATTEMPTS_AT_MOST].started,
                )


def retry_after_is_a_lower_bound(evidence: Evidence, found: Findings) -> None:
    """RTY-3: the next attempt comes no earlier than `Retry-After` asks for."""
    for run in evidence.runs.values():
        for request, following in pairwise(run.requests):
            asked = request.retry_after
            if asked is None:
                continue
            found.count()
            waited = following.started.time - asked.time
            if waited < asked.seconds - evidence.history.slack:
                found.violate(
                    f"an answer asked to wait {asked.seconds:.3g} s, and the next attempt came after {waited:.3g} s",
                    request.answer,
                    following.started,
                )


def delays_grow_and_differ(evidence: Evidence, found: Findings) -> None:
    """RTY-4: delays grow up to a cap, and two senders that fail together don't retry together."""
    rows = []
    for run in evidence.runs.values():
        for failing in _failing_in_a_row(run):
            gaps = [b.started.time - a.ended_at for a, b in pairwise(failing)]
            # With full jitter a few short delays in a row are chance; many, until so much time has passed, are not.
            if len(gaps) >= 2 * _ENOUGH_TO_TELL and sum(gaps) >= _LONG_ENOUGH * evidence.settings.retry_delay:
                rows.append((failing, gaps))
    for failing, gaps in rows:
        found.count()
        half = len(gaps) // 2
        if max(gaps[half:]) <= max(gaps[:2]) * 1.05:
            found.violate(
                f"the delays don't grow: at first up to {max(gaps[:2]):.3g} s, later up to {max(gaps[half:]):.3g} s",
                failing[1].started,
                failing[-1].started,
            )
    for (failing, gaps), (other, other_gaps) in pairwise(rows):
        alike = [a for a, b in zip(gaps, other_gaps, strict=False) if abs(a - b) <= 0.01 * a]
        if len(alike) > len(gaps) // 2:
            found.violate(
                "two senders that failed together waited for the same times: the delays are not jittered",
                failing[1].started,
                other[1].started,
            )


def success_resets_the_delay(evidence: Evidence, found: Findings) -> None:
    """RTY-5: after a success, the first delay is short again."""
    # Some formulas of jitter draw the first delay from up to three times the configured one.
    first_delay = 3 * evidence.settings.retry_delay
    for run in evidence.runs.values():
        rows = list(_failing_in_a_row(run))
        for row in rows[1:]:
            if len(row) < _ENOUGH_TO_TELL:
                continue
            found.count()
            delay = row[1].started.time - row[0].ended_at
            if delay > first_delay + evidence.history.slack + evidence.history.round_trip:
                found.violate(
                    f"after a success, the first delay of a new failure is {delay:.3g} s, as if none had been",
                    row[0].end,
                    row[1].started,
                )


def final_answers_are_final(evidence: Evidence, found: Findings) -> None:
    """RTY-6: after 401, 403, 404 or 410 it stops asking."""
    for run in evidence.runs.values():
        final = [each for each in run.requests if each.answer is not None and each.answer.status in FINAL_STATUSES]
        if not final:
            continue
        found.count()
        after = [each for each in run.requests if each.began > final[0].ended]
        if len(after) + 1 > _ATTEMPTS_AFTER_A_FINAL_ANSWER:
            status = final[0].answer.status if final[0].answer else 0
            found.violate(
                f"after a {status} it went on asking: {len(after)} more requests", final[0].answer, after[-1].started
            )


def poison_is_singled_out(evidence: Evidence, found: Findings) -> None:
    """RTY-7: one event that the backend never takes does not hold up those behind it for ever."""
    for sender, run in evidence.pairs():
        refused = [line for line in run.lines if line.decision == "too-large"]
        if not refused:
            continue
        found.count()
        behind = [call for call in evidence.missing(sender) if not run.is_poison(call)]
        if behind:
            found.violate(
                f"one event is refused again and again, and {len(behind)} others never were at the backend",
                refused[0],
                behind[-1],
            )


def the_timeout_covers_every_phase(evidence: Evidence, found: Findings) -> None:
    """RTY-8: a request that stalls, in whichever phase, is given up in time."""
    settings = evidence.settings
    limit = settings.request_timeout + max(_TOLERANCE * settings.request_timeout, _LEAST_TOLERANCE)
    limit += settings.window_age + evidence.history.round_trip + evidence.history.slack
    for sender, run in evidence.pairs():
        for request in run.requests:
            stalls = [fault for fault in request.faults if isinstance(fault, Stall) and fault.seconds is None]
            if not stalls:
                continue
            found.count()
            # A backend that doesn't read can't notice that its client has gone; the next request tells it, after a
            # delay of its own.
            wait = 2 * settings.retry_delay
            later = [each.started.time - wait for each in run.requests if each.began > request.began]
            took = min(request.ended_at, *later, sender.stop_returned) - request.started.time
            if took > limit:
                found.violate(
                    f"a request that stalled {stalls[0].phase} was held for {took:.3g} s; "
                    f"request_timeout is {settings.request_timeout:g} s",
                    request.started,
                    request.end,
                )


def downtime_is_waited_for(evidence: Evidence, found: Findings) -> None:
    """RTY-9: a backend that is down at the start, or for long, is waited for; nothing is lost meanwhile."""
    ups = evidence.of(BackendCameUp)
    if not ups:
        return
    for sender in evidence.senders.values():
        if sender.returns and evidence.is_before(sender.returns[0], ups[-1]):
            continue
        before = [call for call in sender.accepted if call.time <= ups[-1].time]
        found.count(len(before))
        missing = [call for call in evidence.missing(sender) if call in before]
        if missing:
            found.violate(
                f"the backend came up again, and {len(missing)} events from before never got there", ups[-1], missing[0]
            )


def _is_transient_failure(request: Request) -> bool:
    if request.answer is not None:
        return request.answer.status in TRANSIENT_STATUSES
    return request.broken is not None


def _is_settled(evidence: Evidence, run: Run) -> bool:
    """Whether nothing was left to do in a run: all is there, and it is complete if that was asked for."""
    senders = [sender for sender in evidence.senders.values() if sender.run_id == run.run_id]
    wanted = any(stop.complete for sender in senders for stop in sender.stops)
    told = run.completed is not None and evidence.requests[run.completed.request].answer is not None
    return not any(evidence.missing(sender) for sender in senders) and (told or not wanted)


def _failing_in_a_row(run: Run) -> Iterator[list[Request]]:
    """The stretches of requests that all failed in a way that may pass."""
    row: list[Request] = []
    for request in run.requests:
        if _is_transient_failure(request):
            row.append(request)
        elif row:
            yield row
            row = []
    if row:
        yield row
