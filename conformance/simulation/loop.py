"""The event loop: asyncio's own, with a clock that doesn't tick and a network that isn't there."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
import threading
from random import Random
from typing import TYPE_CHECKING, Any, TypeVarTuple

from conformance.simulation import diagnostics
from conformance.simulation.clock import HALF_A_TICK, TICK, Instant, VirtualClock, on_a_tick
from conformance.simulation.errors import NotSimulatedError
from conformance.simulation.network import EVERYWHERE, Network
from conformance.simulation.selector import VirtualSelector
from conformance.simulation.sockets import socket_address
from conformance.simulation.tasks import TaskFactory
from conformance.simulation.transport import reset_error
from conformance.simulation.unsupported import RealWorldLoop

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextvars import Context

    from conformance.simulation.conditions import LinkConditions
    from conformance.simulation.server import SimulatedServer
    from conformance.simulation.transport import SimulatedTransport

Ts = TypeVarTuple("Ts")


def _shuffled_orders(seed: int | str) -> Iterator[int]:
    dice = Random(f"order of timers by {seed}")  # noqa: S311 - that it repeats is the point
    while True:
        yield dice.getrandbits(64)


class SimulatedLoop(RealWorldLoop):
    """Runs an asyncio program in virtual time, on a network in memory.

    Time moves when nothing is ready, and then to the next timer; timers of one instant run in the order in which they
    were set, or in one that `seed` decides if they are to be shuffled. So the order of all that happens follows from
    the program and the seed alone. What a program brings in from elsewhere (an unseeded `random`, the order of a set of
    objects that aren't tasks) is its own.
    """

    def __init__(
        self, conditions: LinkConditions, *, seed: int | str, shuffle: bool, max_time: float, max_iterations: int
    ) -> None:
        self._clock = VirtualClock()
        self._orders = _shuffled_orders(seed) if shuffle else itertools.count()
        self._thread = threading.get_ident()
        self._connected: dict[int, SimulatedTransport] = {}
        self.network = Network(self, conditions, self.not_simulated, seed)
        self.selector = VirtualSelector(
            self._clock, max_time=max_time, max_iterations=max_iterations, describe=self.describe
        )
        super().__init__(self.selector)
        # asyncio runs a timer early by up to the resolution of the real clock; here that would be a tick.
        self._clock_resolution = HALF_A_TICK
        self.set_task_factory(TaskFactory())

    def describe(self) -> str:
        """Describe what each task waits for, what is held up on the network, and which links stall."""
        return "\n".join(filter(None, [diagnostics.draw(self), *self.network.describe_troubles()]))

    @override
    def not_simulated(self, what: str) -> NotSimulatedError:
        error = NotSimulatedError(f"{what} is not simulated; run this program in the real world instead (--real)")
        self.selector.failure = self.selector.failure or error
        return error

    # Time.

    @override
    def time(self) -> float:
        return self._clock.now

    @override
    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        due = on_a_tick(when)
        if due <= self._clock.now < when:
            # It was due less than a tick ago, by rounding, and whoever asked finds that it is too early still.
            due = on_a_tick(self._clock.now + TICK)
        return super().call_at(Instant(due, next(self._orders)), callback, *args, context=context)

    # Waking up. A loop that never waits needs no pipe to wake it; the three names are asyncio's, for its subclasses.

    def _make_self_pipe(self) -> None:
        pass

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    @override
    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise self.not_simulated("a call from another thread (loop.call_soon_threadsafe)")
        return super().call_soon_threadsafe(callback, *args, context=context)

    # The network.

    @override
    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        address = self.network.resolve(name or "localhost")
        version = socket.AF_INET6 if ":" in address else socket.AF_INET
        if family not in (socket.AF_UNSPEC, version):
            raise socket.gaierror(socket.EAI_NONAME, f"{name!r} has no address of the family {family}")
        sockaddr = socket_address(address, int(port or 0))
        return [(version, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr)]

    # aiohttp connects in two steps, as happy eyeballs have it: it connects a real socket, and then makes a transport
    # of it. Of that socket the simulation uses the number, and closes it unconnected.

    @override
    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        host, port, *_ = address
        left_over = self._connected.pop(sock.fileno(), None)
        if left_over is not None:
            left_over.abort()
        self._connected[sock.fileno()] = await self.network.connect(host, port)

    # mypy compares overrides with every overload of the original, of which we take what makes sense here.
    @override
    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: object = None,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        **_options: object,
    ) -> tuple[SimulatedTransport, asyncio.BaseProtocol]:
        if ssl:
            raise self.not_simulated("TLS (loop.create_connection with ssl)")
        if local_addr is not None:
            raise self.not_simulated("choosing the local address (loop.create_connection with local_addr)")
        if sock is None:
            transport = await self.network.connect(host or "localhost", port or 0)
        else:
            transport = self._take_over(sock)
        if transport.is_gone:
            raise reset_error()
        protocol = protocol_factory()
        transport.attach(protocol)
        try:
            # As asyncio's: whoever gets the pair can rely on `connection_made` to have been called.
            await asyncio.sleep(0)
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def _take_over(self, sock: socket.socket) -> SimulatedTransport:
        transport = self._connected.pop(sock.fileno(), None)
        if transport is None:
            raise self.not_simulated("a socket that wasn't connected by the loop (loop.create_connection with sock)")
        sock.close()
        return transport

    @override
    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        sock: socket.socket | None = None,
        ssl: object = None,
        start_serving: bool = True,
        **_options: object,
    ) -> SimulatedServer:
        if ssl:
            raise self.not_simulated("TLS (loop.create_server with ssl)")
        if sock is not None:
            raise self.not_simulated("serving on a real socket (loop.create_server with sock)")
        hosts = [host] if host is None or isinstance(host, str) else list(host)
        server = self.network.listen(
            protocol_factory, [EVERYWHERE if name in {None, "", "::"} else name for name in hosts], port or 0
        )
        if start_serving:
            await server.start_serving()
        return server
