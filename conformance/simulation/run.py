"""`simulate`: runs a program in a simulation, from start to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.simulation.clock import LONGEST_TIME
from conformance.simulation.conditions import LinkConditions
from conformance.simulation.errors import DeadlockError, SimulationError
from conformance.simulation.loop import SimulatedLoop
from conformance.simulation.patches import simulated_surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from conformance.simulation.network import Network

T = TypeVar("T")

_NEARBY = LinkConditions()


class Simulation:
    """What a simulated program gets to know of its world."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    @property
    def network(self) -> Network:
        """The network: what goes wrong on it is decided here."""
        return self._loop.network

    def time(self) -> float:
        """Return the virtual time, in seconds since the simulation began; `loop.time()` is the same."""
        return self._loop.time()

    def step_wall_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back, as a time server or a machine that was suspended does.

        `time.time()` and dates jump; `loop.time()`, `time.monotonic()` and all timers go on as if nothing had happened.
        """
        self._loop.selector.clock.step_wall_clock(seconds)


def simulate(
    main: Callable[[Simulation], Coroutine[Any, Any, T]],
    *,
    conditions: LinkConditions = _NEARBY,
    seed: int | str = 0,
    shuffle: bool = False,
    max_time: float = 86_400.0,
    max_iterations: int = 100_000,
) -> T:
    """Run `main` in virtual time on a simulated network, and return what it returns.

    asyncio programs run as they are, aiohttp's client and server among them. The same program takes the same course
    with the same seed, each time: no real time passes, and the order of what happens follows from the two alone.

    Python's clocks tell the simulation's time: `time.monotonic` is the loop's, and the wall clock begins at `EPOCH`, in
    UTC. `time.perf_counter` and `time.process_time` stay real, and `time.sleep` blocks. The wall clock is the whole
    process's: other threads see it move, and a simulation in another thread waits until this one is over.

    When `main` is done, or has failed, the other tasks are cancelled, the servers closed and the connections taken
    away; nothing is left of the simulation, and an event loop set for this thread is untouched. It can't be called
    where an event loop is running.

    Args:
        main: a coroutine function; it gets the `Simulation`.
        conditions: of each link that doesn't get its own.
        seed: what jitter and shuffling are drawn from, a number or a text.
        shuffle: whether timers that are due at the same instant run in an order that is drawn, and not in the one in
            which they were set. asyncio promises none; what it does promise is kept: `call_soon` is first in, first
            out, and a stream stays in order.
        max_time: seconds of virtual time that `main` may take, and tearing down may take once more.
        max_iterations: how often the loop may go round without time passing.

    Raises:
        DeadlockError: nothing can ever happen again, and `main` isn't done; or tasks that are left can't be cancelled.
        LivelockError: the program keeps the loop busy without letting time pass.
        TimeLimitError: `max_time` has passed.
        NotSimulatedError: the program, or a library it uses, reached for the real world, even if it got over that.
        RuntimeError: an event loop is running here.
        ValueError: a limit makes no sense.
    """
    if not 0 < max_time <= LONGEST_TIME:
        raise ValueError(f"max_time must be more than 0 and at most {LONGEST_TIME} s, not {max_time!r}")
    if max_iterations < 1:
        raise ValueError(f"max_iterations must be 1 at least, not {max_iterations!r}")
    if _a_loop_runs():
        raise RuntimeError("simulate() can't be called where an event loop is running")
    loop = SimulatedLoop(conditions, seed=seed, shuffle=shuffle, max_time=max_time, max_iterations=max_iterations)
    try:
        with simulated_surroundings(loop.selector.clock):
            return _run(loop, main(Simulation(loop)))
    finally:
        loop.close()


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(loop: SimulatedLoop, program: Coroutine[Any, Any, T]) -> T:
    try:
        result = loop.run_until_complete(loop.create_task(program))
        loop.selector.raise_failure()
    except BaseException as error:
        cause = loop.selector.failure or error
        try:
            _tear_down(loop)
        except SimulationError as late:
            cause.add_note(f"and the simulation couldn't be torn down: {late}")
        if cause is not error:
            raise cause from error
        raise
    _tear_down(loop)
    return result


def _tear_down(loop: SimulatedLoop) -> None:
    loop.selector.start_over()
    # Once round first: an error out of the selector may have left the end of `main` ready, which stops the loop.
    loop.stop()
    loop.run_forever()
    loop.run_until_complete(_end(loop))


async def _end(loop: SimulatedLoop) -> None:
    stuck = await _cancel_the_rest(loop, set())
    loop.network.shut_down()
    await asyncio.sleep(0)  # the protocols hear of it, and may start tasks once more
    stuck = await _cancel_the_rest(loop, stuck)
    await loop.shutdown_asyncgens()
    if stuck:
        names = ", ".join(sorted(task.get_name() for task in stuck))
        raise DeadlockError(f"{names} can't be cancelled: they wait for one another in a circle\n{loop.describe()}")


async def _cancel_the_rest(loop: SimulatedLoop, stuck: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel the other tasks and wait for them, but for those that are stuck; return those, with what was found."""
    myself = asyncio.current_task()
    while rest := [task for task in asyncio.all_tasks() if task is not myself and task not in stuck]:
        for task in rest:
            try:
                task.cancel()
            except RecursionError:  # asyncio cancels what a task waits for first, and so on, round and round
                stuck = {*stuck, task}
        ending = [task for task in rest if task not in stuck]
        await asyncio.gather(*ending, return_exceptions=True)
        for task in ending:
            if not task.cancelled() and task.exception() is not None:
                loop.call_exception_handler(
                    {"message": "a task failed when the simulation ended", "exception": task.exception(), "task": task}
                )
    return stuck
