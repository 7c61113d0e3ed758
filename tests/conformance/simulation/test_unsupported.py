"""What isn't simulated is refused, loudly: no program gets over it unnoticed."""

from __future__ import annotations

import asyncio
import queue
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from conformance.simulation import NotSimulatedError, Simulation, simulate
from conformance.simulation.clock import VirtualClock
from conformance.simulation.selector import VirtualSelector
from conformance.simulation.unsupported import REAL_WORLD

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(attempt: Callable[[asyncio.AbstractEventLoop], Any]) -> str:
    """Return what a program is told that does `attempt` and gets over it."""
    seen: list[str] = []

    async def main(_: Simulation) -> None:
        try:
            await attempt(asyncio.get_running_loop())
        except NotSimulatedError as error:
            seen.append(str(error))
        while True:  # noqa: ASYNC110 - as a sender that retries for ever
            await asyncio.sleep(1)

    with pytest.raises(NotSimulatedError, match=r"not simulated.*\(--real\)") as caught:
        simulate(main)
    assert seen == [str(caught.value)]
    return seen[0]


@pytest.mark.parametrize(("method", "what"), REAL_WORLD.items())
def test_each_method_that_reaches_for_the_real_world_is_refused(method: str, what: str) -> None:
    """The error names what was tried, is raised there, and ends the simulation whatever the program does."""
    assert refused(lambda loop: getattr(loop, method)()).startswith(f"{what} (loop.{method})")


@pytest.mark.parametrize(
    ("attempt", "what"),
    [
        (lambda _: asyncio.to_thread(print), "in a thread"),
        (lambda _: asyncio.create_subprocess_exec("true"), "starting a process"),
        (lambda _: asyncio.open_connection("127.0.0.1", 443, ssl=True), "TLS"),
        (lambda _: asyncio.start_server(print, "127.0.0.1", 443, ssl=ssl.create_default_context()), "TLS"),
        (lambda _: asyncio.open_connection("127.0.0.1", 80, local_addr=("127.0.0.1", 1)), "the local address"),
        (lambda _: asyncio.open_connection("backend.example", 80), "looking up the host 'backend.example'"),
        (lambda _: asyncio.open_connection("192.0.2.1", 80), "reaching the host '192.0.2.1'"),
        (lambda loop: loop.getaddrinfo("backend.example", 80), "looking up the host 'backend.example'"),
        (lambda _: asyncio.start_server(print, "backend.example", 80), "looking up the host 'backend.example'"),
    ],
)
def test_each_way_into_the_real_world_is_refused(
    attempt: Callable[[asyncio.AbstractEventLoop], Any], what: str
) -> None:
    """Through asyncio's own functions too."""
    assert what in refused(attempt)


def test_a_real_socket_can_be_neither_served_on_nor_wrapped() -> None:
    """Only a socket that the loop itself has connected stands for a connection."""
    with socket.socket() as sock:
        assert "serving on a real socket" in refused(lambda loop: loop.create_server(asyncio.Protocol, sock=sock))
        assert "wasn't connected by the loop" in refused(
            lambda loop: loop.create_connection(asyncio.Protocol, sock=sock)
        )


def test_a_call_from_another_thread_is_refused() -> None:
    """Threads run in real time; one from before the simulation that calls in ends it."""
    loops: queue.SimpleQueue[asyncio.AbstractEventLoop] = queue.SimpleQueue()
    answers: queue.SimpleQueue[NotSimulatedError] = queue.SimpleQueue()

    def call() -> None:
        try:
            loops.get().call_soon_threadsafe(print)
        except NotSimulatedError as error:
            answers.put(error)

    def attempt(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        loops.put(loop)
        raise answers.get()

    thread = threading.Thread(target=call)
    thread.start()
    assert "from another thread" in refused(attempt)
    thread.join()


@pytest.mark.parametrize(
    ("attempt", "what"),
    [
        (lambda _: threading.Thread(target=print).start(), "running a thread (Thread.start)"),
        (lambda _: ThreadPoolExecutor().submit(print), "running a thread (Thread.start)"),
        (lambda _: subprocess.run([sys.executable], check=True), "starting a process (Popen.__init__)"),
        (lambda sock: sock.connect(("127.0.0.1", 80)), "connecting a real socket (socket.connect)"),
        (lambda sock: sock.connect_ex(("127.0.0.1", 80)), "connecting a real socket (socket.connect_ex)"),
        (lambda sock: sock.bind(("127.0.0.1", 0)), "binding a real socket (socket.bind)"),
        (lambda sock: sock.sendto(b"", ("127.0.0.1", 9)), "sending datagrams (socket.sendto)"),
        (lambda _: socket.create_connection(("127.0.0.1", 80)), "looking up an address (socket.getaddrinfo)"),
        (lambda _: urlopen("http://127.0.0.1/"), "looking up an address (socket.getaddrinfo)"),
    ],
)
def test_what_goes_past_the_loop_is_refused(attempt: Callable[[socket.socket], object], what: str) -> None:
    """Code that blocks, and knows no loop, doesn't get out either."""
    with socket.socket() as sock:
        assert refused(lambda _: attempt(sock)).startswith(what)


def test_outside_of_a_simulation_nothing_is_refused() -> None:
    """Not even to another thread, while one runs."""
    in_simulation, answers = threading.Event(), queue.SimpleQueue[object]()

    def look_up() -> None:
        in_simulation.wait()
        answers.put(socket.getaddrinfo("127.0.0.1", 80))

    async def main(_: Simulation) -> object:
        in_simulation.set()
        return answers.get()

    thread = threading.Thread(target=look_up)
    thread.start()
    assert simulate(main) == socket.getaddrinfo("127.0.0.1", 80)
    thread.join()


SIMULATED = {
    *("call_at", "call_later", "call_soon", "call_soon_threadsafe", "time"),
    *("create_connection", "create_server", "getaddrinfo", "sock_connect"),
}
NEEDS_NO_WORLD = {
    *("create_future", "create_task", "get_task_factory", "set_task_factory"),
    *("run_forever", "run_until_complete", "stop", "close", "is_closed", "is_running", "shutdown_asyncgens"),
    *("call_exception_handler", "default_exception_handler", "get_exception_handler", "set_exception_handler"),
    *("get_debug", "set_debug"),
    # There is none to take away.
    *("remove_reader", "remove_writer", "remove_signal_handler"),
    *("set_default_executor", "shutdown_default_executor"),
}


def test_every_method_of_an_event_loop_is_simulated_refused_or_needs_no_world() -> None:
    """One that a later Python brings belongs to none of the three, and fails here."""
    methods = {name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("_")}
    assert methods == {*SIMULATED, *REAL_WORLD, *NEEDS_NO_WORLD}
    assert len(methods) == len(SIMULATED) + len(REAL_WORLD) + len(NEEDS_NO_WORLD), "each belongs to one"


def test_a_program_that_ends_at_once_does_not_get_away_with_it() -> None:
    """Also if it returns, or fails with something else, before the loop goes round once more."""

    async def attempt() -> None:
        with suppress(NotSimulatedError):
            await asyncio.to_thread(print)

    async def returns(_: Simulation) -> None:
        await attempt()

    async def fails(_: Simulation) -> None:
        await attempt()
        raise KeyError

    def attempt_at_last() -> None:
        loop = asyncio.get_running_loop()

        def attempt(_: object) -> None:
            with suppress(NotSimulatedError):
                loop.run_in_executor(None, print)

        current = asyncio.current_task()
        assert current is not None
        current.add_done_callback(attempt)

    async def returns_meanwhile(_: Simulation) -> None:
        attempt_at_last()

    async def fails_meanwhile(_: Simulation) -> None:
        attempt_at_last()
        raise KeyError

    for main in (returns, fails, returns_meanwhile, fails_meanwhile):
        with pytest.raises(NotSimulatedError):
            simulate(main)


def test_not_even_a_sender_that_retries_on_every_network_error_swallows_it() -> None:
    """It is no `OSError`."""
    assert not issubclass(NotSimulatedError, OSError)


def test_the_selector_watches_no_files() -> None:
    """It has nothing to wait with."""
    selector = VirtualSelector(VirtualClock(), max_time=1.0, max_iterations=1, describe=str)
    with pytest.raises(NotSimulatedError, match="can't be watched"):
        selector.register(0, selectors.EVENT_READ)
    with pytest.raises(KeyError):
        selector.unregister(0)
    assert selector.get_map() == {}


def test_a_reader_that_was_never_added_can_be_removed() -> None:
    """Libraries do so when they clean up."""

    async def main(_: Simulation) -> bool:
        return asyncio.get_running_loop().remove_reader(0)

    assert simulate(main) is False


def test_a_library_of_c_that_says_it_is_a_module_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of cffi, which have no namespace; `cryptography` brings one."""

    class Library:
        __slots__ = ()
        __class__ = ModuleType  # type: ignore[assignment]

    monkeypatch.setitem(sys.modules, "a_library_of_c", Library())

    async def main(sim: Simulation) -> float:
        return sim.time()

    assert simulate(main) == 0.0
