"""The checkers of WIN, on histories made by hand."""

from __future__ import annotations

import pytest

from conformance.evidence.history import BackendWentDown
from fake_backend.faults import Latency, Slicer
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import AROUND, Story, event


def told(count: int, **settings: int) -> Story:
    """A sender is opened and given so many events."""
    return Story(settings=settings).open().enqueue(*(event(n) for n in range(1, count + 1)))


def windows(count: int, story: Story) -> Story:
    """Each of so many events arrives in a window of its own."""
    for n in range(1, count + 1):
        story.request((n, event(n)), last=n)
    return story


TEXT = {"text": "x" * 10}
LINE = AROUND + 1 + len('{"text":"xxxxxxxxxx"}')
ONE_MORE = {"text": "x" * 11}

CASES = [
    keeps("WIN-1", "at the limits", told(2, max_window_events=2).request((1, event(1)), (2, event(2)), last=2)),
    breaks(
        "WIN-1",
        "too many",
        told(2, max_window_events=1).request((1, event(1)), (2, event(2)), last=2),
        "carried 2 events; max_window_events is 1",
        "LineReceived",
        "LineReceived",
    ),
    breaks(
        "WIN-1",
        "too large",
        told(1, max_window_bytes=99).request((1, event(1)), last=1, size=100),
        "carried 100 bytes; max_window_bytes is 99",
        "BodyEnded",
    ),
    breaks(
        "WIN-1",
        "too large in what was read of it",
        told(1, max_window_bytes=9).request((1, event(1)), status=None),
        "bytes; max_window_bytes is 9",
        "LineReceived",
    ),
    keeps(
        "WIN-2",
        "one byte too large",
        told(0, max_event_bytes=LINE).enqueue(TEXT).request((1, TEXT), last=1).enqueue(ONE_MORE, outcome="oversized"),
    ),
    breaks(
        "WIN-2",
        "refused at the limit",
        told(0, max_event_bytes=LINE).enqueue(TEXT).request((1, TEXT), last=1).enqueue(TEXT, outcome="oversized"),
        f"refused as oversized whose line has {LINE} bytes",
        "EnqueueCalled",
    ),
    breaks(
        "WIN-2",
        "accepted past it",
        told(0, max_event_bytes=LINE).enqueue(TEXT).request((1, TEXT), last=1).enqueue(ONE_MORE),
        f"accepted whose line has {LINE + 1} bytes",
        "EnqueueCalled",
    ),
    keeps(
        "WIN-2",
        "the number may have had two digits",
        told(0, max_event_bytes=LINE)
        .set(42)
        .enqueue(TEXT, outcome="oversized")
        .set(0)
        .enqueue(TEXT)
        .request((1, TEXT), last=1),
    ),
    breaks(
        "WIN-2", "sent past it", told(1, max_event_bytes=9).request((1, event(1)), last=1), "went out", "LineReceived"
    ),
    keeps(
        "WIN-2",
        "it may escape its letters",
        told(0, max_event_bytes=LINE)
        .enqueue(TEXT)
        .request((1, TEXT), last=1)
        .enqueue({"text": "é" * 5}, outcome="oversized"),
    ),
    breaks(
        "WIN-2",
        "accepted past it in any way of writing",
        told(0, max_event_bytes=LINE).enqueue(TEXT).request((1, TEXT), last=1).enqueue({"text": "é" * 6}),
        f"accepted whose line has {LINE + 2} bytes",
        "EnqueueCalled",
    ),
    keeps("WIN-2", "of a size that is not known", told(0).enqueue(TEXT, None, outcome="oversized")),
    keeps("WIN-3", "refused when full", told(2, max_buffered_events=2).enqueue(event(3), outcome="full")),
    breaks("WIN-3", "too many held", told(3, max_buffered_events=2), "3 events are held", "EnqueueCalled"),
    breaks("WIN-3", "too many bytes held", told(3, max_buffered_bytes=16), "21 bytes of events are", "EnqueueCalled"),
    is_silent_on(
        "WIN-3",
        "one may have been dropped",
        told(2, max_buffered_events=2).request((1, event(1), "refused"), status=400).enqueue(event(3)),
    ),
    is_silent_on(
        "WIN-3",
        "another's number may have been taken for its own",
        told(2, max_buffered_events=2).request((1, event(1), "ignored"), status=None).set(1).enqueue(event(3)),
    ),
    breaks(
        "WIN-3",
        "one may have been dropped, and two are too many",
        told(2, max_buffered_events=2).request((1, event(1), "refused"), status=400).enqueue(event(3), event(4)),
        "3 events are held",
        "EnqueueCalled",
    ),
    keeps(
        "WIN-3",
        "what a 200 left out is still held",
        told(2, max_buffered_events=2)
        .request((1, event(1), "ignored"), (2, event(2), "ignored"), last=0)
        .wait(1)
        .enqueue(event(3), outcome="full"),
    ),
    keeps(
        "WIN-3",
        "nobody knows whether it heard that there is room",
        told(2, max_buffered_events=2)
        .request((1, event(1)), last=1, faults=[Slicer(size=1, delay=1.0)])
        .wait(1)
        .enqueue(event(3), outcome="full"),
    ),
    breaks(
        "WIN-3",
        "refused too early",
        told(1).enqueue(event(2), outcome="full"),
        "refused as full when at most 1 events",
        "EnqueueCalled",
    ),
    breaks(
        "WIN-3",
        "what is known to be refused takes no room",
        told(2, max_buffered_events=2).request((1, event(2)), last=1).wait(1).enqueue(event(3), outcome="full"),
        "refused as full when at most 0 events",
        "EnqueueCalled",
    ),
    keeps(
        "WIN-3",
        "equal events are held each",
        told(0, max_buffered_events=2)
        .enqueue(TEXT)
        .request((1, TEXT), last=1)
        .wait(1)
        .enqueue(TEXT, TEXT)
        .enqueue(TEXT, outcome="full"),
    ),
    is_silent_on("WIN-3", "closed is not full", told(1).enqueue(event(2), outcome="closed")),
    keeps("WIN-4", "refused alone", told(1).enqueue(None, outcome="unserializable").request((1, event(1)), last=1)),
    breaks("WIN-4", "taken", told(0).enqueue(None), "(an object) was answered 'accepted'", "EnqueueCalled"),
    breaks(
        "WIN-4",
        "its neighbor is lost",
        told(1).enqueue(None, outcome="unserializable"),
        "an event beside one that can't be serialized",
        "EnqueueCalled",
    ),
    keeps("WIN-5", "two besides the windows", windows(2, told(2).request(last=0)).request(last=2)),
    breaks(
        "WIN-5",
        "one by one",
        windows(4, told(4)),
        "4 events enqueued together took 4 requests; at most 3 are allowed",
        "EnqueueCalled",
        "RequestStarted",
    ),
    keeps(
        "WIN-5",
        "windows of what was enqueued before don't count",
        windows(4, told(3, max_window_events=1).enqueue(event(4), event(5))).request((5, event(5)), last=5),
    ),
    is_silent_on("WIN-5", "when something is refused", windows(4, told(4)).request(status=413)),
    is_silent_on(
        "WIN-5", "when something goes wrong", windows(4, told(4)).request(last=4, faults=[Latency(seconds=1)])
    ),
    is_silent_on("WIN-5", "when it was down", windows(4, told(4)).write(BackendWentDown(time=9.0))),
    is_silent_on("WIN-5", "one event", windows(1, told(1))),
    is_silent_on("WIN-5", "nothing of it arrived", told(4)),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_windows_blames_what_it_should(case: Case) -> None:
    """Limits are held against WIN, and the records that contradict it are named."""
    hold(case)
