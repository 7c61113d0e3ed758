"""The checkers of SEQ, on histories made by hand."""

from __future__ import annotations

import pytest

from conformance.evidence.history import NetworkTrouble
from fake_backend.faults import Latency, ResetPeer, Stall
from fake_backend.records import AnswerSent, LineReceived, RequestStarted
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import TOKEN, Story, event


def told() -> Story:
    """A sender is opened and given three events."""
    return Story().open().enqueue(event(1), event(2), event(3))


def overlapping(*faults: Stall | Latency, after: float, trouble: bool = False, others: bool = False) -> Story:
    """A window is in flight, and another begins so many seconds later."""
    story = told()
    if others:
        story.open(2)
    if trouble:
        story.write(NetworkTrouble(time=1.0, what="the link stalls", seconds=9.0))
    story.request((1, event(1)), status=None, faults=faults, took=20.0)
    at = 1.0 + after
    started = RequestStarted(
        time=at,
        request=2,
        connection=2,
        method="POST",
        path="/v1/runs/run-1/ingest",
        host="backend",
        run_id="run-1",
        authorization=f"Bearer {TOKEN}",
        content_type="application/x-ndjson",
    )
    line = LineReceived(time=at, request=2, run_id="run-1", size=9, decision="duplicate", seq=1, event=event(1))
    answer = AnswerSent(time=at, request=2, status=200, body='{"last_accepted_seq": 1}')
    broken = story.records.pop()
    return story.write(started, line, answer, broken)


CASES = [
    keeps("SEQ-1", "42, then 43", Story().set(42).wait(1).open().enqueue(event(1)).request((43, event(1)), last=43)),
    breaks(
        "SEQ-1",
        "42, then 1",
        Story().set(42).wait(1).open().enqueue(event(1)).request((1, event(1), "duplicate"), last=42),
        "number 1, and the backend's last was 42",
        "StateSet",
        "LineReceived",
    ),
    keeps(
        "SEQ-1",
        "another writer moved it on when it had been told",
        Story().set(42).wait(1).open().enqueue(event(1)).request(last=42).set(50).request((43, event(1), "duplicate")),
    ),
    is_silent_on("SEQ-1", "nothing sent", told().request(last=0)),
    keeps(
        "SEQ-2",
        "it rebases",
        told().request((5, event(1), "gap"), status=409, last=0).request((1, event(1)), last=1),
    ),
    keeps(
        "SEQ-2",
        "a sync in between counts",
        told().request((5, event(1), "gap"), status=409, last=0).set(7).request(last=7).request((8, event(1)), last=8),
    ),
    breaks(
        "SEQ-2",
        "it insists",
        told().request((5, event(1), "gap"), status=409, last=0).request((5, event(1), "gap"), status=409, last=0),
        "that reported 0 as the last number, the next window starts at 5, not at 1",
        "AnswerSent",
        "LineReceived",
    ),
    is_silent_on(
        "SEQ-2",
        "the 409 may be lost",
        told()
        .request((5, event(1), "gap"), status=409, last=0)
        .write(NetworkTrouble(time=1.0, what="the link stalls", seconds=9.0))
        .reconnect()
        .request((5, event(1), "gap"), status=409, last=0),
    ),
    is_silent_on("SEQ-2", "nothing came after", told().request((5, event(1), "gap"), status=409, last=0)),
    keeps("SEQ-3", "the same number", told().request((1, event(1)), status=None).request((1, event(1)), last=1)),
    keeps(
        "SEQ-3",
        "another, once the backend has spoken",
        told().request((1, event(1)), status=None).set(4).request(last=4).request((5, event(1)), last=5),
    ),
    breaks(
        "SEQ-3",
        "another, unasked",
        told().request((1, event(1)), status=None).request((2, event(1)), last=2),
        "number 1 became 2",
        "LineReceived",
        "RequestBroken",
        "LineReceived",
    ),
    keeps(
        "SEQ-3",
        "it moves up behind one that was refused",
        told()
        .request((1, event(1), "refused"), (2, event(2), "ignored"), status=400)
        .request((1, event(1), "refused"), status=400)
        .request((1, event(2)), last=1),
    ),
    keeps(
        "SEQ-3",
        "equal events can't be told apart",
        Story()
        .open()
        .enqueue(event(1), event(1))
        .request((1, event(1)), (2, event(1)), status=None)
        .request((1, event(1), "duplicate"), (2, event(1), "duplicate"), last=2),
    ),
    keeps("SEQ-4", "one after the other", told().request((1, event(1)), last=1).request((2, event(2)), last=2)),
    keeps("SEQ-4", "a short patience with a peer that doesn't read", overlapping(Stall(), after=0.3)),
    keeps("SEQ-4", "the network hides it", overlapping(after=0.5, trouble=True)),
    keeps("SEQ-4", "they crossed on the way", overlapping(after=19.995)),
    keeps("SEQ-4", "another sender's", overlapping(after=0.5, others=True)),
    breaks(
        "SEQ-4",
        "two at a time, and nothing is amiss",
        overlapping(after=0.5),
        "request 2 began before that of request 1 ended",
        "LineReceived",
        "LineReceived",
        "RequestBroken",
    ),
    keeps("SEQ-4", "given up in a stall that hides it", overlapping(Stall(phase="after-accept"), after=2.0)),
    keeps("SEQ-4", "given up while the backend is slow", overlapping(Latency(seconds=9.0), after=2.0)),
    breaks(
        "SEQ-4",
        "two at a time",
        overlapping(Stall(phase="after-accept"), after=0.5),
        "request 2 began before that of request 1 ended",
        "LineReceived",
        "LineReceived",
        "RequestBroken",
    ),
    keeps(
        "SEQ-5",
        "what may have been taken counts",
        told()
        .request((1, event(1)), status=None, faults=[ResetPeer()])
        .request((2, event(2), "gap"), status=409, last=0),
    ),
    keeps("SEQ-5", "what it was told counts", told().request(last=7).request((8, event(1), "gap"), status=409, last=0)),
    breaks(
        "SEQ-5",
        "a gap on purpose",
        told().request((1, event(1)), last=1).request((3, event(2), "gap"), status=409, last=1),
        "a window starts at 3, and the backend could not have got past 1",
        "LineReceived",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_numbers_blames_what_it_should(case: Case) -> None:
    """Numbers are held against SEQ, and the records that contradict it are named."""
    hold(case)
