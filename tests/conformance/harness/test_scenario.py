"""The stage: what it does with what a backend says, and with senders that don't stop asking."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from conformance.evidence.history import EnqueueCalled, RetryAfterAsked
from conformance.harness.scenario import Scenario, Stage, numbered
from conformance.harness.worlds import SimulatedWorld, TcpWorld
from fake_backend import FaultRule, Status
from fake_backend.records import RequestStarted

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings
    from conformance.harness.worlds import World


class AsksForEver:
    """Asks for the position again and again, without a pause."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.task = asyncio.create_task(self.ask())

    async def ask(self) -> None:
        headers = {"Authorization": f"Bearer {self.settings.token}"}
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.post(self.settings.url, data=b"", headers=headers):
                    pass

    def enqueue(self, _event: Any) -> str:
        return "accepted"

    async def stop(self, *, complete: bool = True) -> None:
        await asyncio.sleep(3600 if complete else 0)


async def one_event(stage: Stage) -> None:
    """One event, and stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(1))
    await stage.pause(60)
    await sender.stop()


def test_a_flood_of_requests_ends_the_scenario() -> None:
    """What has come until then is judged; a sender that never stops asking doesn't keep the suite."""
    scenario = Scenario(name="a-flood", rules=(), story="", script=one_event)
    history = SimulatedWorld().perform(scenario, AsksForEver)
    requests = [record for record in history.records if isinstance(record, RequestStarted)]
    assert 2_000 < len(requests) < 2_100


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "²"])
def test_a_retry_after_that_makes_no_sense_asks_for_nothing(value: str) -> None:
    """It is answered as it is, and the scenario goes on."""
    fault = FaultRule(fault=Status(status=503, headers={"Retry-After": value}), requests=(1,))
    scenario = Scenario(name="nonsense", rules=(), story="", script=one_event, faults=(fault,))
    history = SimulatedWorld().perform(scenario, AsksForEver)
    assert not [record for record in history.records if isinstance(record, RetryAfterAsked)]
    assert any(isinstance(record, RequestStarted) and record.request == 2 for record in history.records)


@pytest.mark.parametrize(
    "value",
    ["90", "Thu, 01 Jan 2026 00:01:30 GMT", "Thursday, 01-Jan-26 00:01:30 GMT", "Thu Jan  1 00:01:30 2026"],
)
def test_a_retry_after_is_read_in_each_form_that_http_has(value: str) -> None:
    """Seconds, and a date in three forms: the oldest names no zone, and is in GMT wherever it is read."""
    fault = FaultRule(fault=Status(status=503, headers={"Retry-After": value}), requests=(1,))
    scenario = Scenario(name="dates", rules=(), story="", script=one_event, faults=(fault,))
    history = SimulatedWorld().perform(scenario, AsksForEver)
    [asked] = [record for record in history.records if isinstance(record, RetryAfterAsked)]
    assert asked.seconds == pytest.approx(90, abs=0.1)


class HeldUp:
    """A correct `enqueue` that takes long in real time: once in all, as on a machine that was busy, or in each life."""

    capabilities: frozenset[str] = frozenset()
    calls = 0

    def __init__(self, *, by_itself: bool) -> None:
        self.by_itself = by_itself

    def enqueue(self, _event: Any) -> str:
        HeldUp.calls += 1
        if self.by_itself or HeldUp.calls == 1:
            time.sleep(0.06)
        return "accepted"

    async def stop(self, *, complete: bool = True) -> None:
        assert complete


@pytest.mark.parametrize("by_itself", [False, True], ids=["by the machine", "by itself"])
def test_a_call_counts_as_blocked_in_real_time_if_it_is_so_twice(
    *, by_itself: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine may be busy elsewhere while `enqueue` is called; a sender that blocks does so each time."""
    monkeypatch.setattr(HeldUp, "calls", 0)
    scenario = Scenario(name="held-up", rules=(), story="", script=one_event)
    history = SimulatedWorld().perform(scenario, lambda _settings: HeldUp(by_itself=by_itself))
    [call] = [record for record in history.records if isinstance(record, EnqueueCalled)]
    assert (call.blocked_for > 0) is by_itself
    assert HeldUp.calls == 2


@pytest.mark.parametrize(
    ("world", "taken"), [(SimulatedWorld(), [3_600.0, 12]), (TcpWorld(), [60.0, 4])], ids=["simulated", "tcp"]
)
def test_a_scenario_takes_long_where_time_costs_nothing(world: World, taken: list[float]) -> None:
    """It says how long in either world, and never asks in which it is."""
    found: list[float] = []

    async def script(stage: Stage) -> None:
        await asyncio.sleep(0)
        found.append(stage.for_long(simulated=3_600.0, real=60.0))
        found.append(stage.for_long(simulated=12, real=4))

    world.perform(Scenario(name="how-long", rules=(), story="", script=script), AsksForEver)
    assert found == taken
