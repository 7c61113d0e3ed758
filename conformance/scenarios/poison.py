"""Events that the backend never takes, among others and alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.scenario import Scenario, numbered
from fake_backend import Limits

if TYPE_CHECKING:
    from conformance.scenario import Stage

_EVENTS = 8
_TOO_LARGE = "x" * 3_000


async def _with_poison_at(places: tuple[int, ...], stage: Stage) -> None:
    """Eight events, of which those at some places are over the backend's limit; three more follow."""
    sender = await stage.open()
    texts = ((n, _TOO_LARGE if n in places else "") for n in range(1, _EVENTS + 1))
    sender.enqueue(*(event for n, text in texts for event in numbered(1, first=n, text=text)))
    await sender.delivered(_EVENTS - len(places))
    sender.enqueue(*numbered(3, first=_EVENTS + 1))
    await sender.delivered(_EVENTS - len(places) + 3)
    await sender.stop()


_PLACES = {
    "the-first": (1,),
    "the-last": (8,),
    "two-in-a-row": (4, 5),
    "the-first-two-and-the-last": (1, 2, 8),
    "all-of-them": tuple(range(1, _EVENTS + 1)),
}

SCENARIOS = tuple(
    Scenario(
        name=f"{name}-of-eight-events-never-taken",
        rules=("RTY-7", "DLV-1", "DLV-2", "DLV-3"),
        story=f"Of eight events {name.replace('-', ' ')} are over the backend's limit; the sender's is higher.",
        script=partial(_with_poison_at, places),
        limits=Limits(max_line_bytes=2_000),
    )
    for name, places in _PLACES.items()
)
