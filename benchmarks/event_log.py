"""What it costs to ask the event log for the newest 100 of 100,000 entries, beside looking at each of them."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from benchmarks.events import events
from benchmarks.figures import Figure, Goal
from reference.event_log import InMemoryEventLog

_RESIDENT = 100_000
_NEWEST = 100
_QUERIES = 1_000
_SCANS = 5


def query(rounds: int) -> Figure:
    """Measure queries and scans, in turns."""
    log = InMemoryEventLog(max_entries=_RESIDENT)
    for event in events(_RESIDENT):
        log.append(event["type"], event)
    resident = log.query()
    since = log.last_id - _NEWEST
    assert len(resident) == _RESIDENT
    assert log.query(since) == [entry for entry in resident if entry.id > since]

    queried: list[float] = []
    scanned: list[float] = []
    for _ in range(rounds * _SCANS):
        begun = perf_counter()
        for _ in range(_QUERIES):
            log.query(since)
        queried.append((perf_counter() - begun) / _QUERIES * 1e6)
        begun = perf_counter()
        [entry for entry in resident if entry.id > since]
        scanned.append((perf_counter() - begun) * 1e6)
    return Figure(
        what=f"event log: query of the last {_NEWEST} of {_RESIDENT:,} entries",
        beside="a scan of all entries",
        unit="µs",
        measured=median(queried),
        yardstick=median(scanned),
        ratio=median(scanned) / median(queried),
        goal=Goal(at_least=100),
        samples={"query": queried, "scan": scanned},
    )
