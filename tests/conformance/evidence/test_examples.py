"""The examples in the docstrings of the evidence are judged as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.evidence.history import BackendCameUp, BackendWentDown, NetworkTrouble
from fake_backend.faults import ResetPeer
from tests.conformance.rules.case import breaks, hold, is_silent_on, keeps
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from tests.conformance.rules.case import Case


def conflict(*, same_connection: bool, trouble: bool = True) -> Story:
    """A window is answered 409, and the next keeps its numbers (`knowledge`)."""
    story = Story().open().enqueue(event(1), event(2))
    story = story.request(last=0).wait(0.1).request((1, event(1), "gap"), (2, event(2), "ignored"), status=409, last=4)
    if trouble:
        story = story.write(NetworkTrouble(time=story.now + 0.001, what="all connections are reset"))
    if not same_connection:
        story = story.reconnect()
    return story.wait(0.2).request((1, event(1), "duplicate"), (2, event(2), "duplicate"), last=4)


def in_doubt(*, asks: bool = True, sends: bool = True) -> Story:
    """Another writer takes the numbers of three events that are in doubt (`losses`)."""
    story = Story().open().enqueue(event(1), event(2), event(3))
    if asks:
        story = story.request(last=0).wait(0.1)
    if sends:
        story = story.request(
            *((1, event(1), "ignored"), (2, event(2), "ignored"), (3, event(3), "ignored")),
            status=None,
            faults=[ResetPeer(phase="before-accept")],
        )
        story = story.reconnect().wait(0.1)
    story = story.set(3).wait(0.1).request(last=3).wait(0.1)
    return story.enqueue(event(4)).request((4, event(4)), last=4).wait(0.1).stop().complete(4).returned()


def down(seconds: float) -> Story:
    """The backend is down when stop is called, and up again some time before the deadline (`outages`)."""
    settings = {"stop_timeout": 10.0, "request_timeout": 2.0, "max_retry_delay": 2.0}
    story = Story(settings=settings).open().request(last=0).wait(0.1).enqueue(event(1))
    story = story.stop().write(BackendWentDown(time=story.now)).wait(seconds).write(BackendCameUp(time=story.now))
    return story.wait(10.0 - seconds).returned()


@pytest.mark.parametrize(
    "case",
    [
        is_silent_on("SEQ-2", "the 409 may be lost", conflict(same_connection=False)),
        breaks(
            "SEQ-2",
            "the connection is used again",
            conflict(same_connection=True),
            "after a 409 that reported 4",
            "AnswerSent",
            "LineReceived",
        ),
        breaks(
            "SEQ-2",
            "the network is calm",
            conflict(same_connection=False, trouble=False),
            "after a 409 that reported 4",
            "AnswerSent",
            "LineReceived",
        ),
        keeps("DLV-1", "others took the numbers of what was in doubt", in_doubt()),
        breaks("DLV-1", "it never sent them", in_doubt(sends=False), "3 of 4 events", "EnqueueCalled", "StopReturned"),
        breaks("DLV-1", "it never asked", in_doubt(asks=False), "3 of 4 events", "EnqueueCalled", "StopReturned"),
        breaks("DLV-1", "down for four seconds", down(4.0), "1 of 1 events", "EnqueueCalled", "StopReturned"),
        keeps("DLV-1", "down for five seconds", down(5.0)),
    ],
)
def test_an_example_is_judged_as_it_says(case: Case) -> None:
    """What the example excuses is excused, and what it doesn't isn't."""
    hold(case)
