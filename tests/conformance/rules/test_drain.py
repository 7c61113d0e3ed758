"""The checkers of DRN, on histories made by hand."""

from __future__ import annotations

import pytest

from conformance.evidence.history import NetworkTrouble
from fake_backend.faults import Latency, ResetPeer, Stall, Status
from fake_backend.records import LineReceived
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import REPORTING, Story, event


def sent(**settings: float) -> Story:
    """Two events are enqueued and arrive."""
    story = Story(settings=settings).open(claims=REPORTING).enqueue(event(1), event(2))
    return story.request((1, event(1)), (2, event(2)), last=2)


def altered() -> Story:
    """Two events are enqueued and arrive, the second in another form."""
    story = Story().open(claims=REPORTING).enqueue(event(1), event(2))
    return story.request((1, event(1)), (2, {**event(2), "more": None}), last=2)


def held(**settings: float) -> Story:
    """Two events are enqueued, and the first arrives."""
    story = Story(settings=settings).open(claims=REPORTING).enqueue(event(1), event(2))
    return story.request((1, event(1)), last=1)


def handed_off() -> Story:
    """The first sender hands its run to a second one, which goes on and completes it."""
    story = sent().stop(complete=False).returned(delivered=2, completed=False).wait(5)
    story.open(2).enqueue(event(3), sender=2).request((3, event(3)), last=3)
    return story.stop(sender=2).complete(3).returned(sender=2)


def decided_late(fault: Latency | Stall | None) -> Story:
    """A line that was sent before stop returned is decided a second after that."""
    story = sent().request((3, event(1)), status=None, faults=[fault] if fault else [])
    story.stop().returned(delivered=2)
    late = LineReceived(time=story.now + 1, request=2, run_id="run-1", size=9, decision="duplicate", seq=1)
    return story.write(late)


CASES = [
    keeps("DRN-1", "all there, and complete", sent().stop().complete(2).returned()),
    breaks(
        "DRN-1",
        "one missing",
        held().stop().complete(1).returned(),
        "1 event is not at the backend, though buffered",
        "StopCalled",
        "EnqueueCalled",
        "StopReturned",
    ),
    breaks(
        "DRN-1",
        "not complete",
        sent().stop().complete(3, "mismatch", status=409, last=2).returned(),
        "the run is not complete",
        "StopCalled",
        "StopReturned",
    ),
    is_silent_on("DRN-1", "a handoff", sent().stop(complete=False).returned()),
    is_silent_on(
        "DRN-1", "the deadline, in trouble", held(stop_timeout=1.0).request(status=503).stop().wait(1).returned()
    ),
    breaks(
        "DRN-1",
        "the deadline alone",
        held(stop_timeout=1.0).stop().wait(1).returned(),
        "1 event is not at the backend, though buffered",
        "StopCalled",
        "EnqueueCalled",
        "StopReturned",
    ),
    keeps(
        "DRN-1",
        "a success that was not the backend's word",
        sent().stop().complete(2, "mismatch", faults=[Status(status=200)]).returned(),
    ),
    keeps("DRN-1", "an altered event is for WIRE-4 and DLV-1", altered().stop().complete(2).returned()),
    keeps("DRN-2", "last", sent().stop().complete(2).returned()),
    keeps("DRN-2", "after an event in another form", altered().stop().complete(2).returned()),
    breaks(
        "DRN-2",
        "early",
        held().stop().complete(1),
        "completion at 1 came before 1 event had been sent",
        "CompletionReceived",
        "EnqueueCalled",
    ),
    keeps(
        "DRN-2",
        "a predecessor's is not a successor's",
        sent().stop().complete(2).returned().open(2).enqueue(event(3), sender=2),
    ),
    keeps("DRN-3", "in time", sent(stop_timeout=3.0).stop().wait(3.3).returned()),
    keeps("DRN-3", "250 ms at the least", sent(stop_timeout=1.0).stop().wait(1.25).returned()),
    breaks(
        "DRN-3",
        "late",
        sent(stop_timeout=3.0).stop().wait(3.4).returned(),
        "stop returned after 3.4 s",
        "StopCalled",
        "StopReturned",
    ),
    breaks("DRN-3", "never", sent().stop().overdue(), "stop never returned", "StopCalled", "StopOverdue"),
    keeps("DRN-4", "an altered event was delivered", altered().stop().complete(2).returned(delivered=2)),
    keeps("DRN-4", "true", sent().stop().complete(2).returned(delivered=2)),
    breaks("DRN-4", "none", sent().stop().complete(2).returned(), "stop gave no report", "StopReturned"),
    breaks(
        "DRN-4",
        "too many",
        held().stop().complete(1).returned(delivered=2),
        "claims 2 delivered, and 1 are",
        "StopReturned",
    ),
    breaks(
        "DRN-4",
        "too few",
        sent().stop().complete(2).wait(1).returned(delivered=1),
        "claims only 1 delivered",
        "StopReturned",
    ),
    keeps(
        "DRN-4",
        "too few, where no answer said so",
        held().request((2, event(2)), status=None).stop().returned(delivered=1, undelivered=1, completed=False),
    ),
    breaks(
        "DRN-4", "not complete", sent().stop().returned(delivered=2), "the report claims completion", "StopReturned"
    ),
    breaks(
        "DRN-4",
        "complete",
        sent().stop().complete(2).wait(1).returned(delivered=2, completed=False),
        "the report denies completion",
        "CompletionReceived",
        "StopReturned",
    ),
    keeps(
        "DRN-4",
        "complete, where no answer said so",
        sent().stop().complete(2, status=None).returned(delivered=2, completed=False),
    ),
    is_silent_on("DRN-4", "still open", sent()),
    keeps("DRN-5", "silence", sent().stop().complete(2).returned().wait(9)),
    breaks(
        "DRN-5",
        "a request",
        sent().stop().returned().wait(9).request(last=2),
        "9 s after stop had returned",
        "StopReturned",
        "RequestStarted",
    ),
    breaks(
        "DRN-5",
        "a line",
        decided_late(None),
        "request 2 was still being sent 1 s after",
        "StopReturned",
        "LineReceived",
    ),
    keeps("DRN-5", "a line that a slow backend took late", decided_late(Latency(seconds=1))),
    keeps("DRN-5", "what a successor sends", handed_off()),
    breaks(
        "DRN-5",
        "what nobody's successor sends",
        handed_off().wait(9).request(last=3),
        "request 4 was still being",
        "StopReturned",
        "RequestStarted",
    ),
    keeps("DRN-6", "refused", sent().stop().enqueue(event(3), outcome="closed")),
    breaks("DRN-6", "taken", sent().stop().enqueue(event(3)), "answered 'accepted'", "StopCalled", "EnqueueCalled"),
    breaks(
        "DRN-6",
        "sent",
        sent().stop().enqueue(event(3), outcome="closed").request((3, event(3)), last=3),
        "was sent",
        "EnqueueCalled",
        "LineReceived",
    ),
    keeps("DRN-6", "equal to one that was sent before", sent().stop().enqueue(event(1), outcome="closed")),
    keeps("DRN-7", "one answer", sent().stop().stop().complete(2).returned(call=1).returned(call=2)),
    breaks(
        "DRN-7",
        "no answer",
        sent().stop().stop().complete(2).returned(call=1).overdue(),
        "called 2 times and returned 1",
        "StopCalled",
        "StopCalled",
    ),
    breaks(
        "DRN-7",
        "two answers",
        sent().stop().stop().complete(2).returned(call=1).returned(call=2, delivered=2),
        "different reports",
        "StopReturned",
        "StopReturned",
    ),
    breaks(
        "DRN-7",
        "two drains",
        sent().stop().stop().complete(2).complete(2, "already-complete").wait(1).returned(call=1).returned(call=2),
        "once for each call of stop",
        "CompletionReceived",
        "CompletionReceived",
    ),
    keeps("DRN-7", "who left got no answer", sent().stop().stop().complete(2).returned(call=2)),
    breaks(
        "DRN-7",
        "the last call decides",
        sent().stop(complete=False).stop().complete(2).returned(call=1).returned(call=2),
        "a later one had it completed",
        "StopCalled",
        "CompletionReceived",
    ),
    breaks(
        "DRN-7",
        "a caller that leaves takes others along",
        sent().stop().stop().cancelled(),
        "raised CancelledError, though only other callers",
        "StopCalled",
        "StopCancelled",
    ),
    is_silent_on("DRN-7", "once", sent().stop().complete(2).returned()),
    keeps("DRN-8", "completed", Story().open().stop().request(last=0).complete(0).returned()),
    breaks("DRN-8", "not completed", Story().open().stop().returned(), "never sent was stopped", "StopCalled"),
    is_silent_on("DRN-8", "it sent", sent().stop().returned()),
    keeps(
        "DRN-9",
        "tried again",
        sent().stop().complete(2, status=None).wait(1).complete(2, "already-complete").returned(delivered=2),
    ),
    breaks(
        "DRN-9",
        "given up",
        sent().stop().complete(2, status=None).returned(delivered=2),
        "never asked again",
        "CompletionReceived",
        "RequestBroken",
        "StopReturned",
    ),
    breaks(
        "DRN-9",
        "what it confirmed is reported as undelivered",
        sent()
        .stop()
        .complete(2, status=None)
        .wait(1)
        .complete(2, "already-complete")
        .wait(1)
        .returned(delivered=1, undelivered=1),
        "reported as undelivered",
        "CompletionReceived",
        "StopReturned",
    ),
    breaks(
        "DRN-9",
        "given up after another attempt",
        sent().stop().complete(2, status=None).wait(1).complete(2, "already-complete", status=503).returned(),
        "never asked again until it knew (requests after that: 1)",
        "CompletionReceived",
        "RequestBroken",
        "StopReturned",
    ),
    keeps(
        "DRN-9",
        "nobody ever told it",
        sent(stop_timeout=1.0).stop().complete(2, status=None).wait(1).returned(delivered=1, undelivered=1),
    ),
    is_silent_on("DRN-9", "answered", sent().stop().complete(2).returned()),
    keeps(
        "DRN-10", "it leads on", sent().set(3).stop().complete(2, "mismatch", status=409, last=3).complete(3).returned()
    ),
    breaks(
        "DRN-10",
        "it ends",
        sent().set(3).stop().complete(2, "mismatch", status=409, last=3).returned(),
        "completion at 2 was answered 409",
        "CompletionReceived",
        "AnswerSent",
        "StopReturned",
    ),
    is_silent_on(
        "DRN-10",
        "the refusal is lost",
        sent().set(3).stop().complete(2, "mismatch", status=None, faults=(ResetPeer(),)).returned(),
    ),
    is_silent_on(
        "DRN-10",
        "the refusal is lost on the network",
        sent()
        .set(3)
        .write(NetworkTrouble(time=0.0, what="resets", seconds=60.0))
        .stop()
        .complete(2, "mismatch", status=409, last=3)
        .returned(),
    ),
    keeps(
        "DRN-11",
        "it ends",
        held().set(9, complete=True).request((2, event(2), "complete"), status=409, last=9).stop().returned(),
    ),
    breaks(
        "DRN-11",
        "it spins",
        held(stop_timeout=1.0).set(9, complete=True).stop().wait(1).returned(),
        "stop spun until its deadline",
        "StateSet",
        "StopCalled",
    ),
    is_silent_on("DRN-11", "it is open", sent().stop().complete(2).returned()),
    keeps("DRN-12", "left open", handed_off()),
    breaks(
        "DRN-12",
        "completed",
        sent().stop(complete=False).complete(2).returned(),
        "stop(complete=False) completed",
        "StopCalled",
        "CompletionReceived",
    ),
    breaks(
        "DRN-12",
        "not drained",
        held().stop(complete=False).returned(),
        "1 event is not at the backend, which",
        "StopCalled",
        "EnqueueCalled",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_draining_blames_what_it_should(case: Case) -> None:
    """Draining is held against DRN, and the records that contradict it are named."""
    hold(case)


@pytest.mark.parametrize("rule", [f"DRN-{number}" for number in range(1, 13)])
def test_a_handoff_breaks_no_rule(rule: str) -> None:
    """Neither of two senders that write a run one after the other is blamed for what the other does."""
    hold(Case(rule=rule, name="a handoff", story=handed_off(), judged=rule not in _NOT_ABOUT_A_HANDOFF))


_NOT_ABOUT_A_HANDOFF = {"DRN-6", "DRN-7", "DRN-8", "DRN-9", "DRN-10", "DRN-11"}
