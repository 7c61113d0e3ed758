"""DLV: delivery."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.contents import content

if TYPE_CHECKING:
    from conformance.evidence import Evidence, Request, Run, Sender
    from conformance.findings import Findings
    from fake_backend.records import LineReceived

_SUCCESS = range(200, 300)
_TOO_LARGE = 413


def nothing_is_lost(evidence: Evidence, found: Findings) -> None:
    """DLV-1: what `enqueue` accepted is accepted by the backend, or reported as dropped or undelivered."""
    for sender, run in evidence.pairs():
        found.count(len(sender.accepted))
        missing = [call for call in evidence.missing(sender) if not run.is_poison(call)]
        if missing and not evidence.excuse(sender):
            found.violate(
                f"{len(missing)} of {len(sender.accepted)} events that enqueue accepted never were at the backend, "
                "and nothing stood in their way",
                missing[0],
                *sender.returns[:1],
            )
        elif "drain-report" in sender.opened.capabilities and sender.returns:
            _check_that_the_report_adds_up(evidence, sender, found)


def _check_that_the_report_adds_up(evidence: Evidence, sender: Sender, found: Findings) -> None:
    missing = len(evidence.missing(sender))
    returned = sender.returns[0]
    if returned.report is None:
        found.violate("stop gave no report, though the sender claims the capability drain-report", returned)
        return
    report = returned.report
    called = [call for call in sender.enqueues if evidence.is_before(call, returned)]
    accepted = [call for call in called if call.outcome == "accepted"]
    dropped = sum(report.dropped.values())
    total = report.delivered + report.undelivered + dropped
    if total not in {len(called), len(accepted)}:
        found.violate(
            f"the report speaks of {total} events ({report.delivered} delivered, {report.undelivered} undelivered, "
            f"{dropped} dropped), and enqueue was called with {len(called)}, of which it accepted {len(accepted)}",
            returned,
        )
    elif missing > report.undelivered + dropped:
        found.violate(
            f"{missing} events are not at the backend, and the report owns up to {report.undelivered} undelivered "
            f"and {dropped} dropped",
            returned,
        )


def nothing_is_doubled(evidence: Evidence, found: Findings) -> None:
    """DLV-2: no event is accepted twice."""
    for run in evidence.runs.values():
        known = evidence.enqueued.get(run.run_id, {})
        seen: dict[str, list[LineReceived]] = {}
        for line in run.taken:
            found.count()
            key = content(line.event or {})
            seen.setdefault(key, []).append(line)
            if len(seen[key]) == max(len(known.get(key, ())), 1) + 1:
                found.violate(
                    f"an event was accepted twice, as number {seen[key][0].seq} and as number {line.seq}",
                    seen[key][0],
                    line,
                )


def order_is_kept(evidence: Evidence, found: Findings) -> None:
    """DLV-3: the accepted order is the order of `enqueue`."""
    for sender, run in evidence.pairs():
        order = {content(call.event or {}): call for call in reversed(sender.accepted)}
        first_time = []
        seen = set()
        for line in run.taken:
            key = content(line.event or {})
            if key in order and key not in seen:
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


def a_prefix_is_kept(evidence: Evidence, found: Findings) -> None:
    """DLV-4: a prefix that was accepted is kept, and the rest is sent again."""
    for run in evidence.runs.values():
        for request in run.data:
            last, first = request.last_told, request.first_seq
            if last is None or first is None or last < first:
                continue
            # What a 413 left unread isn't in the records, but there was something.
            is_limit = request.answer is not None and request.answer.status == _TOO_LARGE
            if last >= request.highest_seq and not is_limit:
                continue
            found.count()
            following = run.next_data(request)
            _check_that_the_prefix_is_kept(evidence, run, request, following, found)
            if following is not None and following.first_seq not in {last + 1, None}:
                found.violate(
                    f"numbers {first} to {last} of a window were accepted and the rest was not, and the next window "
                    f"starts at {following.first_seq}, not at {last + 1}",
                    request.answer,
                    following.lines[0],
                )
            elif following is None and last < request.highest_seq:
                found.violate(
                    f"numbers {first} to {last} of a window were accepted, and the rest was never sent again",
                    request.answer,
                )


def _check_that_the_prefix_is_kept(
    evidence: Evidence, run: Run, request: Request, following: Request | None, found: Findings
) -> None:
    """A number of the prefix may not be sent again (which the first number tells), nor may its event under another."""
    kept = {
        content(line.event): line
        for line in request.lines
        if line.event is not None and (line.seq or 0) <= (request.last_told or 0)
    }
    for line in following.lines if following is not None else ():
        key = content(line.event or {})
        if key in kept and kept[key].seq != line.seq and evidence.is_one_of_a_kind(run.run_id, key):
            found.violate(
                f"number {kept[key].seq} of a window was accepted, and its event is sent again as {line.seq}",
                kept[key],
                request.answer,
                line,
            )


def a_duplicate_is_delivered(evidence: Evidence, found: Findings) -> None:
    """DLV-5: a 200 that says `duplicate` counts as delivery."""
    for run in evidence.runs.values():
        settled: dict[str, tuple[Request, LineReceived]] = {}
        for request in run.data:
            for line in request.lines:
                key = content(line.event or {})
                if key in settled and evidence.is_one_of_a_kind(run.run_id, key):
                    answered, earlier = settled[key]
                    if request.data_began > answered.ended:
                        found.violate(
                            f"number {earlier.seq} was answered as a duplicate, and its event was sent again "
                            f"as {line.seq}",
                            earlier,
                            answered.answer,
                            line,
                        )
                if line.decision == "duplicate" and request.succeeded and (line.seq or 0) <= (request.last_told or 0):
                    found.count()
                    settled.setdefault(key, (request, line))


def success_without_a_number_is_no_acknowledgement(evidence: Evidence, found: Findings) -> None:
    """DLV-6: a 2xx that doesn't say how far it got acknowledges nothing."""
    for sender, run in evidence.pairs():
        missing = evidence.missing(sender)
        for request in run.requests:
            answer = request.answer
            if answer is None or answer.status not in _SUCCESS or request.last_told is not None:
                continue
            found.count()
            if missing and not evidence.excuse(sender):
                found.violate(
                    f"a {answer.status} that didn't say how far it got was taken for an acknowledgement: "
                    f"{len(missing)} events never were at the backend",
                    answer,
                    missing[0],
                )


def only_what_was_sent_is_acknowledged(evidence: Evidence, found: Findings) -> None:
    """DLV-7: an acknowledgement beyond what was sent never discards what was not sent."""
    for sender, run in evidence.pairs():
        ever_sent = {content(line.event) for line in run.lines if line.event is not None}
        never_sent = [call for call in sender.accepted if content(call.event or {}) not in ever_sent]
        for request in run.data:
            if not request.succeeded or (request.last_told or 0) <= request.highest_seq:
                continue
            found.count()
            if never_sent and not evidence.excuse(sender):
                found.violate(
                    f"an answer acknowledged number {request.last_told} when {request.highest_seq} was the last that "
                    f"was sent, and {len(never_sent)} events were never sent at all",
                    request.answer,
                    never_sent[0],
                )


def runs_do_not_mix(evidence: Evidence, found: Findings) -> None:
    """DLV-8: an event of one run never goes out in another's stream."""
    if len(evidence.senders) <= 1:
        return
    for run in evidence.runs.values():
        own = evidence.enqueued.get(run.run_id, {})
        for line in run.lines:
            found.count()
            key = content(line.event or {})
            if key in own:
                continue
            for run_id, events in evidence.enqueued.items():
                if run_id != run.run_id and key in events:
                    found.violate(
                        f"an event that was enqueued for run {run_id} went out for run {run.run_id}",
                        events[key][0],
                        line,
                    )
