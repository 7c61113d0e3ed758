"""Events a second from `enqueue` to the acknowledgement of the last, beside a loop that does no more than post.

The sender is fed with `enqueue`, in bursts of 200 between which the loop is let run, so that sending keeps pace.
`max_buffered_events` is raised to the number of events, lest a slow moment have some refused; all else is the default.
The yardstick, the *ceiling*, is what is left if one takes away all that a sender is for: serialize, join lines, post,
wait for the answer. Both put the same number of events in a request, over one connection that is kept alive, to the
same sink, which is asked at the end whether all of them are there.

A figure counts from before the first event, so connecting is part of it, until every event is acknowledged. What is
judged is the median of the ratios of neighbors, which a machine that is slow for a while leaves alone.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from itertools import count, islice
from statistics import median
from time import perf_counter
from typing import TypeAlias

import aiohttp
import orjson

from benchmarks.events import EVENT_BYTES, events
from benchmarks.figures import Figure, Goal
from benchmarks.sink import running_sink
from reference.sender import EventStreamSender, SenderConfig

THROUGHPUT_EVENTS = 200_000
FEW_EVENTS = 10_000
MANY_EVENTS = 1_000_000
# A short run may fall into one bad moment of the machine, so each long one is beside the median of several.
_SHORT_RUNS = 10
_BURST = 200
_PAIRS_PER_ROUND = 3
_TOKEN = "benchmark"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/x-ndjson"}

_Delivery: TypeAlias = Callable[[str, int], Awaitable[float]]
"""Delivers so many events to a URL; gives the seconds it took."""

_run_numbers = count(1)


def throughput(rounds: int) -> Figure:
    """Measure the sender beside the ceiling, in turns."""
    sender: list[float] = []
    ceiling: list[float] = []
    with running_sink() as base:
        for _ in range(rounds * _PAIRS_PER_ROUND):
            ceiling.append(THROUGHPUT_EVENTS / _seconds(_by_posting, base, THROUGHPUT_EVENTS))
            sender.append(THROUGHPUT_EVENTS / _seconds(_by_sender, base, THROUGHPUT_EVENTS))
    return Figure(
        what=f"sender: {THROUGHPUT_EVENTS:,} events of {EVENT_BYTES} bytes, enqueued to drained",
        beside="ceiling: orjson, join and aiohttp post, to the same sink",
        unit="events/s",
        measured=median(sender),
        yardstick=median(ceiling),
        ratio=median(each / beside for each, beside in zip(sender, ceiling, strict=True)),
        goal=Goal(at_least=0.5),
        samples={"sender": sender, "ceiling": ceiling},
    )


def scaling(rounds: int) -> Figure:
    """Measure what an event costs in a long run beside what it costs in short ones, in turns."""
    few: list[float] = []
    many: list[float] = []
    with running_sink() as base:
        for _ in range(rounds):
            few.append(median(_seconds(_by_sender, base, FEW_EVENTS) for _ in range(_SHORT_RUNS)) / FEW_EVENTS * 1e6)
            many.append(_seconds(_by_sender, base, MANY_EVENTS) / MANY_EVENTS * 1e6)
    return Figure(
        what=f"sender: an event among {MANY_EVENTS:,}, enqueued to drained",
        beside=f"an event among {FEW_EVENTS:,}",
        unit="µs",
        measured=median(many),
        yardstick=median(few),
        ratio=median(each / beside for each, beside in zip(many, few, strict=True)),
        goal=Goal(at_least=0.75, at_most=1.25),
        samples={"many": many, "few": few},
    )


def _seconds(deliver: _Delivery, base: str, number: int) -> float:
    gc.collect()

    async def delivered() -> float:
        url = f"{base}{next(_run_numbers)}"
        seconds = await deliver(url, number)
        async with aiohttp.ClientSession() as session, session.post(url, data=b"") as response:
            arrived = (await response.json())["last_accepted_seq"]
        assert arrived == number, f"{arrived} of {number} events arrived at the sink"
        return seconds

    return asyncio.run(delivered())


async def _by_sender(url: str, number: int) -> float:
    begun = perf_counter()
    config = SenderConfig(url=url, token=_TOKEN, max_buffered_events=number, max_buffered_bytes=number * EVENT_BYTES)
    source = events(number)
    async with EventStreamSender(config) as sender:
        while burst := list(islice(source, _BURST)):
            for event in burst:
                sender.enqueue(event)
            await asyncio.sleep(0)
        await sender.flush()
        return perf_counter() - begun


async def _by_posting(url: str, number: int) -> float:
    window = SenderConfig(url=url, token=_TOKEN).max_window_events
    begun = perf_counter()
    source = events(number)
    async with aiohttp.ClientSession(headers=_HEADERS) as session:
        while lines := [orjson.dumps(event) for event in islice(source, window)]:
            async with session.post(url, data=b"\n".join(lines) + b"\n") as response:
                await response.read()
        return perf_counter() - begun
