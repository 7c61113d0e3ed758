"""A server: what `loop.create_server` returns."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from conformance.simulation.sockets import ListeningSocket, socket_address

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.simulation.transport import SimulatedTransport


class SimulatedServer(asyncio.AbstractServer):
    """Listens on addresses of the simulated network, as asyncio's `Server` does on real ones.

    It puts itself into `listeners`, where the network finds it, and takes itself out when it is closed.

    `wait_closed` waits until the server is closed and its connections are gone, on all versions of Python; asyncio's
    has done so since 3.12.1.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: dict[tuple[str, int], SimulatedServer],
        addresses: list[tuple[str, int]],
        protocol_factory: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        self._loop = loop
        self._listeners = listeners
        self._protocol_factory = protocol_factory
        self._addresses = addresses
        self._serves = False
        self._is_closed = False
        self._connections: dict[SimulatedTransport, None] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._serving_forever: asyncio.Future[None] | None = None
        for address in addresses:
            listeners[address] = self

    @property
    def sockets(self) -> tuple[ListeningSocket, ...]:
        """Where the server listens; nowhere once it is closed."""
        return (
            () if self._is_closed else tuple(ListeningSocket(socket_address(*address)) for address in self._addresses)
        )

    @override
    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    @override
    def is_serving(self) -> bool:
        return self._serves

    @override
    async def start_serving(self) -> None:
        self._check_open()
        self._serves = True

    @override
    async def serve_forever(self) -> None:
        if self._serving_forever is not None:
            raise RuntimeError("serve_forever() is already being awaited")
        await self.start_serving()
        self._serving_forever = self._loop.create_future()
        try:
            await self._serving_forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._serving_forever = None

    @override
    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._serves = False
        for address in self._addresses:
            del self._listeners[address]
        if self._serving_forever is not None:
            self._serving_forever.cancel()
        self._wake()

    # These two override something from Python 3.13 on, so that they can't be marked as doing so.
    def close_clients(self) -> None:
        """Close the connections the server has accepted."""
        for transport in tuple(self._connections):
            transport.close()

    def abort_clients(self) -> None:
        """Reset the connections the server has accepted."""
        for transport in tuple(self._connections):
            transport.abort()

    @override
    async def wait_closed(self) -> None:
        if not (self._is_closed and not self._connections):
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def accept(self, transport: SimulatedTransport) -> None:
        """Take a new connection, whose client knows already that it is connected."""
        self._connections[transport] = None
        transport.attach(self._protocol_factory())

    def part_with(self, transport: SimulatedTransport) -> None:
        """Forget a connection that is lost."""
        self._connections.pop(transport, None)
        self._wake()

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("the server is closed")

    def _wake(self) -> None:
        if self._is_closed and not self._connections:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
