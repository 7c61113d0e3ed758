"""A link: the way between clients and one address that a server may listen on.

A connection has two channels, one each way, and they share the link with those of the link's other connections. What
is put into a channel comes out at the other end after the latency, in order, whatever happens to the link meanwhile.
"""

from __future__ import annotations

import enum
import zlib
from typing import TYPE_CHECKING, Protocol

from conformance.simulation.pipe import Pipe

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from conformance.simulation.conditions import LinkConditions

_CRC_END = 1 << 32


class Side(enum.Flag):
    """An end of a connection, or both."""

    CLIENT = enum.auto()
    SERVER = enum.auto()
    BOTH = CLIENT | SERVER


class LinkConnection(Protocol):
    """A connection, as far as its link knows it: what can happen to it on the way."""

    def flush_soon(self) -> None:
        """Deliver what has arrived by now, when the loop comes to it."""

    def reset(self, seen_by: Side, /) -> None:
        """See `Link.reset`."""

    def half_close(self, seen_by: Side, /) -> bool:
        """Do as `Link.half_close`, and return whether there was a stream to end."""

    def abandon(self) -> None:
        """Take both ends away, without either sending a word."""

    def describe_backlogs(self) -> Iterator[str]:
        """Describe each end that can't send."""


class Link:
    """The way to one address, with what can go wrong on it. `Network.link` returns it.

    `conditions` may be set at any time. Latency and jitter then hold for what is sent from then on, and nothing
    overtakes what is on its way; bandwidth and slice hold at once. Jitter is drawn from `dice`
    and the time of departure.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, address: tuple[str, int], conditions: LinkConditions, dice: int
    ) -> None:
        self.loop = loop
        self.address = address
        self.refuses = False
        """Whether nobody seems to listen: see `refuse`."""
        self.connections: dict[LinkConnection, None] = {}
        """Those that at least one end holds open or is making, oldest first."""
        self._conditions = conditions
        self._dice = dice
        self._pipes = {side: Pipe(loop, conditions.bandwidth) for side in (Side.CLIENT, Side.SERVER)}

    @property
    def conditions(self) -> LinkConditions:
        """What the link does to everything that passes it."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: LinkConditions) -> None:
        self._conditions = conditions
        for pipe in self._pipes.values():
            pipe.set_bandwidth(conditions.bandwidth)

    # What its channels ask.

    def pipe(self, toward: Side) -> Pipe:
        """Return what limits the bandwidth to the side `toward`."""
        return self._pipes[toward]

    def delay(self) -> float:
        """Draw the seconds from one end to the other, for something that leaves now."""
        conditions = self._conditions
        if conditions.jitter:
            # By the time alone: how many chunks a program writes differs between releases of asyncio.
            drawn = zlib.crc32(repr(self.loop.time()).encode(), self._dice) / _CRC_END
            return conditions.latency + conditions.jitter * drawn
        return conditions.latency

    # What a test does to it.

    @property
    def stalled(self) -> Side:
        """The sides at which nothing arrives: see `stall`."""
        stalled = Side(0)
        for side, pipe in self._pipes.items():
            stalled |= side if pipe.is_stalled else Side(0)
        return stalled

    @property
    def is_stalled(self) -> bool:
        """Whether nothing arrives at one side at least."""
        return bool(self.stalled)

    def stall(self, *, toward: Side = Side.BOTH) -> None:
        """Let nothing arrive at the side `toward` and nothing close, until `release`.

        What is on its way is kept, and so is what is sent meanwhile; new connections are neither made nor refused.
        """
        self._stall(toward, stalls=True)

    def release(self, *, toward: Side = Side.BOTH) -> None:
        """End a stall: what should have arrived by now arrives now, in order, and older connections come first."""
        self._stall(toward, stalls=False)
        for connection in self.connections:
            connection.flush_soon()

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

    def half_close(self, *, seen_by: Side) -> int:
        """End the streams toward the ends in `seen_by`, as if the other ends had; return of how many connections.

        What is on its way arrives, and then the end of the stream, where the program sees what it would of a peer that
        called `write_eof`. The other direction goes on. The program at the other end doesn't know: what it still writes
        is lost without a word, and it is held up as by a peer that doesn't read. A connection that the server hasn't
        got yet isn't touched.
        """
        return sum(connection.half_close(seen_by) for connection in tuple(self.connections))

    def refuse(self) -> None:
        """Answer new connections with `ConnectionRefusedError`, as if nobody listened; open ones aren't touched."""
        self.refuses = True

    def accept(self) -> None:
        """End `refuse`."""
        self.refuses = False

    def go_down(self, *, unreachable: bool = False) -> int:
        """Take away what is at the other end, until `come_up`; return how many connections this has reset.

        A server that died: connections are reset, seen by both sides, and new ones refused. A host that is
        `unreachable`: nobody says so. Nothing arrives, nothing closes, an attempt to connect gets no answer, and only
        timeouts end the wait; no connection is reset, and afterwards all goes on, as with `stall`.
        """
        if unreachable:
            self.stall()
            return 0
        self.refuse()
        return self.reset()

    def come_up(self) -> None:
        """End `go_down` of either kind, and with it `refuse` and `stall`."""
        self.accept()
        self.release()

    def _stall(self, toward: Side, *, stalls: bool) -> None:
        for side, pipe in self._pipes.items():
            if side in toward:
                pipe.is_stalled = stalls
