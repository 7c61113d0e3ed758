"""Limits of windows, of events and of the buffer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from conformance.scenario import Scenario, numbered
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from conformance.scenario import Stage

_LIMIT = 1_000
_WINDOW = 2_000


async def _a_burst(stage: Stage) -> None:
    sender = await stage.open()
    sender.enqueue(*numbered(40))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _events_of_all_sizes(stage: Stage) -> None:
    sender = await stage.open()
    sizes = [10, 900, 40, 1_300, 1_400, 700, 600, 500, 1, 1_350, 20, 30, 980, 1_010, 400, 400, 400, 1_399]
    sender.enqueue(*({"n": n, "text": "x" * size} for n, size in enumerate(sizes, start=1)))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _to_the_byte(stage: Stage) -> None:
    sender = await stage.open()
    sender.enqueue({"text": "x" * 10})
    await sender.delivered(1)
    await stage.pause(0.1)
    line = next((record for record in stage.records if isinstance(record, LineReceived)), None)
    if line is not None:
        # What this sender writes around ten letters, however it writes it, under a number of one digit.
        around = line.size - 10
        for size in (_LIMIT - 1, _LIMIT, _LIMIT + 1, _LIMIT + 500):
            sender.enqueue({"text": "x" * (size - around)})
    await sender.delivered(3)
    await stage.pause(0.1)
    await sender.stop()


async def _windows_to_the_byte(stage: Stage) -> None:
    sender = await stage.open()
    sender.enqueue({"text": "x" * 10})
    await sender.delivered(1)
    await stage.pause(0.1)
    line = next((record for record in stage.records if isinstance(record, LineReceived)), None)
    around = 0 if line is None else line.size - 10
    # Two lines and the newline between them: two bytes less than the limit, one less, the limit, and past it.
    for count, over in enumerate((-2, -1, 0, 1, 2)):
        half = (_WINDOW - 1) // 2
        sender.enqueue(*({"text": "x" * (size - around)} for size in (half, _WINDOW - 1 - half + over)))
        await sender.delivered(2 * count + 3)
        await stage.pause(0.1)
    await sender.stop()


async def _more_than_the_buffer_holds(stage: Stage) -> None:
    await stage.go_down()
    sender = await stage.open()
    sender.enqueue(*numbered(30, text="x" * 100))
    await stage.pause(1.0)
    sender.enqueue(*numbered(10, first=31, text="x" * 100))
    await stage.come_up()
    await stage.pause(15.0)
    sender.enqueue(*numbered(15, first=41, text="x" * 100))
    await stage.pause(1.0)
    await sender.stop()


async def _the_unserialisable(stage: Stage) -> None:
    sender = await stage.open()
    sender.enqueue(*numbered(3))
    itself: dict[str, Any] = {}
    itself["itself"] = itself
    sender.enqueue_unserialisable({"n": object()}, "an object of a class of its own")
    sender.enqueue(*numbered(3, first=4))
    sender.enqueue_unserialisable({"n": math.nan}, "not a number")
    sender.enqueue_unserialisable({"list": [1.0, -math.inf]}, "an infinity")
    sender.enqueue_unserialisable(itself, "a dict that holds itself")
    sender.enqueue(*numbered(3, first=7))
    await sender.delivered(9)
    await sender.stop()


SCENARIOS = (
    Scenario(
        name="a-burst-of-forty-in-windows-of-seven",
        rules=("WIN-1", "WIN-5", "DLV-3"),
        story="Forty events at once, and windows of seven.",
        script=_a_burst,
        settings={"max_window_events": 7},
    ),
    Scenario(
        name="events-of-all-sizes-in-small-windows",
        rules=("WIN-1", "DLV-1", "DLV-3"),
        story="Events of up to 1,400 bytes in windows of 2,000: some fit alone, but not with the rest.",
        script=_events_of_all_sizes,
        settings={"max_window_bytes": 2_000, "max_event_bytes": 1_500},
    ),
    Scenario(
        name="windows-to-the-byte",
        rules=("WIN-1", "DLV-1", "DLV-3"),
        story="Pairs of events that just fit into a window, or don't by a byte or two.",
        script=_windows_to_the_byte,
        settings={"max_window_bytes": _WINDOW, "max_event_bytes": 1_500},
    ),
    Scenario(
        name="the-largest-event-to-the-byte",
        rules=("WIN-2", "DLV-1"),
        story="Lines of one byte less than the limit, of the limit, and of one byte and of 500 bytes more.",
        script=_to_the_byte,
        settings={"max_event_bytes": _LIMIT},
    ),
    Scenario(
        name="more-events-than-the-buffer-holds",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="The backend is down, and forty events meet a buffer of twenty; later it takes events again.",
        script=_more_than_the_buffer_holds,
        settings={"max_buffered_events": 20},
    ),
    Scenario(
        name="more-bytes-than-the-buffer-holds",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="The backend is down, and forty events of some 140 bytes meet a buffer of 3,000.",
        script=_more_than_the_buffer_holds,
        settings={"max_buffered_bytes": 3_000, "max_event_bytes": 1_000},
    ),
    Scenario(
        name="events-that-json-cannot-carry",
        rules=("WIN-4", "DLV-1"),
        story="Among good events: an object, NaN, an infinity, a dict that holds itself.",
        script=_the_unserialisable,
    ),
)
