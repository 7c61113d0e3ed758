"""Patches what isn't the loop's: Python's clocks, threads, processes and plain sockets.

While a simulation runs, the clocks tell its time, and what would leave it is refused. time-machine sees to the wall
clock, in C, so that it doesn't matter how a program got hold of `time.time` or `datetime.now`. It leaves
`time.monotonic` alone, which asyncio needs elsewhere; that one and what is refused are replaced here, and look at who
asks: code that a simulated loop runs gets the simulation's answer, and other threads the real one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any

import time_machine

from conformance.simulation.unsupported import RealWorldLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.simulation.clock import VirtualClock

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When each simulation begins, by the wall clock. It is the same in each, so that dates in a history are, too."""

ZONE = "SIM-05:45"
"""The local time zone, 5:45 ahead of UTC (POSIX counts the other way), so that whoever confuses the two is found out.

It is spelled out since not every machine knows zones by their names.
"""

REFUSED = (
    (threading.Thread, "start", "running a thread"),
    (subprocess.Popen, "__init__", "starting a process"),
    (socket.socket, "connect", "connecting a real socket"),
    (socket.socket, "connect_ex", "connecting a real socket"),
    (socket.socket, "bind", "binding a real socket"),
    (socket.socket, "sendto", "sending datagrams"),
    (socket, "getaddrinfo", "looking up an address"),
)
"""What a program could call past the loop: whose it is, its name, and what a program does that calls it."""

_one_at_a_time = threading.Lock()


@contextmanager
def simulated_surroundings(clock: VirtualClock) -> Iterator[None]:
    """Let Python's clocks follow `clock`, and refuse what isn't simulated, for the time of the context.

    The wall clock is one for the whole process: other threads see the simulation's meanwhile, and a simulation in
    another thread waits for the end of this one.
    """
    with _one_at_a_time, ExitStack() as stack:
        traveler = stack.enter_context(time_machine.travel(EPOCH, tick=False))
        clock.on_advance = traveler.shift
        stack.enter_context(_local_zone())
        for function, stand_in in _MONOTONIC.items():
            stack.enter_context(_replaced(time, function.__name__, stand_in))
        stack.enter_context(_replaced_where_imported())
        for owner, name, what in REFUSED:
            refusal = _refusal(getattr(owner, name), f"{what} ({owner.__name__}.{name})")
            stack.enter_context(_replaced(owner, name, refusal))
        yield


# The clocks.


@contextmanager
def _local_zone() -> Iterator[None]:
    if not hasattr(time, "tzset"):  # Windows, where a process has no zone of its own
        yield
        return
    before = os.environ.get("TZ")
    os.environ["TZ"] = ZONE
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def _simulated_loop() -> RealWorldLoop | None:
    # The cheap one of the two functions that tell, and public for whoever makes loops.
    loop = asyncio._get_running_loop()  # noqa: SLF001 - listed in asyncio's __all__ in spite of its name
    return loop if isinstance(loop, RealWorldLoop) else None


def _monotonic(real: Callable[[], float] = time.monotonic) -> float:
    loop = _simulated_loop()
    return real() if loop is None else loop.time()


def _monotonic_ns(real: Callable[[], int] = time.monotonic_ns) -> int:
    loop = _simulated_loop()
    return real() if loop is None else round(loop.time() * 1_000_000_000)


_MONOTONIC: dict[Callable[[], Any], Callable[[], Any]] = {
    time.monotonic: _monotonic,
    time.monotonic_ns: _monotonic_ns,
}

_looked_through: set[str] = set()
_imported: list[tuple[dict[str, Any], str, Callable[[], Any]]] = []


@contextmanager
def _replaced_where_imported() -> Iterator[None]:
    """Replace what modules have by `from time import monotonic`, aiohttp's pool of connections for one.

    Not those of the standard library: `threading` and `queue` wait by it, in real time, also in a simulation.
    """
    _look_through_new_modules()
    with ExitStack() as stack:
        for namespace, name, real in _imported:
            if namespace.get(name) is real:
                namespace[name] = _MONOTONIC[real]
                stack.callback(namespace.__setitem__, name, real)
        yield


def _look_through_new_modules() -> None:
    for module_name in sys.modules.keys() - _looked_through:
        _looked_through.add(module_name)
        module = sys.modules.get(module_name)
        if isinstance(module, ModuleType) and module_name.partition(".")[0] not in sys.stdlib_module_names:
            try:
                namespace = object.__getattribute__(module, "__dict__")  # what imports lazily isn't to be woken
            except AttributeError:
                continue  # a library of C, which cffi shows as a module
            _imported.extend(
                (namespace, name, real)
                for name, value in tuple(namespace.items())
                for real in _MONOTONIC
                if value is real
            )


# What is refused.


def _refusal(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        loop = _simulated_loop()
        if loop is not None:
            raise loop.not_simulated(what)
        return function(*args, **options)

    return refuse


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    is_own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)  # it is inherited
