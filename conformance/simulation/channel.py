"""A channel: one way of one connection."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from conformance.simulation.clock import on_a_tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.simulation.link import Link, Side

SEGMENT = 16 * 1024
"""Bytes at most that a bandwidth is spent on at a time: so little that credit keeps the sender going."""


_APART = 1e-6
"""Seconds between what arrives late, all of it when a stall ends."""


class Channel:
    """Carries calls to the end `toward` which it leads, in order, as fast as the conditions of its link allow.

    A call is what arrives: bytes, the end of the stream, a reset, credit for what was read, or a part of the handshake.
    """

    __slots__ = ("_has_ended", "_in_transit", "_loop", "_pipe", "link", "toward")

    def __init__(self, link: Link, toward: Side) -> None:
        self.link = link
        self.toward = toward
        self._loop = link.loop
        self._pipe = link.pipe(toward)
        self._in_transit: deque[tuple[float, Callable[..., None], tuple[Any, ...]]] = deque()
        self._has_ended = False

    def send(self, deliver: Callable[..., None], *args: Any) -> None:
        """Call `deliver(*args)` at the other end, one latency from now and after all that was sent before."""
        if self._pipe.is_clear:
            self.depart(deliver, args)
        else:
            self._pipe.put(self, 0, deliver, args)

    def send_bytes(self, deliver: Callable[[bytes], None], data: bytes) -> None:
        """Call `deliver` at the other end with `data`, or with parts of it if the link spreads them over time.

        After `send_end` bytes are lost without a word.
        """
        if self._has_ended:
            return
        if self._pipe.is_clear and not self.link.conditions.jitter:
            self.depart(deliver, (data,))
            return
        size = self.link.conditions.slice or len(data)
        if self.link.conditions.bandwidth is not None:
            size = min(size, SEGMENT)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._pipe.put(self, len(piece), deliver, (piece,))

    def send_end(self, deliver: Callable[[], None]) -> None:
        """Call `deliver` at the other end as the end of the stream, once."""
        if not self._has_ended:
            self._has_ended = True
            self.send(deliver)

    def depart(self, deliver: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Start on the way, with nothing left to send before: for the channel itself and its pipe."""
        arrives = on_a_tick(self._loop.time() + self.link.delay())
        in_transit = self._in_transit
        # What comes no later than what is before it arrives together with that, and needs no timer of its own.
        if not in_transit or in_transit[-1][0] < arrives:
            self._loop.call_at(arrives, self.flush)
            in_transit.append((arrives, deliver, args))
        else:
            in_transit.append((in_transit[-1][0], deliver, args))

    def flush(self) -> None:
        """Deliver what has arrived by now, unless the link is stalled; what is faster waits for what is before it.

        What a stall has kept from arriving at different times still doesn't arrive at the same one.
        """
        in_transit, now = self._in_transit, self._loop.time()
        arrived = in_transit[0][0] if in_transit else now
        while in_transit and in_transit[0][0] == arrived <= now and not self._pipe.is_stalled:
            _, deliver, args = in_transit.popleft()
            deliver(*args)
        if in_transit and in_transit[0][0] <= now and not self._pipe.is_stalled:
            self._loop.call_at(now + _APART, self.flush)

    def discard(self) -> None:
        """Lose all that is on its way, or waits to be sent."""
        self._in_transit.clear()
        self._pipe.forget(self)
