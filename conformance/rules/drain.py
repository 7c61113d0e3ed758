"""DRN: drain and completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.evidence.protocol import COMPLETE, COMPLETED, CONFLICT, MISMATCH, PRESENT
from fake_backend.faults import Partial, Status
from fake_backend.records import RequestStarted

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.facts import Facts
    from conformance.evidence.history import AnyRecord, EnqueueCalled
    from conformance.rules.findings import Findings
    from fake_backend.records import AnswerSent, CompletionReceived

_TOLERANCE = 0.1
_LEAST_TOLERANCE = 0.25
_NOT_SPINNING = 10
_THE_WHOLE, _MOST_OF_IT = 0.9, 0.5
_ENOUGH_TO_KNOW = 3


def stop_delivers_and_completes(facts: Facts, found: Findings) -> None:
    """DRN-1: `stop` delivers everything buffered, then completes the run at the last number accepted."""
    for sender, run in facts.index.pairs():
        if not sender.stops or not sender.stops[0].complete or facts.outages.excuse(sender):
            continue
        found.count()
        missing = _without_altered(facts, run, facts.losses.of(sender))
        if missing:
            found.violate(
                f"stop returned in time, and {_events(missing, ' is', ' are')} not at the backend, though buffered",
                sender.stops[0],
                missing[0],
                *sender.returns[:1],
            )
        if run.completed is None and not _was_misled(run):
            found.violate("stop returned, and the run is not complete", sender.stops[0], *sender.returns[:1])


def _without_altered(facts: Facts, run: Run, calls: list[EnqueueCalled]) -> list[EnqueueCalled]:
    """Leave out the events that seem to be there in another form, for WIRE-4 and DLV-1 to tell."""
    altered = facts.alterations.accepted(run)
    return [call for call in calls if (call.sender, call.call) not in altered]


def _events(calls: list[EnqueueCalled], singular: str = "", plural: str = "") -> str:
    return f"1 event{singular}" if len(calls) == 1 else f"{len(calls)} events{plural}"


def _was_misled(run: Run) -> bool:
    """Whether a fault gave a success, with a number, to what may have been a completion that was never taken."""
    return any(
        request.succeeded
        and request.first_seq is None
        and any(isinstance(fault, Partial | Status) for fault in request.faults)
        and (request.kind != "sync" or request.lines)
        for request in run.requests
    )


def completion_comes_last(facts: Facts, found: Findings) -> None:
    """DRN-2: completion never goes out before everything before it has been sent, and takes effect once."""
    for sender, run in facts.index.pairs():
        sent: set[str] = set()
        altered = {facts.content(line.event): call for line, call in facts.alterations.lines(run) if call is not None}
        # A sender may be done with what it dropped rightly, and with what others' numbers seem to have delivered.
        arrived = {call.call for call in sender.accepted} - {call.call for call in facts.losses.missing(sender)}
        wanted = arrived | {call.call for call in facts.losses.of(sender)}
        completions = iter(facts.index.completions_of(sender, run))
        completion = next(completions, None)
        for record in facts.history.records:
            if completion is None:
                break
            if record is completion:
                found.count()
                unsent = [
                    call
                    for call in sender.accepted
                    if facts.content(call.event) not in sent
                    and not facts.poison.includes(run, call)
                    and call.call in wanted
                ]
                if unsent:
                    found.violate(
                        f"completion at {completion.final_seq} came before {_events(unsent)} had been sent",
                        completion,
                        unsent[0],
                    )
                completion = next(completions, None)
            elif isinstance(record, RequestStarted):
                # What a request carries was sent when it began, whenever a slow backend takes it.
                request = facts.index.requests[record.request]
                carried = {facts.content(line.event) for line in request.lines if line.event is not None}
                sent |= carried | {facts.content(altered[key].event) for key in carried & altered.keys()}


def stop_returns_by_its_deadline(facts: Facts, found: Findings) -> None:
    """DRN-3: `stop` returns by its deadline, whatever the backend does."""
    timeout = facts.settings.stop_timeout
    limit = timeout + max(_TOLERANCE * timeout, _LEAST_TOLERANCE) + facts.history.slack
    for sender in facts.index.senders.values():
        returned = {each.call: each for each in sender.returns}
        for stop in sender.stops:
            found.count()
            answer = returned.get(stop.call)
            overdue = sender.overdue.get(stop.call)
            if overdue is not None:
                found.violate(f"stop never returned; its deadline was {timeout:g} s", stop, overdue)
            elif answer is not None and answer.time - stop.time > limit:
                found.violate(
                    f"stop returned after {answer.time - stop.time:.3g} s; its deadline was {timeout:g} s", stop, answer
                )


def the_report_is_true(facts: Facts, found: Findings) -> None:
    """DRN-4: what `stop` reports as delivered, undelivered and completed is what the backend saw."""
    for sender, run in facts.index.pairs():
        if not sender.returns or "drain-report" not in sender.opened.capabilities:
            continue
        returned = sender.returns[0]
        found.count()
        report = returned.report
        if report is None:
            found.violate("stop gave no report, though the sender claims the capability drain-report", returned)
            continue
        there = len(sender.accepted) - len(facts.losses.missing(sender))
        # What it is not to blame for it may take for delivered: the backend said so, or seemed to.
        at_most = len(sender.accepted) - len(_without_altered(facts, run, facts.losses.of(sender)))
        unanswered = sum(
            line.decision in PRESENT and (line.seq or 0) > _told_by(facts, request, returned.time)
            for request in run.requests
            for line in request.lines
        )
        if report.delivered > at_most:
            found.violate(f"the report claims {report.delivered} delivered, and {there} are at the backend", returned)
        elif report.delivered < there - unanswered and not _was_moved(facts, sender, run):
            found.violate(
                f"the report claims only {report.delivered} delivered, and the backend confirmed {there}", returned
            )
        _check_completion_claim(facts, sender, run, found)


def _told_by(facts: Facts, request: Request, time: float) -> int:
    """The number up to which the answer to a request surely told a sender by a time that all was taken."""
    if request.ended_at + facts.history.round_trip / 2 > time or not facts.outages.was_heard(request):
        return 0
    return request.last_told or 0


def _was_moved(facts: Facts, sender: Sender, run: Run) -> bool:
    """Whether the state of a run was set while its sender was at work: what it was told may be less than was taken."""
    return any(facts.index.is_before(sender.opened, state) for state in run.states)


def _check_completion_claim(facts: Facts, sender: Sender, run: Run, found: Findings) -> None:
    returned = sender.returns[0]
    completions = facts.index.completions_of(sender, run)
    completed = next((each for each in completions if each.decision == COMPLETED), None)
    complete_at_all = run.completed is not None or any(state.complete for state in run.states)
    claims = returned.report is not None and returned.report.completed
    if claims and not complete_at_all and not _was_misled(run):
        found.violate("the report claims completion, and the run is not complete", returned)
    elif completed is not None and not claims and any(_was_confirmed(facts, each) for each in completions):
        found.violate("the report denies completion, and the backend confirmed it", completed, returned)


def _was_confirmed(facts: Facts, completion: CompletionReceived) -> bool:
    """Whether the sender surely knows that a completion took effect."""
    request = facts.index.requests[completion.request]
    is_done = completion.decision in COMPLETE
    return is_done and request.succeeded and facts.outages.was_heard(request)


def nothing_is_sent_after_stop(facts: Facts, found: Findings) -> None:
    """DRN-5: nothing is sent after `stop` has returned."""
    for sender, run in facts.index.pairs():
        if not sender.returns:
            continue
        found.count()
        under_way = facts.history.round_trip + facts.history.slack
        for request in run.requests:
            if _may_be_of_another(facts, sender, request):
                continue
            # Where the backend is slow, the time at which it takes a line isn't that at which the line was sent.
            is_slow = any(fault.takes_time for fault in request.faults)
            decided: list[AnyRecord] = [] if is_slow else [*request.lines, *request.completions]
            sent: list[AnyRecord] = [request.started, *decided]
            for record in sent:
                # What was on its way when the network was in trouble may have come late.
                is_calm = facts.outages.is_calm(sender.stop_returned, record.time)
                if record.time > sender.stop_returned + under_way and is_calm:
                    found.violate(
                        f"request {request.number} was still being sent "
                        f"{record.time - sender.stop_returned:.3g} s after stop had returned",
                        sender.returns[0],
                        record,
                    )
                    break


def _may_be_of_another(facts: Facts, sender: Sender, request: Request) -> bool:
    """Whether another sender of the same run was at work, such as the successor after a handoff."""
    return any(
        other is not sender
        and other.run_id == sender.run_id
        and facts.index.is_before(other.opened, request.started)
        and request.started.time <= other.stop_returned + facts.history.round_trip + facts.history.slack
        for other in facts.index.senders.values()
    )


def enqueue_after_stop_is_refused(facts: Facts, found: Findings) -> None:
    """DRN-6: after `stop` has been called `enqueue` refuses an event, says so, and never sends it."""
    for sender, run in facts.index.pairs():
        sent = {facts.content(line.event): line for line in run.lines}
        for call in sender.enqueues:
            if not sender.stops or facts.index.is_before(call, sender.stops[0]):
                continue
            found.count()
            if call.outcome != "closed":
                found.violate(
                    f"an event was enqueued after stop had been called, and answered {call.outcome!r}, not 'closed'",
                    sender.stops[0],
                    call,
                )
            key = facts.content(call.event)
            line = sent.get(key)
            if line is not None and call.event is not None and facts.index.is_unique(run.run_id, key):
                found.violate("an event that was enqueued after stop had been called was sent", call, line)


def stopping_twice_is_stopping_once(facts: Facts, found: Findings) -> None:
    """DRN-7: calling `stop` again starts no second drain; all callers get the same answer."""
    for sender, run in facts.index.pairs():
        if sender.cancelled:
            found.violate(
                "a call of stop raised CancelledError, though only other callers were cancelled",
                sender.stops[sender.cancelled[0].call - 1],
                sender.cancelled[0],
            )
        if len(sender.stops) <= 1:
            continue
        found.count()
        if sender.overdue:
            found.violate(
                f"stop was called {len(sender.stops)} times and returned {len(sender.returns)} times", *sender.stops[:2]
            )
        for returned in sender.returns[1:]:
            if returned.report != sender.returns[0].report:
                found.violate("two calls of stop returned different reports", sender.returns[0], returned)
        completions = facts.index.completions_of(sender, run)
        if completions and not sender.stops[0].complete and any(stop.complete for stop in sender.stops):
            found.violate(
                "the first call of stop asked to leave the run open, and a later one had it completed",
                sender.stops[0],
                completions[0],
            )
        drains = [
            each
            for each in run.completions
            if _was_confirmed(facts, each) and not _may_be_of_another(facts, sender, facts.index.requests[each.request])
        ]
        if len(drains) > 1:
            found.violate("the run was completed once for each call of stop", *drains[:2])


def stopping_without_sending_completes(facts: Facts, found: Findings) -> None:
    """DRN-8: stopping a sender that never sent completes the run at the backend's last number."""
    for sender, run in facts.index.pairs():
        if sender.accepted or not sender.stops or not sender.stops[0].complete or facts.outages.excuse(sender):
            continue
        found.count()
        if run.completed is None and not _was_misled(run):
            found.violate("a sender that never sent was stopped, and the run is not complete", *sender.stops[:1])


def a_lost_completion_settles(facts: Facts, found: Findings) -> None:
    """DRN-9: a completion whose answer was lost is tried again, and settles."""
    for sender, run in facts.index.pairs():
        for completion in facts.index.completions_of(sender, run):
            request = facts.index.requests[completion.request]
            if completion.decision != COMPLETED or request.succeeded:
                continue
            found.count()
            later = [each for each in run.requests if each.began > request.began]
            if not any(each.succeeded for each in later) and not facts.outages.excuse(sender):
                found.violate(
                    f"the answer to the completion was lost{request.how_it_broke}, and the sender never asked again "
                    f"until it knew (requests after that: {len(later)})",
                    completion,
                    request.end,
                    *sender.returns[:1],
                )
            report = sender.returns[0].report if sender.returns else None
            if report and report.undelivered and _is_settled(facts, later):
                found.violate(
                    "the answer to the completion was lost, and what it confirmed is reported as undelivered",
                    completion,
                    sender.returns[0],
                )


def _is_settled(facts: Facts, later: list[Request]) -> bool:
    """Whether one of the requests after a completion surely told that all had been taken."""
    return any(
        completion.decision in COMPLETE and _was_confirmed(facts, completion)
        for request in later
        for completion in request.completions
    )


def a_refused_completion_leads_on(facts: Facts, found: Findings) -> None:
    """DRN-10: a completion that is answered 409 leads to a sync, the missing events, and completion."""
    for sender, run in facts.index.pairs():
        refused = [
            each
            for each in facts.index.completions_of(sender, run)
            if each.decision == MISMATCH and not _may_be_lost(facts, facts.index.requests[each.request].answer)
        ]
        if not refused:
            continue
        found.count()
        if run.completed is None and not _was_misled(run) and not facts.outages.excuse(sender):
            found.violate(
                f"completion at {refused[0].final_seq} was answered 409, and the run was never completed",
                refused[0],
                facts.index.requests[refused[0].request].answer,
                *sender.returns[:1],
            )


def _may_be_lost(facts: Facts, answer: AnswerSent | None) -> bool:
    """Whether an answer was never given, or in the middle of an outage."""
    return answer is None or any(began <= answer.time <= ended for began, ended in facts.outages.intervals)


def a_complete_run_is_final(facts: Facts, found: Findings) -> None:
    """DRN-11: a run that is already complete is final: no spinning until the deadline."""
    timeout = facts.settings.stop_timeout
    for sender, run in facts.index.pairs():
        complete = [state for state in run.states if state.complete]
        if not complete or not run.states[-1].complete or not sender.accepted or not sender.stops:
            continue
        found.count()
        after = [request for request in run.requests if request.started.time > complete[0].time]
        told = [
            request for request in after if _tells_that_it_is_complete(request) and facts.outages.was_heard(request)
        ]
        is_blocked = facts.outages.held_up(sender, refusals_count=False)
        enough = _ENOUGH_TO_KNOW if is_blocked else 1
        never_asked = not is_blocked and not after and complete[0].time <= sender.stop_called
        if len(told) < enough and not never_asked:
            continue
        known_since = max([sender.stop_called, *(each.ended_at for each in told[:enough])])
        lasted = sender.stop_returned - sender.stop_called
        if lasted >= _THE_WHOLE * timeout and sender.stop_returned - known_since >= _MOST_OF_IT * timeout:
            found.violate(
                "the run was complete already, and stop spun until its deadline", complete[0], sender.stops[0]
            )
        if len(told) > _NOT_SPINNING:
            found.violate(
                f"the run was complete already, and {len(told)} requests were made", complete[0], told[-1].started
            )


def _tells_that_it_is_complete(request: Request) -> bool:
    """Whether a request is answered as one to a complete run: a limit that it passes, for one, is told before that."""
    return not request.faults and (request.status == CONFLICT or bool(request.completions))


def a_handoff_leaves_the_run_open(facts: Facts, found: Findings) -> None:
    """DRN-12: `stop(complete=False)` drains and leaves the run open for a successor."""
    for sender, run in facts.index.pairs():
        if not sender.stops or sender.stops[0].complete:
            continue
        found.count()
        missing = _without_altered(facts, run, facts.losses.of(sender))
        if missing and not facts.outages.excuse(sender):
            found.violate(
                f"{_events(missing, ' is', ' are')} not at the backend, which were to be drained before the handoff",
                sender.stops[0],
                missing[0],
            )
        for completion in facts.index.completions_of(sender, run):
            found.violate("stop(complete=False) completed the run", sender.stops[0], completion)
