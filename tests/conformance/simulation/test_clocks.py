"""Python's clocks tell the simulation's time to the program that is simulated, and afterwards the real one again."""

# ruff: noqa: PLW0108 - a lambda looks the function up when it is called, as a program does

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from time import monotonic as monotonic_by_name
from time import time as time_by_name
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from conformance.simulation import EPOCH, Simulation, simulate
from conformance.simulation import patches as surroundings_module
from conformance.simulation.clock import VirtualClock
from conformance.simulation.patches import simulated_surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCKS: dict[str, tuple[Callable[[], Any], Any]] = {
    "time.time": (lambda: time.time(), EPOCH.timestamp() + 1.5),
    "time.time, by name": (lambda: time_by_name(), EPOCH.timestamp() + 1.5),
    "time.time_ns": (lambda: time.time_ns(), int(EPOCH.timestamp()) * 10**9 + 1_500_000_000),
    "time.monotonic": (lambda: time.monotonic(), 1.5),
    "time.monotonic, by name": (lambda: monotonic_by_name(), 1.5),
    "time.monotonic_ns": (lambda: time.monotonic_ns(), 1_500_000_000),
    "datetime.now(UTC)": (lambda: datetime.now(UTC), EPOCH + timedelta(seconds=1.5)),
    "datetime.now()": (lambda: datetime.now(), datetime(2026, 1, 1, 5, 45, 1, 500_000)),  # noqa: DTZ001, DTZ005 - the local time is the point
    "time.localtime": (lambda: time.localtime()[:6], (2026, 1, 1, 5, 45, 1)),
    "email.utils.formatdate": (lambda: formatdate(usegmt=True), "Thu, 01 Jan 2026 00:00:01 GMT"),
}


def test_the_wall_clock_can_be_set_while_time_goes_on() -> None:
    """Forward and back; timers, and clocks that don't step, take no notice; and the next simulation begins anew."""

    async def main(sim: Simulation) -> tuple[float, float, float]:
        sim.step_wall_clock(-3_600.0)
        await asyncio.sleep(1.0)
        sim.step_wall_clock(7_200.0)
        return time.time() - EPOCH.timestamp(), time.monotonic(), sim.time()

    assert simulate(main) == simulate(main) == (3_601.0, 1.0, 1.0)


@pytest.mark.parametrize("name", CLOCKS)
def test_each_clock_tells_the_time_of_the_simulation(name: str) -> None:
    """From the same epoch each time, and however the program got hold of the function."""
    tell, expected = CLOCKS[name]
    before = tell()

    async def main(_: Simulation) -> Any:
        await asyncio.sleep(1.5)
        return tell()

    assert simulate(main) == simulate(main) == expected
    after = tell()
    assert after >= before
    assert after != expected


def test_a_wait_that_is_reckoned_by_dates_comes_out_right() -> None:
    """A date that one side writes by one clock and the other reads by another is neither long past nor far ahead."""

    async def main(sim: Simulation) -> float:
        await asyncio.sleep(100.25)
        retry_at = datetime.fromtimestamp(time.time() + 30, tz=UTC)
        await asyncio.sleep((retry_at - datetime.now(UTC)).total_seconds())
        return sim.time()

    assert simulate(main) == 130.25


def test_the_clocks_move_as_one_to_the_nanosecond() -> None:
    """Also by steps that no float holds exactly."""

    async def main(_: Simulation) -> set[int]:
        differences = set()
        for _step in range(1000):
            await asyncio.sleep(0.1)
            differences.add(time.time_ns() - time.monotonic_ns())
        return differences

    assert simulate(main) == {int(EPOCH.timestamp()) * 10**9}


def test_the_cpu_clocks_stay_real() -> None:
    """What measures how long a program blocks has to."""

    async def main(_: Simulation) -> tuple[float, float]:
        starts = time.perf_counter(), time.process_time()
        await asyncio.sleep(10_000)
        return time.perf_counter() - starts[0], time.process_time() - starts[1]

    assert all(took < 1_000 for took in simulate(main))


def test_the_standard_library_waits_for_threads_by_the_real_clock() -> None:
    """A queue between threads times out, though the simulation's clock stands still meanwhile."""

    async def main(_: Simulation) -> bool:
        try:
            queue.Queue[None]().get(timeout=0.001)
        except queue.Empty:
            return True
        return False

    assert simulate(main)


def test_another_thread_has_the_real_monotonic_clock() -> None:
    """A loop that runs there isn't disturbed by one that is simulated here."""
    in_simulation, told = threading.Event(), threading.Event()
    readings: list[float] = []

    def tell() -> None:
        in_simulation.wait()
        try:
            readings.extend((time.monotonic(), asyncio.run(loop_time())))
        finally:
            told.set()

    async def loop_time() -> float:
        return asyncio.get_running_loop().time()

    async def main(_: Simulation) -> None:
        await asyncio.sleep(1e6)
        in_simulation.set()
        told.wait()

    start = time.monotonic()
    thread = threading.Thread(target=tell)
    thread.start()
    simulate(main, max_time=2e6)
    thread.join()
    assert len(readings) == 2
    assert all(start <= reading <= time.monotonic() for reading in readings)


def test_simulations_in_several_threads_take_turns() -> None:
    """Each has the clocks for itself from its start to its end."""
    results: list[tuple[float, float]] = []

    async def main(_: Simulation) -> tuple[float, float]:
        for _step in range(200):
            await asyncio.sleep(1)
        return time.monotonic(), time.time() - EPOCH.timestamp()

    threads = [threading.Thread(target=lambda: results.append(simulate(main))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(200.0, 200.0)] * 4


def test_everything_is_put_back() -> None:
    """Also after a program that failed: functions, the names by which modules have them, and the time zone."""

    def patches() -> list[object]:
        return [
            time.monotonic,
            time.monotonic_ns,
            monotonic_by_name,
            os.environ.get("TZ"),
            *(vars(owner).get(name) for owner, name, _ in surroundings_module.REFUSED),
        ]

    before = patches()
    during: list[object] = []

    async def main(_: Simulation) -> None:
        during.extend(patches())
        raise KeyError

    with pytest.raises(KeyError):
        simulate(main)
    assert patches() == before
    assert all(one != other for one, other in zip(during, before, strict=True))


def test_what_is_no_module_is_passed_over() -> None:
    """`sys.modules` holds what programs put there."""
    sys.modules["not_a_module"] = object()  # type: ignore[assignment] # that it is none is the point
    try:
        with simulated_surroundings(VirtualClock()):
            assert time.time() == EPOCH.timestamp()
    finally:
        del sys.modules["not_a_module"]


def test_aiohttp_lives_by_the_same_clocks() -> None:
    """Its server dates answers by the epoch, and its client closes a connection that was idle for 15 s."""

    async def main(_: Simulation) -> list[tuple[str, int]]:
        async def handler(request: web.Request) -> web.Response:
            assert request.transport is not None
            return web.Response(text=str(request.transport.get_extra_info("peername")[1]))

        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=100)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 80).start()
        seen = []
        async with aiohttp.ClientSession() as session:
            for pause in (14, 16, 0):
                async with session.get("http://127.0.0.1/") as response:
                    seen.append((response.headers["Date"], int(await response.text())))
                await asyncio.sleep(pause)
        await runner.cleanup()
        return seen

    dates, ports = zip(*simulate(main), strict=True)
    assert dates == (
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:14 GMT",
        "Thu, 01 Jan 2026 00:00:30 GMT",
    )
    assert ports[0] == ports[1] != ports[2]
