"""Rows of failures: attempts one after the other that got a sender nowhere, and how long it rested before each.

What a sender does between two of them that succeeds and tells it nothing new doesn't end a row: asking where the
backend stands, in between, makes a hot loop no cooler.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.evidence.protocol import ACCEPTED, COMPLETED, REDIRECTS, SERVER_ERRORS, SUCCESS, TRY_AGAIN
from fake_backend.faults import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.exchanges import Request, Run
    from conformance.evidence.facts import Facts


@dataclass(slots=True)
class Row:
    """Attempts that failed, one after the other.

    Args:
        after_success: Whether the sender knew of progress right before the first.
        attempts: The attempts, in order.
        rests: For each but the first, for how long no request was under way since the one before it.
        is_fresh: Whether nothing had failed before the first, as far as one can see, so that its delay is the shortest.
        is_plain: Whether every rest is the sender's choice, as far as one can see: nobody asked it to wait, and no
            attempt may have failed unseen.
    """

    after_success: bool
    is_fresh: bool
    attempts: list[Request] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    is_plain: bool = True


def rows_of_failures(facts: Facts, run: Run) -> Iterator[Row]:
    """The rows of a run, in order; each ends with progress, or with an answer of another kind."""
    changes = [state.time for state in run.states]
    row = Row(after_success=False, is_fresh=True)
    before: Request | None = None
    rest = 0.0
    for request in run.requests:
        if before is not None:
            gap = request.started.time - before.ended_at
            rest += max(gap, 0.0)
            row.is_plain &= gap >= 0 and facts.outages.is_calm(before.started.time, request.started.time)
            is_changed = bisect_right(changes, before.started.time) != bisect_right(changes, request.started.time)
            if is_changed and row.attempts:
                yield row
                row = Row(after_success=False, is_fresh=False)
        elif not facts.outages.is_calm(facts.history.began, request.started.time):
            row.is_plain = row.is_fresh = False  # it may have failed unseen before
        before = request
        if _got_nowhere(request):
            if row.attempts:
                row.rests.append(rest)
            row.attempts.append(request)
            row.is_plain &= request.retry_after is None
            rest = 0.0
        elif not _told_nothing_new(request):
            if row.attempts:
                yield row
            is_progress = request.kind == "data" and facts.outages.went_well(request)
            row = Row(after_success=is_progress, is_fresh=is_progress)
            rest = 0.0
    if row.attempts:
        yield row


def pairs_alike(row: Row, other: Row) -> int:
    """How many rests of two rows are the same, to a hundredth."""
    return len([a for a, b in zip(row.rests, other.rests, strict=False) if abs(a - b) <= 0.01 * a])


def most_within(row: Row, seconds: float) -> list[Request]:
    """The most attempts of a row that were begun within so many seconds of the end of the one before them."""
    times = [request.started.time for request in row.attempts]
    longest: list[Request] = []
    for place, (attempt, following) in enumerate(pairwise(row.attempts), start=1):
        ended = min(attempt.ended_at, following.started.time)
        part = row.attempts[place : bisect_right(times, ended + seconds)]
        longest = max(longest, part, key=len)
    return longest


def _got_nowhere(request: Request) -> bool:
    """Whether a request failed in a way that may pass, and nothing of it was taken."""
    moved = any(line.decision == ACCEPTED for line in request.lines)
    if moved or any(each.decision == COMPLETED for each in request.completions):
        return False
    if request.answer is None:
        return True
    status = request.answer.status
    if status in SUCCESS:
        took_nothing = request.kind == "data" and (request.last_told or 0) < (request.first_seq or 0)
        return request.last_told is None or took_nothing
    return status in REDIRECTS or status in SERVER_ERRORS or status in TRY_AGAIN


def _told_nothing_new(request: Request) -> bool:
    """Whether it asked where the backend stands, and was told the truth."""
    is_true = not any(isinstance(fault, Status) for fault in request.faults)
    return request.kind == "sync" and request.succeeded and is_true
