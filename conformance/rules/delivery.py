"""DLV: delivery."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.evidence.protocol import ACCEPTED, CONFLICT, CONTENT_TOO_LARGE, DUPLICATE, REFUSALS, SUCCESS
from fake_backend.faults import Duplicate
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.facts import Facts
    from conformance.rules.findings import Findings
    from fake_backend.records import StateSet


def nothing_is_lost(facts: Facts, found: Findings) -> None:
    """DLV-1: what `enqueue` accepted is accepted by the backend, or reported as dropped or undelivered."""
    for sender in facts.index.senders.values():
        found.count(len(sender.accepted))
        missing = facts.losses.of(sender)
        if missing and not facts.outages.excuse(sender):
            altered = facts.alterations.accepted(facts.index.run(sender.run_id))
            altered_ones = sum((call.sender, call.call) in altered for call in missing)
            hint = f"; {altered_ones} of them may have arrived altered (see WIRE-4)" if altered_ones else ""
            found.violate(
                f"{len(missing)} of {len(sender.accepted)} events that enqueue accepted never reached the backend, "
                f"although nothing prevented it{hint}",
                missing[0],
                *sender.returns[:1],
            )
        elif "drain-report" in sender.opened.capabilities and sender.returns:
            _check_that_the_report_adds_up(facts, sender, found)


def _check_that_the_report_adds_up(facts: Facts, sender: Sender, found: Findings) -> None:
    missing = len(facts.losses.of(sender))
    returned = sender.returns[0]
    if returned.report is None:
        found.violate("stop gave no report, though the sender claims the capability drain-report", returned)
        return
    report = returned.report
    called = [call for call in sender.enqueues if facts.index.is_before(call, returned)]
    accepted = [call for call in called if call.outcome == "accepted"]
    dropped = sum(report.dropped.values())
    total = report.delivered + report.undelivered + dropped
    # Of those that are refused while it drains, a report that is made meanwhile knows some.
    stopped = sender.stops[0] if sender.stops else returned
    in_time = [call for call in called if facts.index.is_before(call, stopped)]
    if total != len(accepted) and not len(in_time) <= total <= len(called):
        found.violate(
            f"the report accounts for {total} events ({report.delivered} delivered, {report.undelivered} undelivered, "
            f"{dropped} dropped), and enqueue was called with {len(called)}, of which it accepted {len(accepted)}",
            returned,
        )
    elif missing > report.undelivered + dropped:
        found.violate(
            f"{missing} events are not at the backend, and the report admits {report.undelivered} undelivered "
            f"and {dropped} dropped",
            returned,
        )


def nothing_is_doubled(facts: Facts, found: Findings) -> None:
    """DLV-2: no event is accepted twice. What the backend forgot was not accepted."""
    for run in facts.index.runs.values():
        known = facts.index.enqueued.get(run.run_id, {})
        there: dict[str, list[LineReceived]] = {}
        for record in run.changes:
            if not isinstance(record, LineReceived):
                there = _what_is_left(there, record)
                continue
            found.count()
            key = facts.content(record.event)
            lines = there.setdefault(key, [])
            lines.append(record)
            if len(lines) == max(len(known.get(key, ())), 1) + 1 and not _is_taken_too_late(facts, run, *lines[-2:]):
                found.violate(
                    f"an event was accepted twice, as number {lines[0].seq} and as number {record.seq}",
                    lines[0],
                    record,
                )


def _what_is_left(there: dict[str, list[LineReceived]], state: StateSet) -> dict[str, list[LineReceived]]:
    """What the backend still has when its state is set: nothing above the number that it stands at now."""
    return {key: [line for line in lines if (line.seq or 0) <= state.last_accepted_seq] for key, lines in there.items()}


def _is_taken_too_late(facts: Facts, run: Run, line: LineReceived, other: LineReceived) -> bool:
    """Whether the first of two attempts to deliver an event was taken when its sender could no longer know of it.

    For example, event b is there twice, and its sender could not help it:

        window 1 a, 2 b     ──>   held up on its way, until the sender gives it up
        window 1 a          ──>   400: a is refused, and the sender drops it
        window 1 b          ──>   200: b is taken, as 1
                                  the first window arrives: its 1 is a duplicate, and b is taken again, as 2

    Without the 400 b would have kept its number 2, under which the backend ignores whatever comes late.

    An event keeps its number, and then the backend sees the duplicate. It gets another one rightly if the event before
    it is dropped, having been refused, or if the backend says a number that others have moved; and if the earlier
    attempt, which was not taken by then, is taken after all, there is nothing that a sender could have done.
    """
    earlier, later = sorted((facts.index.requests[each.request] for each in (line, other)), key=lambda each: each.began)
    taken = line if line.request == earlier.number else other
    if earlier.answer is not None and earlier.answer.status == CONFLICT and earlier.last_told is not None:
        return earlier.last_told > earlier.highest_seq  # it was told that nothing was taken, and by whom the rest was
    refusals = [
        each
        for each in run.requests
        if each.answer is not None and each.answer.status in REFUSALS and earlier.began < each.ended < later.data_began
    ]
    if any(facts.index.is_before(each.answer, taken) for each in refusals):
        return True  # whatever number it is told after that, it has given each of them twice
    told = run.told_before(later.data_began)
    if not told or told[-1].answer is None or facts.index.is_before(taken, told[-1].answer):
        return False
    is_moved = any(
        facts.index.is_before(earlier.started, state) and facts.index.is_before(state, other) for state in run.states
    )
    return is_moved or bool(refusals)


def order_is_kept(facts: Facts, found: Findings) -> None:
    """DLV-3: the accepted order is the order of `enqueue`."""
    for sender, run in facts.index.pairs():
        order = {
            facts.content(call.event): call
            for call in sender.accepted
            # Of equal events nobody can say which one a line is.
            if facts.index.is_unique(run.run_id, facts.content(call.event))
        }
        first_time = []
        seen = set()
        for line in run.lines:
            key = facts.content(line.event)
            if line.decision == DUPLICATE and run.states:
                # Another writer's number, under which the backend seemed to have it; nobody knows what comes of that.
                seen.add(key)
            elif line.decision == ACCEPTED and key in order and key not in seen:
                seen.add(key)
                first_time.append((order[key], line))
        found.count(max(len(first_time) - 1, 0))
        for (call, line), (later_call, later_line) in pairwise(first_time):
            if later_call.call < call.call:
                found.violate(
                    f"event {later_call.call} was enqueued before event {call.call}, and accepted after it",
                    later_call,
                    call,
                    line,
                    later_line,
                )


def a_prefix_is_kept(facts: Facts, found: Findings) -> None:
    """DLV-4: a prefix that was accepted is kept, and the rest is sent again."""
    for run in facts.index.runs.values():
        knowledge = facts.knowledge(run)
        for request in run.data:
            last, first = request.last_told, request.first_seq
            if last is None or first is None or last < first or not _says_a_prefix(request):
                continue
            # What a 413 left unread isn't in the records, but there was something.
            is_limit = request.answer is not None and request.answer.status == CONTENT_TOO_LARGE
            if last >= request.highest_seq and not is_limit:
                continue
            found.count()
            following = knowledge.next_window(request)
            if following is None:
                _check_that_the_rest_was_sent(facts, run, request, found)
                continue
            _check_that_the_prefix_is_kept(facts, run, request, following, found)
            told = knowledge.positions_known_to(request, following)
            if following.first_seq is not None and following.first_seq - 1 not in told:
                found.violate(
                    f"numbers {first} to {last} of a window were accepted and the rest was not, and the next window "
                    f"starts at {following.first_seq}, not at {last + 1}",
                    request.answer,
                    following.lines[0],
                )


def _says_a_prefix(request: Request) -> bool:
    return request.answer is not None and (request.answer.status in SUCCESS or request.answer.status in REFUSALS)


def _check_that_the_rest_was_sent(facts: Facts, run: Run, request: Request, found: Findings) -> None:
    """Where no window followed, what was left of this one is lost."""
    lines = [line for line in request.lines if (line.seq or 0) > (request.last_told or 0)]
    rest = {facts.content(line.event) for line in lines}
    for sender in facts.index.senders.values():
        if sender.run_id != run.run_id or facts.outages.excuse(sender):
            continue
        if any(facts.content(call.event) in rest for call in facts.losses.of(sender)):
            found.violate(
                f"numbers {request.first_seq} to {request.last_told} of a window were accepted, "
                "and the rest was never sent again",
                request.answer,
                lines[0],
            )


def _check_that_the_prefix_is_kept(
    facts: Facts, run: Run, request: Request, following: Request, found: Findings
) -> None:
    """A number of the prefix may not be sent again (which the first number tells), nor may its event under another."""
    kept = {
        facts.content(line.event): line
        for line in request.lines
        if line.event is not None and (line.seq or 0) <= (request.last_told or 0)
    }
    for line in following.lines:
        key = facts.content(line.event)
        if key in kept and kept[key].seq != line.seq and facts.index.is_unique(run.run_id, key):
            found.violate(
                f"number {kept[key].seq} of a window was accepted, and its event is sent again as {line.seq}",
                kept[key],
                request.answer,
                line,
            )


def a_duplicate_is_delivered(facts: Facts, found: Findings) -> None:
    """DLV-5: a 200 that says `duplicate` counts as delivery, once it is heard."""
    for run in facts.index.runs.values():
        knowledge = facts.knowledge(run)
        settled: dict[str, tuple[Request, LineReceived]] = {}
        for request in knowledge.windows:
            for line in request.lines:
                key = facts.content(line.event)
                if key in settled and facts.index.is_unique(run.run_id, key):
                    answered, earlier = settled[key]
                    if request.began > answered.ended and knowledge.is_of_one_sender(answered, request):
                        found.violate(
                            f"number {earlier.seq} was answered as a duplicate, and its event was sent again "
                            f"as {line.seq}",
                            earlier,
                            answered.answer,
                            line,
                        )
            duplicates = _duplicates_told(request)
            if duplicates and knowledge.is_surely_heard(request):
                found.count(len(duplicates))
                for line in duplicates:
                    settled.setdefault(facts.content(line.event), (request, line))


def _duplicates_told(request: Request) -> list[LineReceived]:
    """The lines of which a 200 said that they were there already: all of them, or those that were."""
    if not request.succeeded:
        return []
    all_of_them = any(isinstance(fault, Duplicate) for fault in request.faults)
    return [
        line
        for line in request.lines
        if (all_of_them or line.decision == DUPLICATE) and (line.seq or 0) <= (request.last_told or 0)
    ]


def success_without_a_number_is_no_acknowledgement(facts: Facts, found: Findings) -> None:
    """DLV-6: a 2xx that doesn't say how far it got acknowledges nothing."""
    for sender, run in facts.index.pairs():
        missing = facts.losses.of(sender)
        for request in run.requests:
            answer = request.answer
            if answer is None or answer.status not in SUCCESS or request.last_told is not None:
                continue
            found.count()
            if missing and not facts.outages.excuse(sender):
                found.violate(
                    f"a {answer.status} that didn't say how far it got was taken for an acknowledgement: "
                    f"{len(missing)} events never reached the backend",
                    answer,
                    missing[0],
                )


def only_what_was_sent_is_acknowledged(facts: Facts, found: Findings) -> None:
    """DLV-7: an acknowledgement beyond what was sent never discards what was not sent."""
    for sender, run in facts.index.pairs():
        ever_sent = {facts.content(line.event) for line in run.lines if line.event is not None}
        never_sent = [call for call in facts.losses.of(sender) if facts.content(call.event) not in ever_sent]
        for request in run.data:
            if not request.succeeded or (request.last_told or 0) <= request.highest_seq:
                continue
            found.count()
            if never_sent and not facts.outages.excuse(sender):
                found.violate(
                    f"an answer acknowledged number {request.last_told} when {request.highest_seq} was the last that "
                    f"was sent, and {len(never_sent)} events were never sent at all",
                    request.answer,
                    never_sent[0],
                )


def runs_do_not_mix(facts: Facts, found: Findings) -> None:
    """DLV-8: an event of one run never goes out in another's stream."""
    if len(facts.index.senders) <= 1:
        return
    for run in facts.index.runs.values():
        own = facts.index.enqueued.get(run.run_id, {})
        for line in run.lines:
            found.count()
            key = facts.content(line.event)
            if key in own:
                continue
            for run_id, events in facts.index.enqueued.items():
                if run_id != run.run_id and key in events:
                    found.violate(
                        f"an event that was enqueued for run {run_id} went out for run {run.run_id}",
                        events[key][0],
                        line,
                    )
