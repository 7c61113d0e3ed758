"""Events that the backend never takes, among others and alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from fake_backend import Limits

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage

_EVENTS = 8
_TOO_LARGE = "x" * 3_000


async def _with_poison_at(places: tuple[int, ...], stage: Stage) -> None:
    """Eight events, of which those at some places are over the backend's limit; three more follow."""
    sender = await stage.open()
    texts = ((n, _TOO_LARGE if n in places else "") for n in range(1, _EVENTS + 1))
    await sender.enqueue(*(event for n, text in texts for event in numbered(1, first=n, text=text)))
    await sender.delivered(_EVENTS - len(places))
    await sender.enqueue(*numbered(3, first=_EVENTS + 1))
    await sender.delivered(_EVENTS - len(places) + 3)
    await sender.stop()


async def _a_poison_before_each_event(stage: Stage) -> None:
    """Ten events, each behind one over the backend's limit; then more of them than fit."""
    sender = await stage.open()
    for number in range(1, _EVENTS + 3):
        await sender.enqueue(*numbered(1, first=100 + number, text=_TOO_LARGE), *numbered(1, first=number))
        await sender.delivered(number)
        await stage.pause(0.2)
    await stage.go_down()
    await sender.enqueue(*numbered(8, first=_EVENTS + 3, text="x" * 1_000))
    await stage.come_up()
    await sender.delivered(_EVENTS + 2 + 6)
    await sender.stop()


_PLACES = {
    "the-first": (1,),
    "the-last": (8,),
    "two-in-a-row": (4, 5),
    "the-first-two-and-the-last": (1, 2, 8),
    "all-of-them": tuple(range(1, _EVENTS + 1)),
}

SCENARIOS = (
    *(
        Scenario(
            name=f"{name}-of-eight-events-never-taken",
            rules=("RTY-7", "DLV-1", "DLV-2", "DLV-3"),
            story=f"Of eight events {name.replace('-', ' ')} are over the backend's limit; the sender's is higher.",
            script=partial(_with_poison_at, places),
            settings={"max_retry_delay": 1.0},  # each is refused several times before it is dropped
            limits=Limits(max_line_bytes=2_000),
        )
        for name, places in _PLACES.items()
    ),
    Scenario(
        name="the-room-of-events-that-were-never-taken",
        rules=("WIN-3", "DLV-1"),
        story="Ten events of 3,000 bytes are refused and dropped; then eight of 1,000 meet a buffer of 8,000 bytes.",
        script=_a_poison_before_each_event,
        settings={"max_buffered_bytes": 8_000, "max_event_bytes": 4_000},
        limits=Limits(max_line_bytes=2_000),
    ),
)
