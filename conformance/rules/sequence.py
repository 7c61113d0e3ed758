"""SEQ: numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.evidence.exchanges import last_after
from conformance.evidence.knowledge import Knowledge, is_answered_in_time
from conformance.evidence.protocol import CONFLICT, REFUSALS
from fake_backend.faults import Latency, Stall

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run
    from conformance.evidence.facts import Facts
    from conformance.rules.findings import Findings

_GIVEN_UP = 0.9
_READ = frozenset({"after-accept", "in-answer"})


def starts_where_the_backend_is(facts: Facts, found: Findings) -> None:
    """SEQ-1: the first event gets the number that follows the backend's last."""
    for run in facts.index.runs.values():
        windows = facts.knowledge(run).windows
        # What a proxy answered without the backend, nobody knows; the first events may have been in it.
        if not windows or any(each.kind == "unknown" and each.began < windows[0].began for each in run.requests):
            continue
        first = windows[0].lines[0]
        if first.seq is None:
            continue
        found.count()
        last = _standing_at_the_start(facts, run, windows[0])
        # The backend may have moved on after it told where it stands.
        told = {each.last_told for each in run.told if each.ended < windows[0].data_began}
        if first.seq - 1 not in {last, *told}:
            found.violate(
                f"the first event went out as number {first.seq}, and the backend's last was {last}",
                *run.states[:1],
                first,
            )


def _standing_at_the_start(facts: Facts, run: Run, request: Request) -> int:
    last = 0
    for record in run.changes:
        if not facts.index.is_before(record, request.started):
            break
        last = last_after(record)
    return last


def rebases_on_conflict(facts: Facts, found: Findings) -> None:
    """SEQ-2: after a 409 that says L the next window starts at L + 1."""
    for run in facts.index.runs.values():
        knowledge = facts.knowledge(run)
        for request in run.requests:
            if request.answer is None or request.answer.status != CONFLICT or request.last_told is None:
                continue
            following = knowledge.next_window(request)
            if following is None or following.first_seq is None:
                continue
            found.count()
            told = knowledge.positions_known_to(request, following)
            if following.first_seq - 1 not in told:
                found.violate(
                    f"after a 409 that reported {request.last_told} as the last number, the next window starts at "
                    f"{following.first_seq}, not at {request.last_told + 1}",
                    request.answer,
                    following.lines[0],
                )


def keeps_numbers_while_in_doubt(facts: Facts, found: Findings) -> None:
    """SEQ-3: after an ambiguous attempt an event keeps its number until the backend has said otherwise."""
    for run in facts.index.runs.values():
        refusals = [each for each in run.requests if each.answer is not None and each.answer.status in REFUSALS]
        earlier: dict[str, tuple[Request, int, int]] = {}
        for request in facts.knowledge(run).windows:
            found.count(request.last_told is None)
            for index, line in enumerate(request.lines):
                if line.event is None or line.seq is None:
                    continue
                key = facts.content(line.event)
                if key in earlier and facts.index.is_unique(run.run_id, key):
                    attempt, seq, place = earlier[key]
                    if seq != line.seq and _is_in_doubt(run, refusals, attempt, request):
                        found.violate(
                            f"number {seq} became {line.seq} after an attempt with an unknown outcome, "
                            "and the backend had reported nothing in between",
                            attempt.lines[place],
                            attempt.end,
                            line,
                        )
                earlier[key] = (request, line.seq, index)


def _is_in_doubt(run: Run, refusals: list[Request], attempt: Request, request: Request) -> bool:
    """Whether nobody had told the sender what became of an attempt when it made another one.

    An answer counts that was sent at any time since the attempt began, be it heard or not. A refusal says that the
    lines behind the one it means were not taken; which one that was may come out without a number being told.
    """
    if any(attempt.began <= each.began < request.began for each in refusals):
        return False
    return not any(attempt.began < each.ended < request.data_began for each in run.told)


def one_window_at_a_time(facts: Facts, found: Findings) -> None:
    """SEQ-4: one window in flight at a time for a run."""
    least = facts.history.round_trip + facts.history.slack
    for run in facts.index.runs.values():
        knowledge = facts.knowledge(run)
        windows = knowledge.windows
        found.count(len(windows))
        for request, following in pairwise(windows):
            overlap = request.ended_at - following.lines[0].time
            # What ends as another begins may cross it on the way.
            if following.data_began >= request.ended or overlap <= least:
                continue
            if knowledge.is_of_one_sender(request, following) and not _may_be_given_up(
                facts, knowledge, request, following
            ):
                found.violate(
                    f"the window of request {following.number} began before that of request {request.number} ended",
                    request.lines[0],
                    following.lines[0],
                    request.end,
                )


def no_gap_on_purpose(facts: Facts, found: Findings) -> None:
    """SEQ-5: no window starts past the number that follows the highest that the backend could have accepted."""
    for run in facts.index.runs.values():
        sent = 0
        for request in facts.knowledge(run).windows:
            possible = max(
                sent,
                *(state.last_accepted_seq for state in run.states if facts.index.is_before(state, request.lines[0])),
                *(each.last_told or 0 for each in run.told_before(request.data_began)),
                0,
                0,
            )
            found.count()
            first = request.first_seq
            if first is not None and first > possible + 1:
                found.violate(
                    f"a window starts at {first}, and the backend could not have got past {possible}", request.lines[0]
                )
            sent = max(sent, request.highest_seq)


def _may_be_given_up(facts: Facts, knowledge: Knowledge, request: Request, following: Request) -> bool:
    """Whether a sender may have given up a request that the backend holds for open.

    A backend that doesn't read, because it stalls or is slow, can't notice that its client has gone, however long or
    short that one's patience was; nor can it where the network doesn't tell it.
    """
    settings = facts.settings
    began, until = request.started.time, following.lines[0].time
    if knowledge.was_disturbed(began, until):
        return True
    if all(is_answered_in_time(fault) for fault in request.faults):
        return False
    # What strikes before the answer strikes when all has been read.
    was_read = any(isinstance(fault, Latency | Stall) and fault.phase in _READ for fault in request.faults)
    is_unread = request.body.time > until if request.body else not was_read
    return is_unread or until - began >= _GIVEN_UP * settings.request_timeout
