"""The simulated network: names, addresses, who listens where, and the links."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import zlib
from typing import TYPE_CHECKING

from conformance.simulation.connection import Connection
from conformance.simulation.link import Link, Side
from conformance.simulation.server import SimulatedServer
from conformance.simulation.sockets import address

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from conformance.simulation.conditions import LinkConditions
    from conformance.simulation.errors import NotSimulatedError
    from conformance.simulation.transport import SimulatedTransport

EVERYWHERE = "0.0.0.0"  # noqa: S104 - no interface of this machine is bound
"""The host of a server that listens on every address."""

_FIRST_PORT = 49_152
"""Ports from here on are given out, to servers on port 0 and to clients: IANA's dynamic ones."""

_SIDES = {Side.CLIENT: "its clients", Side.SERVER: "the server", Side.BOTH: "both sides"}


class Network:
    """All that can be reached in a simulation, and how well.

    Hosts are `localhost`, the loopback addresses, and those of `add_host`. A link belongs to the address that clients
    connect to, and has the network's `conditions` until it gets its own.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        conditions: LinkConditions,
        not_simulated: Callable[[str], NotSimulatedError],
        seed: int | str,
    ) -> None:
        self.loop = loop
        self.listeners: dict[tuple[str, int], SimulatedServer] = {}
        """Who listens where; servers put themselves in."""
        self._conditions = conditions
        self._not_simulated = not_simulated
        self._seed = seed
        self._hosts: dict[str, str] = {"localhost": "127.0.0.1"}
        self._links: dict[tuple[str, int], Link] = {}
        self._ports = itertools.cycle(range(_FIRST_PORT, 1 << 16))

    # What a test does to it.

    def add_host(self, name: str) -> str:
        """Make a host of that name, and return its address; servers can listen there, and clients reach it."""
        return self._hosts.setdefault(name, f"10.0.0.{len(self._hosts)}")

    def link(self, host: str, port: int) -> Link:
        """Return the link from clients to `host`, a name or an address, and `port`; nobody needs to listen there."""
        return self._link((self.resolve(host), port))

    @property
    def links(self) -> tuple[Link, ...]:
        """The links so far: each that was asked for or connected over, oldest first."""
        return tuple(self._links.values())

    def reset_all(self, *, seen_by: Side = Side.BOTH) -> int:
        """Reset each connection, as `Link.reset` does; return how many there were."""
        return sum(link.reset(seen_by=seen_by) for link in self.links)

    # What the loop asks of it.

    def resolve(self, host: str) -> str:
        """Return the address of `host`; raises `NotSimulatedError` for one that only the real world could know."""
        if host in self._hosts:
            return self._hosts[host]
        if host in self._hosts.values():
            return host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise self._not_simulated(f"looking up the host {host!r}") from None
        if not address.is_loopback:
            raise self._not_simulated(f"reaching the host {host!r}")
        return str(address)

    async def connect(self, host: str, port: int) -> SimulatedTransport:
        """Connect to `host`, and return the client's end, which has no program yet: see `Connection.establish`."""
        link = self._link((self.resolve(host), port))
        return await Connection(link, next(self._ports), lambda: self._listener(link.address)).establish()

    def listen(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], hosts: list[str], port: int
    ) -> SimulatedServer:
        """Make a server on each of `hosts`, which doesn't serve yet.

        Port 0 is the next one that is free, the same for all hosts. Raises `OSError` with `EADDRINUSE` if another
        server has one of the addresses.
        """
        addresses = [host if host == EVERYWHERE else self.resolve(host) for host in hosts]
        if not port:
            port = next(free for free in self._ports if not any(self._is_used(host, free) for host in addresses))
        for host in addresses:
            if self._is_used(host, port):
                raise OSError(errno.EADDRINUSE, f"the address {(host, port)} is already in use")
        return SimulatedServer(self.loop, self.listeners, [(host, port) for host in addresses], protocol_factory)

    def shut_down(self) -> None:
        """Close the servers and take the connections away, at the end of the simulation."""
        for server in tuple(self.listeners.values()):
            server.close()
        for link in self.links:
            for connection in tuple(link.connections):
                connection.abandon()

    def describe_troubles(self) -> Iterator[str]:
        """Describe which ends can't send, and which links stall or refuse: a line each, by link, oldest first."""
        for link in self.links:
            for connection in link.connections:
                for backlog in connection.describe_backlogs():
                    yield f"  {backlog}"
            if link.is_stalled:
                yield f"  the link to {address(*link.address)} is stalled toward {_SIDES[link.stalled]}"
            if link.refuses:
                yield f"  the link to {address(*link.address)} refuses connections"

    def _link(self, address: tuple[str, int]) -> Link:
        if address not in self._links:
            # Dice of its own, so that what passes one link changes nothing on another.
            dice = zlib.crc32(f"jitter of {address} by {self._seed}".encode())
            self._links[address] = Link(self.loop, address, self._conditions, dice)
        return self._links[address]

    def _listener(self, address: tuple[str, int]) -> SimulatedServer | None:
        server = self.listeners.get(address) or self.listeners.get((EVERYWHERE, address[1]))
        return server if server is not None and server.is_serving() else None

    def _is_used(self, host: str, port: int) -> bool:
        return any(
            used_port == port and (host in (used_host, EVERYWHERE) or used_host == EVERYWHERE)
            for used_host, used_port in self.listeners
        )
