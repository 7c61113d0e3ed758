"""The checkers of DLV, on histories made by hand."""

from __future__ import annotations

import pytest

from conformance.evidence.history import NetworkTrouble
from fake_backend.faults import Duplicate, Latency, Stall
from fake_backend.records import LineReceived
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import REPORTING, Story, event


def told(**settings: float) -> Story:
    """A sender is opened and given three events."""
    return Story(settings=settings).open(claims=REPORTING).enqueue(event(1), event(2), event(3))


def all_there() -> Story:
    """The same, and all three arrive."""
    return told().request((1, event(1)), (2, event(2)), (3, event(3)), last=3)


def prefix(status: int = 200) -> Story:
    """The same, and only the first two arrive."""
    return told().request((1, event(1)), (2, event(2)), (3, event(3), "ignored"), status=status, last=2)


def taken_late(status: int) -> Story:
    """A window stalls; the head of its resend is refused; what was behind moves up; and then the window is taken."""
    late = LineReceived(time=9.0, request=1, run_id="run-1", size=9, decision="accepted", seq=2, event=event(2))
    return (
        told()
        .request((1, event(1), "ignored"), (2, event(2), "ignored"), status=None, faults=[Latency(seconds=9.0)])
        .request((1, event(1), "refused"), status=status, last=0)
        .request((1, event(2)), last=1)
        .write(late)
    )


def taken_late_and_told(status: int) -> Story:
    """The same, and the window is taken before what was behind goes out under its new number, or under the next."""
    early, late = (
        LineReceived(time=9.0, request=1, run_id="run-1", size=9, decision="accepted", seq=n, event=event(n))
        for n in (1, 2)
    )
    return (
        told()
        .request((1, event(1), "ignored"), (2, event(2), "ignored"), status=None, faults=[Latency(seconds=9.0)])
        .request((1, event(1), "refused"), status=status, last=0)
        .write(early)
        .write(late)
        .request(last=2)
        .request((3, event(2)), last=3)
    )


TROUBLE = NetworkTrouble(time=1.02, what="connections are reset")
TOO_LARGE = [LineReceived(time=1.0, request=number, run_id="run-1", size=50, decision="too-large") for number in (1, 2)]
POISON = {"text": "x" * 60}

CASES = [
    keeps("DLV-1", "all there", all_there().stop().returned(delivered=3)),
    keeps("DLV-1", "a report of refused ones too", all_there().stop().returned(delivered=2, dropped={"full": 1})),
    breaks(
        "DLV-1",
        "one is missing",
        told().request((1, event(1)), (2, event(2)), last=2).stop().returned(delivered=2, undelivered=1),
        "1 of 3 events that enqueue accepted never reached the backend",
        "EnqueueCalled",
        "StopReturned",
    ),
    breaks(
        "DLV-1",
        "one is there in another form",
        told().request((1, event(1)), (2, event(2)), (3, {**event(3), "more": 1}), last=3).stop().returned(delivered=3),
        "nothing prevented it; 1 of them may have arrived altered (see WIRE-4)",
        "EnqueueCalled",
        "StopReturned",
    ),
    breaks(
        "DLV-1",
        "equal events are counted",
        Story().open().enqueue(event(1), event(1)).request((1, event(1)), last=1).stop().returned(),
        "1 of 2 events",
        "EnqueueCalled",
        "StopReturned",
    ),
    keeps(
        "DLV-1",
        "the deadline stood in the way",
        told(stop_timeout=2.0)
        .stop()
        .request((1, event(1)), status=None, faults=[Stall()], took=2.0)
        .returned(delivered=0, undelivered=3, completed=False),
    ),
    keeps(
        "DLV-1",
        "a 403 stood in the way",
        told().request(status=403).stop().returned(delivered=0, undelivered=3, completed=False),
    ),
    keeps(
        "DLV-1",
        "someone else completed the run",
        told().set(7, complete=True).stop().returned(delivered=0, undelivered=3, completed=False),
    ),
    breaks(
        "DLV-1",
        "the report says nothing of one",
        told().request(status=403).stop().returned(delivered=0, undelivered=2, completed=False),
        "the report accounts for 2 events",
        "StopReturned",
    ),
    breaks(
        "DLV-1",
        "the report admits too few",
        told().request(status=403).stop().returned(delivered=1, undelivered=2, completed=False),
        "3 events are not at the backend, and the report admits 2 undelivered and 0 dropped",
        "StopReturned",
    ),
    breaks("DLV-1", "no report", all_there().stop().returned(), "stop gave no report", "StopReturned"),
    keeps(
        "DLV-1",
        "poison may be dropped",
        Story().open().enqueue(POISON).request(status=413, last=0).request(status=413, last=0).write(*TOO_LARGE),
    ),
    keeps(
        "DLV-1",
        "a duplicate of what a predecessor took is nobody's fault",
        told()
        .request(last=0)
        .set(2)
        .wait(1)
        .request((1, event(1), "duplicate"), (2, event(2), "duplicate"), (3, event(3)), last=3),
    ),
    breaks(
        "DLV-1",
        "a duplicate of one's own number is",
        told().request((1, event(1)), last=1).wait(1).request((1, event(2), "duplicate"), (2, event(3)), last=2),
        "1 of 3 events",
        "EnqueueCalled",
    ),
    keeps(
        "DLV-1",
        "another writer took the numbers of what was in doubt",
        told()
        .request(last=0)
        .request((1, event(1), "ignored"), (2, event(2), "ignored"), status=None)
        .set(2)
        .request(last=2)
        .request((3, event(3)), last=3),
    ),
    breaks(
        "DLV-1",
        "another writer took fewer than are missing",
        told().request(last=0).request((1, event(1), "ignored"), status=None).set(2).request(last=2),
        "1 of 3 events",
        "EnqueueCalled",
    ),
    breaks(
        "DLV-1",
        "another writer took numbers when nothing was in doubt",
        told().request(last=0).set(3).request(last=3),
        "3 of 3 events",
        "EnqueueCalled",
    ),
    keeps(
        "DLV-1",
        "it was told that all was there",
        told().request((1, event(1), "ignored"), (2, event(2), "ignored"), (3, event(3), "ignored"), last=9),
    ),
    breaks(
        "DLV-1",
        "it was told so of what it had not sent",
        told().request((1, event(1), "ignored"), last=9),
        "2 of 3 events",
        "EnqueueCalled",
    ),
    keeps(
        "DLV-1",
        "it asked, and was told a number from long ago",
        told()
        .set(9)
        .request(last=1)
        .request((2, event(1), "duplicate"), (3, event(2), "duplicate"), (4, event(3), "duplicate"), last=9),
    ),
    keeps("DLV-1", "it outgrew its limit", told(max_event_bytes=30).set(99_999_999)),
    keeps("DLV-2", "each once", all_there()),
    keeps(
        "DLV-2",
        "what was forgotten was not accepted",
        all_there().set(1).request((4, event(3), "gap"), status=409, last=1).request((2, event(2)), last=2),
    ),
    breaks(
        "DLV-2",
        "what was not forgotten was",
        all_there().set(2).request((3, event(2)), last=3),
        "accepted twice, as number 2 and as number 3",
        "LineReceived",
        "LineReceived",
    ),
    keeps("DLV-2", "taken late, after it moved up behind a refused event", taken_late(status=413)),
    breaks(
        "DLV-2",
        "taken late, when it had no reason to move",
        taken_late(status=503),
        "accepted twice, as number 1 and as number 2",
        "LineReceived",
        "LineReceived",
    ),
    keeps("DLV-2", "told of what was taken late, under numbers it has given twice", taken_late_and_told(status=400)),
    breaks(
        "DLV-2",
        "told of what was taken late, under numbers it has given once",
        taken_late_and_told(status=503),
        "accepted twice, as number 2 and as number 3",
        "LineReceived",
        "LineReceived",
    ),
    keeps(
        "DLV-2",
        "taken, and told that it wasn't",
        Story()
        .open()
        .enqueue(event(1))
        .request((1, event(1)), status=409, last=7)
        .set(7)
        .request((8, event(1)), last=8),
    ),
    breaks(
        "DLV-2",
        "one twice",
        all_there().request((4, event(3)), last=4),
        "accepted twice, as number 3 and as number 4",
        "LineReceived",
        "LineReceived",
    ),
    keeps(
        "DLV-2",
        "equal events were two",
        Story().open().enqueue(event(1), event(1)).request((1, event(1)), (2, event(1)), last=2),
    ),
    keeps("DLV-3", "in order", all_there()),
    is_silent_on(
        "DLV-3",
        "equal events can't be told apart",
        Story().open().enqueue(event(1), event(2)).enqueue(event(2), event(1)).request((1, event(2)), (2, event(1))),
    ),
    breaks(
        "DLV-3",
        "out of order",
        told().request((1, event(2)), (2, event(1)), last=2),
        "event 1 was enqueued before event 2, and accepted after it",
        "EnqueueCalled",
        "EnqueueCalled",
        "LineReceived",
        "LineReceived",
    ),
    keeps("DLV-4", "the rest is sent", prefix().request((3, event(3)), last=3)),
    keeps("DLV-4", "also after a 413 whose rest was not read", told().request((1, event(1)), status=413, last=1)),
    keeps(
        "DLV-4",
        "it was told of more in between",
        prefix().request((3, event(3)), last=3, status=503).request(last=3).complete(3),
    ),
    keeps(
        "DLV-4",
        "the answer may be lost",
        prefix()
        .write(TROUBLE)
        .reconnect()
        .request((1, event(1), "duplicate"), (2, event(2), "duplicate"), (3, event(3)), last=3),
    ),
    breaks(
        "DLV-4",
        "the rest is given up",
        prefix().request((4, event(3), "gap"), status=409, last=2),
        "the next window starts at 4, not at 3",
        "AnswerSent",
        "LineReceived",
    ),
    breaks("DLV-4", "nothing follows", prefix(), "the rest was never sent again", "AnswerSent", "LineReceived"),
    breaks(
        "DLV-4",
        "the prefix gets new numbers",
        prefix().request((3, event(1)), last=3),
        "number 1 of a window was accepted, and its event is sent again as 3",
        "LineReceived",
        "AnswerSent",
        "LineReceived",
    ),
    is_silent_on("DLV-4", "all was taken", all_there()),
    keeps("DLV-5", "it goes on", told().request((1, event(1), "duplicate"), last=1).request((2, event(2)), last=2)),
    is_silent_on(
        "DLV-5",
        "the answer may be lost",
        told()
        .request((1, event(1), "duplicate"), last=1)
        .write(TROUBLE)
        .reconnect()
        .request((1, event(1), "duplicate"), last=1),
    ),
    is_silent_on(
        "DLV-5",
        "the answer may be too late",
        told()
        .request((1, event(1), "duplicate"), last=1, faults=[Latency(seconds=2.0)], took=2.0)
        .reconnect()
        .request((1, event(1), "duplicate"), last=1, faults=[Latency(seconds=2.0)], took=2.0),
    ),
    breaks(
        "DLV-5",
        "it says so of what it took",
        told().request((1, event(1)), last=1, faults=[Duplicate()]).request((2, event(1)), last=2),
        "number 1 was answered as a duplicate, and its event was sent again as 2",
        "LineReceived",
        "AnswerSent",
        "LineReceived",
    ),
    breaks(
        "DLV-5",
        "it sends again",
        told().request((1, event(1), "duplicate"), last=1).request((2, event(1)), last=2),
        "number 1 was answered as a duplicate, and its event was sent again as 2",
        "LineReceived",
        "AnswerSent",
        "LineReceived",
    ),
    keeps(
        "DLV-6",
        "it sends again",
        told().request(body="ok").request((1, event(1)), (2, event(2)), (3, event(3)), last=3),
    ),
    breaks(
        "DLV-6",
        "it believes",
        told().request(body="ok"),
        "3 events never reached the backend",
        "AnswerSent",
        "EnqueueCalled",
    ),
    is_silent_on("DLV-6", "it was told", all_there()),
    keeps(
        "DLV-7",
        "it doesn't believe",
        told().request((1, event(1)), last=9).request((2, event(2)), (3, event(3)), last=3),
    ),
    breaks(
        "DLV-7",
        "it believes",
        told().request((1, event(1)), last=9),
        "2 events were never sent at all",
        "AnswerSent",
        "EnqueueCalled",
    ),
    keeps(
        "DLV-8",
        "each in its own",
        told().open(2, run_id="run-2").enqueue(event(9), sender=2).request((1, event(9)), last=1, run_id="run-2"),
    ),
    breaks(
        "DLV-8",
        "one in another's",
        told().open(2, run_id="run-2").enqueue(event(9), sender=2).request((1, event(9)), last=1),
        "enqueued for run run-2 went out for run run-1",
        "EnqueueCalled",
        "LineReceived",
    ),
    is_silent_on("DLV-8", "one sender alone", all_there()),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_delivery_blames_what_it_should(case: Case) -> None:
    """Delivery is held against DLV, and the records that contradict it are named."""
    hold(case)
