"""SEQ: numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.contents import content
from fake_backend.faults import Latency, Stall

if TYPE_CHECKING:
    from conformance.evidence import Evidence, Request
    from conformance.findings import Findings

_CONFLICT = 409


def starts_where_the_backend_is(evidence: Evidence, found: Findings) -> None:
    """SEQ-1: the first event gets the number that follows the backend's last."""
    for run in evidence.runs.values():
        # What a proxy answered without the backend, nobody knows; the first events may have been in it.
        if not run.data or any(each.kind == "unknown" and each.began < run.data[0].began for each in run.requests):
            continue
        found.count()
        first = run.data[0].lines[0]
        last = run.last_before(run.data[0].started.time)
        if first.seq != last + 1:
            found.violate(
                f"the first event went out as number {first.seq}, and the backend's last was {last}",
                *run.states[:1],
                first,
            )


def rebases_on_conflict(evidence: Evidence, found: Findings) -> None:
    """SEQ-2: after a 409 that says L the next window starts at L + 1."""
    for run in evidence.runs.values():
        for request in run.requests:
            following = run.next_data(request)
            if request.answer is None or request.answer.status != _CONFLICT or request.last_told is None:
                continue
            if following is None:
                continue
            found.count()
            told = run.told_between(request, following)[-1].last_told or 0
            if following.first_seq != told + 1:
                found.violate(
                    f"after a 409 and with {told} told as the last number, the next window starts at "
                    f"{following.first_seq}, not at {told + 1}",
                    request.answer,
                    following.lines[0],
                )


def keeps_numbers_while_in_doubt(evidence: Evidence, found: Findings) -> None:
    """SEQ-3: after an ambiguous attempt an event keeps its number until the backend has said otherwise."""
    for run in evidence.runs.values():
        earlier: dict[str, tuple[Request, int, int]] = {}
        for request in run.data:
            found.count(request.last_told is None)
            for line in request.lines:
                if line.event is None or line.seq is None:
                    continue
                key = content(line.event)
                if key in earlier and evidence.is_one_of_a_kind(run.run_id, key):
                    attempt, seq, index = earlier[key]
                    in_doubt = attempt.last_told is None and not run.told_between(attempt, request)
                    if in_doubt and seq != line.seq:
                        found.violate(
                            f"number {seq} became {line.seq} after an attempt with an unknown outcome, "
                            "and the backend had said nothing in between",
                            attempt.lines[index],
                            attempt.end,
                            line,
                        )
                earlier[key] = (request, line.seq, request.lines.index(line))


def one_window_at_a_time(evidence: Evidence, found: Findings) -> None:
    """SEQ-4: one window in flight at a time for a run."""
    for run in evidence.runs.values():
        found.count(len(run.data))
        for request, following in pairwise(run.data):
            if following.data_began < request.ended and not _may_be_given_up(evidence, request, following):
                found.violate(
                    f"the window of request {following.number} began before that of request {request.number} ended",
                    request.lines[0],
                    following.lines[0],
                    request.end,
                )


def no_gap_on_purpose(evidence: Evidence, found: Findings) -> None:
    """SEQ-5: no window starts past the number that follows the highest that the backend could have accepted."""
    for run in evidence.runs.values():
        possible = 0
        for request in run.data:
            began = request.data_began
            possible = max(
                possible,
                *(state.last_accepted_seq for state in run.states if evidence.is_before(state, request.lines[0])),
                *(each.last_told or 0 for each in run.told_before(began)),
                0,
                0,
            )
            found.count()
            first = request.first_seq
            if first is not None and first > possible + 1:
                found.violate(
                    f"a window starts at {first}, and the backend could not have got past {possible}", request.lines[0]
                )
            possible = max(possible, request.highest_seq)


def _may_be_given_up(evidence: Evidence, request: Request, following: Request) -> bool:
    """Whether a sender may have timed out a request that the backend holds for open.

    A backend that doesn't read, because it stalls or is slow, can't notice that its client has gone.
    """
    settings = evidence.settings
    waited = following.lines[0].time - request.started.time
    return (
        any(isinstance(fault, Latency | Stall) for fault in request.faults) and waited >= 0.9 * settings.request_timeout
    )
