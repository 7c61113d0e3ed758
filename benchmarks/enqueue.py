"""What `enqueue` costs its caller, beside serializing the same event and doing nothing with it.

No network: each burst has an event loop of its own, which the sender finds running, and which is over before the
sender's task has begun. That `orjson.dumps` gives its memory back at once, and `enqueue` doesn't, is part of the cost.
"""

from __future__ import annotations

import asyncio
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson

from benchmarks.events import EVENT_BYTES, events
from benchmarks.figures import Figure, Goal
from reference.sender import EventStreamSender, SenderConfig

if TYPE_CHECKING:
    from collections.abc import Callable

_BURST = 1_000
_BURSTS_PER_ROUND = 100
_NOWHERE = SenderConfig(url="http://127.0.0.1:9/runs/1", token="benchmark", max_buffered_events=_BURST)


def enqueue(rounds: int) -> Figure:
    """Measure bursts of `enqueue` and of `orjson.dumps`, in turns."""
    enqueued: list[float] = []
    dumped: list[float] = []
    for _ in range(rounds * _BURSTS_PER_ROUND):
        dumped.append(_microseconds(orjson.dumps))
        enqueued.append(asyncio.run(_enqueue_a_burst()))
    return Figure(
        what=f"enqueue of an event of {EVENT_BYTES} bytes",
        beside="orjson.dumps of it",
        unit="µs",
        measured=median(enqueued),
        yardstick=median(dumped),
        ratio=median(enqueued) / median(dumped),
        goal=Goal(at_most=3),
        samples={"enqueue": enqueued, "dumps": dumped},
    )


async def _enqueue_a_burst() -> float:
    sender = EventStreamSender(_NOWHERE)
    microseconds = _microseconds(sender.enqueue)
    assert sender.stats().undelivered == _BURST
    return microseconds


def _microseconds(take: Callable[[Any], object]) -> float:
    burst = list(events(_BURST))
    begun = perf_counter()
    for event in burst:
        take(event)
    return (perf_counter() - begun) / _BURST * 1e6
