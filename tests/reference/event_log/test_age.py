"""Events age by time that passed, whatever the wall clock does."""

import time
from collections.abc import Callable

import pytest

from reference.event_log import InMemoryEventLog
from tests.reference.event_log.clocks import HandClock


def _ids(log: InMemoryEventLog) -> list[int]:
    return [event.id for event in log.query()]


def test_an_event_is_resident_up_to_its_ttl_and_not_beyond() -> None:
    """At exactly `ttl_seconds` it is still there; the least bit later it is gone."""
    clock = HandClock()
    log = InMemoryEventLog(ttl_seconds=10, now=clock)
    log.append("test.aged")
    clock.time += 10
    assert _ids(log) == [1]
    clock.time += 0.001
    assert _ids(log) == []


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_a_step_of_the_wall_clock_ages_nothing(step: float) -> None:
    """With both clocks injected, the wall clock tells the timestamp and nothing else."""
    wall, passed = HandClock(), HandClock(0.0)
    log = InMemoryEventLog(ttl_seconds=10, now=wall, monotonic=passed)
    log.append("test.before")
    wall.time += step
    assert log.append("test.after").timestamp == 1_000 + step
    passed.time += 10
    assert _ids(log) == [1, 2]
    passed.time += 1
    assert _ids(log) == []


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_without_injection_the_age_is_the_machines_monotonic_clock(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of `time.time` neither loses nor keeps an event; `time.monotonic` ages it."""
    wall, passed = HandClock(), HandClock(0.0)
    monkeypatch.setattr(time, "time", wall)
    monkeypatch.setattr(time, "monotonic", passed)
    log = InMemoryEventLog(ttl_seconds=10)
    log.append("test.before")
    wall.time += step
    assert _ids(log) == [1]
    passed.time += 11
    assert _ids(log) == []


def test_a_monotonic_clock_alone_leaves_the_wall_clock_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timestamps are then those of `time.time`."""
    monkeypatch.setattr(time, "time", HandClock(5.0))
    passed = HandClock(0.0)
    log = InMemoryEventLog(ttl_seconds=10, monotonic=passed)
    assert log.append("test.stamped").timestamp == 5.0
    passed.time += 11
    assert _ids(log) == []


def test_a_clock_injected_alone_ages_events_too() -> None:
    """A test that moves its one clock sees events leave, and is asked for the time once per call."""
    clock = HandClock()
    log = InMemoryEventLog(ttl_seconds=10, now=clock)
    assert log.append("test.aged").timestamp == 1_000.0
    assert clock.readings == 1
    clock.time += 11
    assert _ids(log) == []
    assert clock.readings == 2


def test_after_a_step_back_events_neither_leave_early_nor_stay_late() -> None:
    """A clock injected alone steps back: no time has passed at the step, and all that passes after it counts."""
    clock = HandClock()
    log = InMemoryEventLog(ttl_seconds=10, now=clock)
    log.append("test.before")
    clock.time = 500.0
    log.append("test.after")
    clock.time = 510.0
    assert _ids(log) == [1, 2]
    clock.time = 511.0
    assert _ids(log) == []


def test_a_million_readings_of_a_steady_clock_lose_no_precision() -> None:
    """A clock that doesn't step is taken as it is, so that no rounding adds up."""
    clock = HandClock(1_700_000_000.1)
    log = InMemoryEventLog(ttl_seconds=1_000.0, now=clock)
    log.append("test.before")
    for tenth in range(1, 10_001):
        clock.time = 1_700_000_000.1 + tenth / 10
        log.read(limit=0)
    assert _ids(log) == [1]


@pytest.mark.parametrize(
    "call",
    [
        lambda log: log.append("test.new"),
        lambda log: log.query(limit=0),
        lambda log: log.read(limit=0),
        lambda log: log.first_id,
    ],
    ids=["append", "query", "read", "first_id"],
)
def test_whatever_is_asked_the_old_is_forgotten(call: Callable[[InMemoryEventLog], object]) -> None:
    """Each call forgets what is too old, also one that wants no events."""
    clock = HandClock()
    log = InMemoryEventLog(ttl_seconds=10, now=clock)
    log.append("test.old")
    clock.time += 11
    call(log)
    assert log._resident.first_id == 2
