"""What `window_age` costs and gains: `python -m benchmarks.window_age` prints the table of docs/behind-a-proxy.md.

A program that now and then has an event, one that has many, and one that has very many at once; each with windows that
are closed when they are sent, and with windows that stay open. Measured are the requests, and the time from `enqueue`
until the backend has taken the event. Once on real sockets of this machine, where an answer takes no time worth
mentioning, and once in virtual time with a round trip of 50 ms, as a backend in another city has it.
"""

from __future__ import annotations

import asyncio
import math
import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from conformance.simulation import LinkConditions, simulate
from fake_backend import FakeBackend
from fake_backend.records import LineReceived
from reference.sender import EventStreamSender, Outcome, SenderConfig

if TYPE_CHECKING:
    from conformance.simulation import Simulation
    from fake_backend import BackendRecord

AGES = (0.0, 5.0)
FAR = LinkConditions(latency=0.025)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that has n events, one every `every` seconds; 0 has all of them at once."""

    name: str
    events: int
    every: float


PROGRAMS = (
    Program(name="trickle: 1 event a second", events=20, every=1.0),
    Program(name="stream: 100 events a second", events=2_000, every=0.01),
    Program(name="burst: 5,000 events at once", events=5_000, every=0.0),
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What it took to deliver the events of a program. Latencies are seconds."""

    requests: int
    median: float
    nearly_all: float
    """99 of 100 events took no longer."""


async def measure(program: Program, *, window_age: float) -> Cost:
    """Have a sender deliver the events of a program to a backend of its own."""
    loop = asyncio.get_running_loop()
    enqueued: list[float] = []
    latencies: list[float] = []

    def note(record: BackendRecord) -> None:
        if isinstance(record, LineReceived) and record.event is not None:
            latencies.append(record.time - enqueued[record.event["place"]])

    async with FakeBackend(keep_history=False, on_record=note) as backend:
        config = SenderConfig(url=backend.ingest_url("run"), token="window-age", window_age=window_age)
        sender = EventStreamSender(config)
        begun = loop.time()
        for place in range(program.events):
            if program.every:
                await asyncio.sleep(begun + place * program.every - loop.time())
            enqueued.append(loop.time())
            assert sender.enqueue({"place": place}) is Outcome.ACCEPTED
        await sender.flush()
        requests = sender.stats().requests
        await sender.stop()
    latencies.sort()
    assert len(latencies) == program.events
    return Cost(
        requests=requests,
        median=median(latencies),
        nearly_all=latencies[math.ceil(0.99 * len(latencies)) - 1],
    )


def main() -> int:
    """Measure, and print the table, as Markdown."""
    worlds = ("here", "50 ms away")
    columns = [f"{world}: {what}" for world in worlds for what in ("requests", "an event", "median", "99 of 100")]
    print(_row("", "`window_age`", *columns))
    print(_row("---", "---:", *["---:"] * len(columns)))
    for program in PROGRAMS:
        for age in AGES:
            costs = (asyncio.run(measure(program, window_age=age)), _measure_far(program, window_age=age))
            print(_row(program.name, f"{age:g}", *(cell for cost in costs for cell in _cells(program, cost))))
    return 0


def _measure_far(program: Program, *, window_age: float) -> Cost:
    async def measured(_: Simulation) -> Cost:
        return await measure(program, window_age=window_age)

    return simulate(measured, conditions=FAR)


def _cells(program: Program, cost: Cost) -> list[str]:
    times = (f"{seconds * 1000:.1f} ms" for seconds in (cost.median, cost.nearly_all))
    return [f"{cost.requests:,}", f"{cost.requests / program.events:.3f}", *times]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
