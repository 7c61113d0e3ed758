"""Time is virtual, exact, and orders what happens."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from typing import TYPE_CHECKING

import pytest

from conformance.simulation import DeadlockError, LivelockError, Simulation, TimeLimitError, simulate
from conformance.simulation.clock import LONGEST_TIME, Instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def test_an_hour_of_sleeps_is_an_hour_of_virtual_time() -> None:
    """The clock starts at zero and moves by what the program waits for."""

    async def main(sim: Simulation) -> tuple[float, float, float]:
        start = sim.time()
        for _ in range(3600):
            await asyncio.sleep(1)
        return start, sim.time(), asyncio.get_running_loop().time()

    assert simulate(main) == (0.0, 3600.0, 3600.0)


def test_time_adds_up_to_the_last_bit() -> None:
    """A tenth and two tenths are three tenths, which they are not as floats."""

    async def main(sim: Simulation) -> float:
        await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        return sim.time()

    assert 0.1 + 0.2 != 0.3
    assert simulate(main) == 0.3


def test_a_timer_that_fires_a_little_early_can_be_set_again() -> None:
    """Times are rounded to a nanosecond; a program that finds it too early waits for one more, as it would for real."""

    async def main(_: Simulation) -> list[float]:
        due = 0.1 + 0.2  # a little more than 0.3
        fired: list[float] = []
        done = asyncio.Event()

        def look() -> None:
            fired.append(loop.time())
            if loop.time() < due:
                loop.call_at(due, look)
            else:
                done.set()

        loop = asyncio.get_running_loop()
        loop.call_at(due, look)
        await done.wait()
        return fired

    assert simulate(main) == [0.3, 0.300_000_001]


def test_time_stands_still_while_something_is_ready() -> None:
    """Work takes no time, however many steps it has."""

    async def main(sim: Simulation) -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return sim.time()

    assert simulate(main) == 0.0


def test_timers_of_one_instant_run_in_the_order_they_were_set() -> None:
    """Also among cancelled ones and other instants, where asyncio's heap alone would mix them up."""

    async def main(_: Simulation) -> list[int]:
        ran: list[int] = []
        loop = asyncio.get_running_loop()
        dice = random.Random(7)  # noqa: S311 - no secret
        for number in range(500):
            loop.call_at(1.0, ran.append, number)
            loop.call_at(dice.random() * 2, lambda: None).cancel()
        await asyncio.sleep(1)
        await asyncio.sleep(1)
        return ran

    assert simulate(main) == list(range(500))


def test_instants_are_ordered_by_time_and_then_by_age() -> None:
    """An instant is a float to everything but its equals."""
    first, second, later = Instant(1.0, 1), Instant(1.0, 2), Instant(1.5, 0)
    assert sorted([later, second, first]) == [first, second, later]
    assert first < second
    assert not second < first
    assert first < 2.0
    assert not first < 1.0


def test_a_timer_a_nanosecond_later_runs_later() -> None:
    """The loop doesn't take neighboring instants for one, neither after a day nor after weeks."""

    async def main(sim: Simulation) -> list[float]:
        times: list[float] = []
        loop = asyncio.get_running_loop()
        for start in (86_400.0, LONGEST_TIME - 10):
            await asyncio.sleep(start - sim.time())
            for nanoseconds in range(100):
                loop.call_later(nanoseconds * 1e-9, lambda: times.append(sim.time()))
            await asyncio.sleep(1)
        return times

    times = simulate(main, max_time=LONGEST_TIME)
    steps = [round((after - before) * 1e9) for before, after in itertools.pairwise(times)]
    assert steps[:99] == steps[100:] == [1] * 99


def test_a_timeout_fires_in_virtual_time() -> None:
    """`asyncio.timeout` and `call_later` go by the loop's clock."""

    async def main(sim: Simulation) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return sim.time()

    assert simulate(main) == 30.0


def test_the_children_of_a_task_group_are_cancelled_oldest_first() -> None:
    """A set of tasks goes by their numbers, not by where in memory they happen to be."""

    async def main(_: Simulation) -> list[int]:
        cancelled: list[int] = []

        async def child(number: int) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(number)

        async def family() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(child(number))
                await asyncio.sleep(0)
                raise LookupError

        with pytest.raises(ExceptionGroup):
            await family()
        return cancelled

    assert simulate(main) == list(range(40))


def test_tasks_are_numbered_from_one_in_each_simulation() -> None:
    """Names in traces and reports don't depend on what ran before; a name that is given stays."""

    async def main(_: Simulation) -> list[str]:
        current = asyncio.current_task()
        assert current is not None
        other, named = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(0), name="mine")
        await asyncio.wait({other, named})
        assert other != named
        return [current.get_name(), other.get_name(), named.get_name()]

    assert simulate(main) == simulate(main) == ["Task-1", "Task-2", "mine"]


def test_after_a_deadlock_the_program_is_torn_down() -> None:
    """Its `finally` blocks run, and may take virtual time."""
    torn_down: list[float] = []

    async def main(sim: Simulation) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(2)
            torn_down.append(sim.time())

    with pytest.raises(DeadlockError):
        simulate(main)
    assert torn_down == [2.0]


def test_a_livelock_is_reported_and_not_a_hang() -> None:
    """A program that spins without letting time pass ends, and the report says which task is at it."""

    async def main(sim: Simulation) -> None:
        while sim.time() < 1:  # noqa: ASYNC110 - that it never ends is the point
            await asyncio.sleep(0)

    with pytest.raises(LivelockError, match=r"1000 iterations.*\n  Task-1 is ready to run\n      in .*sleep"):
        simulate(main, max_iterations=1000)


def test_virtual_time_has_a_limit() -> None:
    """A program that goes on for ever, even slowly, ends, and so does one that sleeps for ever."""

    async def ticks(_: Simulation) -> None:
        while True:  # noqa: ASYNC110 - that it never ends is the point
            await asyncio.sleep(10)

    async def sleeps(_: Simulation) -> None:
        await asyncio.sleep(float("inf"))

    with pytest.raises(TimeLimitError, match=r"hasn't finished by 60\.0 s"):
        simulate(ticks, max_time=60.0)
    with pytest.raises(TimeLimitError, match=r"hasn't finished by 60\.0 s"):
        simulate(sleeps, max_time=60.0)


@pytest.mark.parametrize("limits", [{"max_time": 0.0}, {"max_time": LONGEST_TIME + 1}, {"max_time": float("nan")}])
def test_a_time_limit_that_makes_no_sense_is_refused(limits: dict[str, float]) -> None:
    """The message tells the value, and what would be right."""

    async def main(_: Simulation) -> None: ...

    with pytest.raises(ValueError, match="max_time must be more than 0"):
        simulate(main, max_time=limits["max_time"])
    with pytest.raises(ValueError, match="max_iterations must be 1 at least, not 0"):
        simulate(main, max_iterations=0)


def test_what_main_raises_comes_out() -> None:
    """And leftover tasks are cancelled, asynchronous generators closed; a task that then fails is reported."""
    ended: list[str] = []
    reports: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    async def fails_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")
            raise LookupError

    async def main(_: Simulation) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context["message"]))
        task = asyncio.create_task(fails_when_cancelled())
        generator = numbers()
        await anext(generator)
        loop.call_later(99, lambda: (task, generator))  # keeps both alive
        await asyncio.sleep(0)
        raise KeyError("the answer")

    with pytest.raises(KeyError, match="the answer"):
        simulate(main)
    assert ended == ["task", "generator"]
    assert reports == ["a task failed when the simulation ended"]


def test_a_task_that_does_not_let_itself_be_cancelled_is_no_hang() -> None:
    """It is an error of its own after a run that succeeded, and a note on the error of one that failed."""

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    async def leaves(_: Simulation) -> None:
        asyncio.create_task(stubborn(), name="stubborn").add_done_callback(print)
        await asyncio.sleep(1)

    async def fails(sim: Simulation) -> None:
        await leaves(sim)
        raise KeyError("first")

    with pytest.raises(DeadlockError, match="stubborn waits for the Event"):
        simulate(leaves)
    with pytest.raises(KeyError, match="first") as caught:
        simulate(fails)
    assert "couldn't be torn down: deadlock" in caught.value.__notes__[0]


def test_a_call_from_the_own_thread_is_safe() -> None:
    """`call_soon_threadsafe` is `call_soon` there."""

    async def main(_: Simulation) -> bool:
        done = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(done.set)
        return await done.wait()

    assert simulate(main)


def test_a_simulation_leaves_nothing_behind() -> None:
    """Its loop is closed, and the running threads are as before."""
    threads = threading.active_count()

    async def main(_: Simulation) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loop = simulate(main)
    assert loop.is_closed()
    assert threading.active_count() == threads


async def test_a_simulation_does_not_run_inside_a_loop() -> None:
    """It would block the loop that runs; it says so before it starts anything."""

    async def main(_: Simulation) -> None: ...

    with pytest.raises(RuntimeError, match="where an event loop is running"):
        simulate(main)
