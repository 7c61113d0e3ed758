"""Faults that take time: how long, and the same each time."""

import itertools
from typing import TYPE_CHECKING

import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, Latency
from fake_backend.records import FaultStruck, LineReceived, RequestStarted
from tests.fake_backend.virtual_time import in_virtual_time
from tests.fake_backend.wire import client_of, event_line

if TYPE_CHECKING:
    from fake_backend.faults import Phase


async def waits_of(rule: FaultRule, *, seed: int, requests: int = 3) -> list[float]:
    """Send requests one after the other; give how long each was under way at the backend."""
    async with FakeBackend(faults=[rule], seed=seed) as backend, client_of(backend) as client:
        for _ in range(requests):
            await client.post()
    began = [record.time for record in backend.history if isinstance(record, RequestStarted)]
    ended = [record.time for record in backend.history if isinstance(record, AnswerSent)]
    return [round(end - start, 6) for start, end in zip(began, ended, strict=True)]


@in_virtual_time
async def test_jitter_is_the_same_on_every_machine() -> None:
    """The waits follow from the seed and the request, not from the hash seed, the Python or the time."""
    rule = FaultRule(fault=Latency(seconds=1.0, jitter=0.5))
    assert await waits_of(rule, seed=0) == WAITS_OF_SEED_0
    assert await waits_of(rule, seed=0) == WAITS_OF_SEED_0
    assert await waits_of(rule, seed=1) != WAITS_OF_SEED_0
    assert len(set(WAITS_OF_SEED_0)) == 3


WAITS_OF_SEED_0 = [1.259993, 0.931449, 0.645577]


@in_virtual_time
async def test_jitter_stays_within_its_bounds_and_is_spread_over_them() -> None:
    """A wait is off by the jitter at the most, in both directions."""
    waits = await waits_of(FaultRule(fault=Latency(seconds=1.0, jitter=0.25)), seed=7, requests=200)
    assert 0.75 <= min(waits) < 0.78
    assert 1.22 < max(waits) <= 1.25


@in_virtual_time
async def test_a_wait_is_never_below_0() -> None:
    """A jitter larger than the wait leaves some requests without one."""
    waits = await waits_of(FaultRule(fault=Latency(seconds=0.1, jitter=1.0)), seed=0, requests=50)
    assert min(waits) == 0.0
    assert max(waits) > 0.9


@in_virtual_time
async def test_two_jitters_of_one_request_differ() -> None:
    """Each point draws for itself, and so does each fault of a point."""
    phases: list[Phase] = ["before-read", "before-accept", "before-accept", "after-accept"]
    rules = [FaultRule(fault=Latency(seconds=1.0, jitter=0.5, phase=phase)) for phase in phases]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        await client.post(event_line(1))
    times = [record.time for record in backend.history if not isinstance(record, LineReceived)]
    waits = {round(after - before, 6) for before, after in itertools.pairwise(times)} - {0.0}
    assert len([record for record in backend.history if isinstance(record, FaultStruck)]) == 4
    assert len(waits) == 4


@pytest.mark.parametrize("jitter", [0.0, 0.5])
@in_virtual_time
async def test_without_jitter_a_wait_is_exact(jitter: float) -> None:
    """`seconds` is what it says."""
    waits = await waits_of(FaultRule(fault=Latency(seconds=1.5, jitter=jitter)), seed=0)
    assert (waits == [1.5] * 3) == (jitter == 0.0)
