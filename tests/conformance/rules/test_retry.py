"""The checkers of RTY, on histories made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.evidence.history import BackendCameUp, BackendWentDown, NetworkTrouble
from fake_backend.faults import Latency, ResetPeer, Slicer, Stall
from fake_backend.records import LineReceived
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from collections.abc import Iterable


def told(**settings: float) -> Story:
    """A sender is opened and given two events; the retry delay is 0.2 s."""
    return Story(settings=settings).open().enqueue(event(1), event(2))


def busy() -> Story:
    """The same on a machine that may be late by 0.3 s."""
    return Story(slack=0.3).open().enqueue(event(1), event(2))


def failing(gaps: Iterable[float], story: Story | None = None, run_id: str = "run-1") -> Story:
    """Requests are answered 503, with pauses in between."""
    story = told() if story is None else story
    story.request(status=503, run_id=run_id)
    for gap in gaps:
        story.wait(gap).request(status=503, run_id=run_id)
    return story


def two_runs(gaps: Iterable[float], other_gaps: Iterable[float]) -> Story:
    """Two senders fail."""
    story = told().open(2, run_id="run-2").enqueue(event(3), sender=2)
    return failing(other_gaps, failing(gaps, story), "run-2")


def stalled(seconds: float, *, then: bool = False) -> Story:
    """A request stalls for so long, and another may follow."""
    story = told().request((1, event(1)), status=None, faults=[Stall()], took=seconds)
    return story.request((1, event(1)), (2, event(2)), last=2) if then else story


def hidden() -> Story:
    """A request stalls and its client leaves after 2 s; the backend sees that when it stops, after a retry."""
    story = told().request((1, event(1)), status=None, faults=[Stall()], took=30.0)
    broken = story.records.pop()
    return story.wait(-27.9).request((1, event(1)), (2, event(2)), last=2).write(broken)


TOO_LARGE = [LineReceived(time=1.0, request=n, run_id="run-1", size=5_000, decision="too-large") for n in (1, 2)]
GROWING = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)
OTHERS = (0.15, 0.3, 0.9, 1.1, 2.7, 4.0, 3.0)


def swallowed() -> Story:
    """The network loses everything for a second."""
    return told().write(NetworkTrouble(time=1.0, what="everything is lost", seconds=1.0)).wait(1)


def between_syncs(rest: float) -> Story:
    """Windows fail, with a successful sync after each."""
    story = told().request(last=0)
    for _ in range(15):
        story.wait(rest).request((1, event(1), "ignored"), status=503).request(last=0)
    return story


def stopped_after(trouble: Story) -> Story:
    """Stop takes all of its thirty seconds, after or in some trouble."""
    return trouble.stop().wait(30).returned()


def poisoned() -> Story:
    """The first event is refused twice."""
    return told().request(status=413, last=0).write(TOO_LARGE[0]).request(status=413, last=0).write(TOO_LARGE[1])


def down_and_up() -> Story:
    """The backend goes, and comes back."""
    story = told()
    return story.write(BackendWentDown(time=1.0)).wait(5).write(BackendCameUp(time=6.0))


_PAGE = "<html>404</html>"

CASES = [
    keeps("RTY-1", "it tries again", told().request(status=503).request((1, event(1)), (2, event(2)), last=2)),
    breaks(
        "RTY-1",
        "it doesn't",
        told().request(status=429).stop().returned(),
        "never tried again",
        "RequestStarted",
        "AnswerSent",
        "StopReturned",
    ),
    breaks(
        "RTY-1",
        "it doesn't, after an answer that began",
        stopped_after(told().request(status=None, faults=[ResetPeer(phase="in-answer")])),
        "failed in a way that may pass (its answer began, and was broken off), and it was never tried again",
        "RequestStarted",
        "RequestBroken",
        "StopReturned",
    ),
    keeps(
        "RTY-1", "the deadline stood in the way", told(stop_timeout=1.0).request(status=503).stop().wait(1).returned()
    ),
    keeps(
        "RTY-1",
        "all was there already",
        told().request((1, event(1)), (2, event(2)), last=2).stop(complete=False).request(status=503).returned(),
    ),
    breaks(
        "RTY-1",
        "nor after a downtime",
        told().write(BackendWentDown(time=1.0), BackendCameUp(time=2.0)).wait(20).enqueue(event(3)),
        "nothing was tried again",
        "BackendCameUp",
    ),
    keeps("RTY-1", "but after one", down_and_up().request((1, event(1)), (2, event(2)), last=2)),
    breaks(
        "RTY-1",
        "the deadline alone is no excuse",
        stopped_after(told().request(status=503)),
        "never tried again",
        "RequestStarted",
        "AnswerSent",
        "StopReturned",
    ),
    keeps("RTY-2", "with pauses", failing(GROWING)),
    breaks("RTY-2", "hot", failing([0.05] * 15), "attempts within 10 retry delays", "RequestStarted", "RequestStarted"),
    breaks("RTY-2", "hot between syncs", between_syncs(0.01), "attempts within 10", "RequestStarted", "RequestStarted"),
    keeps("RTY-2", "slow between syncs", between_syncs(1.0)),
    is_silent_on("RTY-2", "the cap leaves no room", failing([0.05] * 15, told(max_retry_delay=0.5))),
    is_silent_on("RTY-2", "too few to tell", failing([0.1])),
    keeps("RTY-3", "it waits", told().request(status=503, retry_after=2.0).wait(2.1).request(last=0)),
    breaks(
        "RTY-3",
        "it doesn't",
        told().request(status=503, retry_after=2.0).wait(1).request(last=0),
        "asked to wait 2 s, and the next attempt came after 1 s",
        "AnswerSent",
        "RequestStarted",
    ),
    is_silent_on(
        "RTY-3",
        "it may be lost",
        told().request(status=503, retry_after=2.0).write(BackendWentDown(time=1.01)).request(),
    ),
    is_silent_on("RTY-3", "not of an answer that failed nothing", told().request(last=0, retry_after=2.0).request()),
    keeps("RTY-4", "they grow and differ", two_runs(GROWING, OTHERS)),
    breaks("RTY-4", "they stay, between syncs", between_syncs(1.0), "don't grow", "RequestStarted", "RequestStarted"),
    is_silent_on(
        "RTY-4", "as long as it was asked to", failing([1.0] * 8, told().request(status=503, retry_after=1.0))
    ),
    breaks("RTY-4", "they stay", failing([1.0] * 8), "the delays don't grow", "RequestStarted", "RequestStarted"),
    keeps("RTY-4", "a busy machine stretched the first", failing([1.0] + [0.9] * 8, busy())),
    breaks("RTY-4", "they are alike", two_runs(GROWING, GROWING), "not jittered", "RequestStarted", "RequestStarted"),
    is_silent_on("RTY-4", "chance, in too short a time to tell", failing([0.18, 0.05, 0.03, 0.17, 0.04, 0.07, 0.09])),
    keeps("RTY-5", "short again", failing(GROWING, failing(GROWING).request((1, event(1)), last=1))),
    breaks(
        "RTY-5",
        "still long",
        failing((5.0, 5.0, 5.0), failing(GROWING).request((1, event(1)), last=1)),
        "the first delay of a new failure is 5 s",
        "AnswerSent",
        "RequestStarted",
    ),
    is_silent_on("RTY-5", "too short to tell", failing((5.0,), failing(GROWING).request((1, event(1)), last=1))),
    keeps("RTY-6", "it stops", told().request(status=401).request(status=401)),
    breaks(
        "RTY-6",
        "it goes on",
        told().request(status=404).request().request().request(),
        "after a 404 it went on asking: 3 more requests",
        "AnswerSent",
        "RequestStarted",
    ),
    keeps("RTY-1", "a 404 of a proxy is tried again", told().request(status=404, body=_PAGE).request((1, event(1)))),
    breaks(
        "RTY-1",
        "a 404 of a proxy is taken for the backend's",
        told().request(status=404, body=_PAGE).stop().returned(),
        "never tried again",
        "RequestStarted",
        "AnswerSent",
        "StopReturned",
    ),
    is_silent_on("RTY-6", "a proxy's 404", told().request(status=404, body=_PAGE).request().request().request()),
    keeps("RTY-7", "the rest goes on", poisoned().request((1, event(1)), (2, event(2)), last=2)),
    breaks("RTY-7", "it is stuck", poisoned(), "2 others never reached the backend", "LineReceived", "EnqueueCalled"),
    keeps("RTY-8", "given up in time", stalled(2.0, then=True)),
    keeps("RTY-8", "given up, where the backend can't see it before its end", hidden()),
    breaks("RTY-8", "held for long", stalled(3.0), "was held for 3 s", "RequestStarted", "RequestBroken"),
    keeps("RTY-8", "slow, and in time", told().request(last=0, faults=[Latency(seconds=1.0)], took=1.0)),
    breaks(
        "RTY-8",
        "an answer that drips",
        told().request(last=0, faults=[Slicer(size=1, delay=0.5)], took=9.0),
        "a request that met slicer(size=1, delay=0.5) was held for 9 s",
        "RequestStarted",
        "AnswerSent",
    ),
    is_silent_on("RTY-8", "a long answer to a quick request", told().request(last=0, took=9.0)),
    keeps("RTY-8", "what the network swallowed is tried again", swallowed().wait(2).request(last=0)),
    breaks(
        "RTY-8",
        "what the network swallowed is waited for",
        swallowed().wait(60).stop().returned(),
        "the network lost what was sent until",
        "NetworkTrouble",
        "EnqueueCalled",
    ),
    keeps("RTY-9", "the deadline stood in the way", stopped_after(down_and_up().write(BackendWentDown(time=6.1)))),
    keeps("RTY-9", "waited for", down_and_up().request((1, event(1)), (2, event(2)), last=2)),
    breaks(
        "RTY-9",
        "given up",
        down_and_up().request((1, event(1)), last=1),
        "1 events from before never got there",
        "BackendCameUp",
        "EnqueueCalled",
    ),
    is_silent_on(
        "RTY-9",
        "stopped before it came up",
        told().write(BackendWentDown(time=1.0)).stop().returned().write(BackendCameUp(time=1.0)),
    ),
    is_silent_on("RTY-9", "never down", told()),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_retry_blames_what_it_should(case: Case) -> None:
    """Retry is held against RTY, and the records that contradict it are named."""
    hold(case)
