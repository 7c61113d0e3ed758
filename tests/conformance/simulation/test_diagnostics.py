"""A program that can't go on is drawn: who waits for what, where, and what holds up the network."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from conformance.simulation import DeadlockError, Side, Simulation, TimeLimitError, simulate
from tests.conformance.simulation.recorder import HOST, PORT, a_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


def picture_of(main: Callable[[Simulation], Awaitable[object]]) -> str:
    """Return what is told of a program that waits for ever."""

    async def program(sim: Simulation) -> None:
        await main(sim)

    with pytest.raises(DeadlockError, match=r"deadlock at [\d.]+ s: nothing is ready") as caught:
        simulate(program)
    return str(caught.value)


class Worker:
    """Has the things that tasks wait for."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[int] = asyncio.Queue()
        self.lock = asyncio.Lock()

    async def work(self) -> None:
        """Wait with the lock held."""
        async with self.lock:
            await self.inbox.get()

    async def other_work(self) -> None:
        """Wait for the lock."""
        await asyncio.sleep(0)
        async with self.lock:
            pass


async def full_queue() -> None:
    """Wait for room."""
    outbox: asyncio.Queue[int] = asyncio.Queue(1)
    await outbox.put(1)
    await outbox.put(2)


async def unfinished_queue() -> None:
    """Wait for a queue to be worked off."""
    jobs: asyncio.Queue[int] = asyncio.Queue()
    await jobs.put(1)
    await jobs.join()


async def event() -> None:
    """Wait for an event that is known by its attribute of another object alone."""
    await asyncio.Event().wait()


async def condition() -> None:
    """Wait for a condition."""
    changed = asyncio.Condition()
    async with changed:
        await changed.wait()


async def semaphore() -> None:
    """Wait for a semaphore."""
    slots = asyncio.Semaphore(0)
    await slots.acquire()


async def bare_future() -> None:
    """Wait for a future, of which nothing more is known."""
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("waits", "awaited"),
    [
        (lambda: Worker().work(), "an item of the Queue `self.inbox`, which is empty"),
        (full_queue, "room in the Queue `outbox`, which is full with 1"),
        (unfinished_queue, "the Queue `jobs` to be worked off"),
        (event, "the Event to be set"),
        (condition, "the Condition `changed`"),
        (semaphore, "the Semaphore `slots`, which is locked"),
        (bare_future, "a future"),
    ],
)
def test_a_task_is_told_with_the_thing_it_waits_for(waits: Callable[[], Awaitable[None]], awaited: str) -> None:
    """By the name that the program has for it, and the place, from the inside out."""
    picture = picture_of(lambda _: waits())
    assert f"\n  Task-1 waits for {awaited}\n      in " in picture
    assert re.search(r" < [\w.<>]+program \(simulation/test_diagnostics\.py:\d+\)$", picture)


def test_a_lock_that_another_task_holds() -> None:
    """The holder is told with what it waits for itself."""

    async def main(_: Simulation) -> None:
        worker = Worker()
        await asyncio.gather(worker.work(), worker.other_work())

    picture = picture_of(main)
    assert "\n  Task-1 waits for Task-2 and Task-3\n" in picture
    assert "\n  Task-2 waits for an item of the Queue `self.inbox`" in picture
    assert "\n  Task-3 waits for the Lock `self.lock`, which is locked\n" in picture


async def by_itself(tasks: list[asyncio.Task[None]]) -> None:
    """Await each."""
    for task in tasks:
        await task


async def by_gather(tasks: list[asyncio.Task[None]]) -> None:
    """Await them together."""
    await asyncio.gather(*tasks)


async def by_wait(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for them."""
    await asyncio.wait(tasks)


async def by_group(_tasks: list[asyncio.Task[None]]) -> None:
    """Have them as children."""
    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(event(), name=f"child-{number}")


@pytest.mark.parametrize(
    ("waits", "names"),
    [
        (by_itself, "child-0"),
        (by_gather, "child-0 and child-1"),
        (by_wait, "child-0 and child-1"),
        (by_group, "child-0 and child-1"),
    ],
)
def test_a_task_that_waits_for_tasks_is_told_with_their_names(
    waits: Callable[[list[asyncio.Task[None]]], Awaitable[None]], names: str
) -> None:
    """However it waits for them."""

    async def main(_: Simulation) -> None:
        tasks = [] if waits is by_group else [asyncio.create_task(event(), name=f"child-{n}") for n in range(2)]
        await waits(tasks)

    assert f"\n  Task-1 waits for {names}\n" in picture_of(main)


def test_a_circle_of_tasks_is_drawn_as_such_and_ends() -> None:
    """No circle can be cancelled: the error says so too, and what else there is, is torn down."""
    torn_down: list[str] = []

    async def main(_: Simulation) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}

        async def wait_for(name: str) -> None:
            await asyncio.sleep(0)
            await asyncio.gather(asyncio.sleep(0), tasks[name])

        async def bystander() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                torn_down.append("bystander")

        for name, other in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
            tasks[name] = asyncio.create_task(wait_for(other), name=name)
            tasks[name]._log_destroy_pending = False  # type: ignore[attr-defined] # of asyncio's, and undeclared
        await bystander()

    with pytest.raises(DeadlockError, match=r"\n  a circle: a → b → c → a$") as caught:
        simulate(main)
    assert torn_down == ["bystander"]
    (note,) = caught.value.__notes__
    assert "couldn't be torn down: a, b, c, d can't be cancelled: they wait for one another in a circle" in note


def test_what_holds_up_the_network_is_told() -> None:
    """Streams by their address, ends that can't send, links that stall, and links that refuse."""

    async def main(sim: Simulation) -> None:
        async def ignore(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async def write() -> None:
            writer.write(bytes(300_000))
            await writer.drain()

        await asyncio.start_server(ignore, HOST, PORT, limit=1000)
        reader, writer = await asyncio.open_connection(HOST, PORT)
        asyncio.current_task().get_loop().set_exception_handler(lambda *_: None)  # type: ignore[union-attr] # it runs
        sim.network.link("::1", 1).stall(toward=Side.CLIENT)
        sim.network.link(HOST, 2).stall()
        sim.network.link(HOST, 3).refuse()
        await asyncio.gather(write(), reader.read())

    picture = picture_of(main)
    assert f"waits for bytes from {HOST}:{PORT}\n" in picture
    assert f"waits for what was written to {HOST}:{PORT} to drain\n" in picture
    assert re.search(rf"\n  {HOST}:49152 can't send \d+ bytes to {HOST}:{PORT}: 65536 wait there for the prog", picture)
    assert "\n  the link to [::1]:1 is stalled toward its clients\n" in picture
    assert f"\n  the link to {HOST}:2 is stalled toward both sides\n" in picture
    assert picture.endswith(f"\n  the link to {HOST}:3 refuses connections")


def test_an_end_whose_bytes_are_on_their_way_is_told() -> None:
    """Its peer has taken nothing because nothing arrived."""

    async def main(sim: Simulation) -> None:
        client, _server = await a_connection()
        sim.network.link(HOST, PORT).stall(toward=Side.SERVER)
        client.transport.write(bytes(100_000))
        await asyncio.Event().wait()

    picture = picture_of(main)
    assert f"{HOST}:49152 can't send 34464 bytes to {HOST}:{PORT}: those before them are on the way\n" in picture
    assert picture.endswith(f"\n  the link to {HOST}:{PORT} is stalled toward the server")


def test_a_task_that_sleeps_is_told_with_the_time() -> None:
    """When the time limit comes, there are such."""

    async def main(_: Simulation) -> None:
        await asyncio.sleep(99.5)

    with pytest.raises(TimeLimitError, match=r"\n  Task-1 waits for its sleep to end at 99\.5 s\n"):
        simulate(main, max_time=60.0)


def test_a_task_in_an_asynchronous_generator_is_told_as_far_as_is_known() -> None:
    """Its own place, if not that of the generator."""

    async def main(_: Simulation) -> None:
        async def numbers() -> AsyncIterator[int]:
            yield 1
            await asyncio.Event().wait()

        async for _number in numbers():
            pass

    assert re.search(r"\n  Task-1 waits for a future\n      in [\w.<>]+main \(simulation/test_dia", picture_of(main))


def test_servers_and_writers_that_close_are_told() -> None:
    """Each waits for connections that somebody else keeps open."""

    async def main(sim: Simulation) -> None:
        async def keep(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        server = await asyncio.start_server(keep, HOST, PORT)
        _, writer = await asyncio.open_connection(HOST, PORT)
        await asyncio.sleep(1)
        sim.network.link(HOST, PORT).stall()
        writer.write(bytes(100_000))
        writer.close()
        server.close()
        await asyncio.gather(server.wait_closed(), writer.wait_closed())

    picture = picture_of(main)
    assert "waits for the server's connections to close\n" in picture
    assert f"waits for the connection to {HOST}:{PORT} to close\n" in picture


def test_a_task_of_another_kind_is_told_too() -> None:
    """A program may set a task factory of its own; its tasks have no number, and come last."""

    def factory(loop: asyncio.AbstractEventLoop, coro: object, **options: object) -> asyncio.Task[object]:
        return asyncio.Task(coro, loop=loop, **options)  # type: ignore[arg-type]

    async def main(_: Simulation) -> None:
        asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]
        await asyncio.create_task(asyncio.Event().wait(), name="other")

    assert re.search(r"Task-1 waits for other\n.*\n  other waits for the Event to be set\n", picture_of(main))
