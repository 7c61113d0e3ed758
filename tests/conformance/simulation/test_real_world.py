"""What isn't simulated is refused, loudly: no program gets over it unnoticed."""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from conformance.simulation import NotSimulatedError, Simulation, simulate
from conformance.simulation.clock import VirtualClock
from conformance.simulation.real_world import REAL_WORLD
from conformance.simulation.selector import VirtualSelector

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
    """Threads run in real time; one that calls in ends the simulation."""

    def attempt(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        failed: list[NotSimulatedError] = []

        def call() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except NotSimulatedError as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        raise failed[0]

    assert "from another thread" in refused(attempt)


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

    async def fails_meanwhile(_: Simulation) -> None:
        loop = asyncio.get_running_loop()

        def attempt_at_last(_: object) -> None:
            with suppress(NotSimulatedError):
                loop.run_in_executor(None, print)

        current = asyncio.current_task()
        assert current is not None
        current.add_done_callback(attempt_at_last)
        raise KeyError

    for main in (returns, fails, fails_meanwhile):
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
