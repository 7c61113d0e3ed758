"""A link: the way between clients and one address that a server may listen on.

A connection has two channels, one each way, and they share the link with those of the link's other connections. What
is put into a channel comes out at the other end after the latency, in order, whatever happens to the link meanwhile.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.simulation.clock import on_a_tick

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from conformance.simulation.connection import Connection


class Side(enum.Flag):
    """An end of a connection, or both."""

    CLIENT = enum.auto()
    SERVER = enum.auto()
    BOTH = CLIENT | SERVER


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConditions:
    """What a link does to everything that passes it.

    Attributes:
        latency: seconds from one end to the other, each way. A connection takes two of them to make.
    """

    latency: float = 0.005

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latency) and self.latency >= 0):
            raise ValueError(f"latency must be a finite number of seconds from 0 on, not {self.latency!r}")


class Channel:
    """One way of one connection: carries calls to the end it leads to, in order, one latency late.

    A call is what arrives: bytes, the end of the stream, a reset, or a part of the handshake.
    """

    __slots__ = ("_in_transit", "_link", "_loop", "_toward")

    def __init__(self, link: Link, toward: Side) -> None:
        self._link = link
        self._loop = link.loop
        self._toward = toward
        self._in_transit: deque[tuple[float, Callable[..., None], tuple[Any, ...]]] = deque()

    def send(self, deliver: Callable[..., None], *args: Any) -> None:
        """Call `deliver(*args)` at the other end, one latency from now and after all that was sent before."""
        arrival = on_a_tick(self._loop.time() + self._link.conditions.latency)
        self._in_transit.append((arrival, deliver, args))
        self._loop.call_at(arrival, self.flush)

    def flush(self) -> None:
        """Deliver what has arrived by now, unless the link is stalled; what is faster waits for what is before it."""
        while self._in_transit and self._in_transit[0][0] <= self._loop.time() and not self._link.stalls(self._toward):
            _, deliver, args = self._in_transit.popleft()
            deliver(*args)

    def discard(self) -> None:
        """Lose all that is on its way."""
        self._in_transit.clear()


class Link:
    """The way to one address, with what can go wrong on it. `Network.link` gives it.

    `conditions` may be set at any time, and hold for what is sent from then on; what is on its way isn't overtaken.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, address: tuple[str, int], conditions: LinkConditions) -> None:
        self.loop = loop
        self.address = address
        self.conditions = conditions
        self.refuses = False
        """Whether nobody seems to listen: see `refuse`."""
        self.connections: dict[Connection, None] = {}
        """Those that at least one end holds open or is making, oldest first."""
        self._stalled = Side(0)

    @property
    def is_stalled(self) -> bool:
        """Whether nothing arrives at one side at least."""
        return bool(self._stalled)

    def stalls(self, toward: Side) -> bool:
        """Tell whether nothing arrives at the side `toward`."""
        return toward in self._stalled

    def stall(self, *, toward: Side = Side.BOTH) -> None:
        """Let nothing arrive at the side `toward` and nothing close, until `release`.

        What is on its way is kept, and so is what is sent meanwhile; new connections are neither made nor refused.
        """
        self._stalled |= toward

    def release(self, *, toward: Side = Side.BOTH) -> None:
        """End a stall: what should have arrived by now arrives now, in order, and older connections come first."""
        self._stalled &= ~toward
        for connection in self.connections:
            for channel in connection.channels:
                self.loop.call_soon(channel.flush)

    def reset(self, *, seen_by: Side = Side.BOTH) -> int:
        """Reset each connection of the link, also while it stalls; return how many there were.

        Each end in `seen_by` sees `ConnectionResetError`, and what was on its way there is lost. An end that doesn't
        see it learns on its next write, one round trip later, and what was on its way there arrives: the one end
        can't know what the other got.
        """
        connections = tuple(self.connections)
        for connection in connections:
            connection.reset(seen_by)
        return len(connections)

    def refuse(self) -> None:
        """Answer new connections with `ConnectionRefusedError`, as if nobody listened; open ones aren't touched."""
        self.refuses = True

    def accept(self) -> None:
        """End `refuse`."""
        self.refuses = False
