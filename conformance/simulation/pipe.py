"""A pipe: what a bandwidth makes of one way of a link."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Source(Protocol):
    """Whatever puts chunks into a pipe, and lets them depart once they are sent."""

    def depart(self, deliver: Callable[..., None], args: tuple[Any, ...], /) -> None:
        """Start on the way with a call that the pipe has sent."""


@dataclass(slots=True)
class _Chunk:
    source: Source
    left: float
    """Bytes that haven't been sent; what isn't bytes has none, and only waits for its turn."""
    deliver: Callable[..., None]
    args: tuple[Any, ...]


class Pipe:
    """Sends the chunks of all connections of a link one way, one after the other, at `bandwidth` bytes a second.

    A new bandwidth holds from now on, also for what waits and for the rest of the chunk that is being sent.
    """

    __slots__ = ("_bandwidth", "_began", "_loop", "_queue", "_timer", "is_clear", "is_stalled")

    def __init__(self, loop: asyncio.AbstractEventLoop, bandwidth: float | None) -> None:
        self._loop = loop
        self._bandwidth = bandwidth
        self._queue: deque[_Chunk] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self.is_clear = bandwidth is None
        """Whether there is neither a limit nor anything that waits, so that the pipe can be passed by."""
        self.is_stalled = False
        """Whether nothing arrives at its end: see `Link.stall`."""

    def put(self, source: Source, size: int, deliver: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Let `source` depart with a call once its `size` bytes have been sent, and all that waits before them."""
        self._queue.append(_Chunk(source, size, deliver, args))
        if self._timer is None:
            self._send()

    def set_bandwidth(self, bandwidth: float | None) -> None:
        """Go on at another pace."""
        self._interrupt()
        self._bandwidth = bandwidth
        self.is_clear = False
        self._send()

    def forget(self, source: Source) -> None:
        """Take back what `source` has put in and isn't sent; what is behind it moves up."""
        if any(chunk.source is source for chunk in self._queue):
            self._interrupt()
            self._queue = deque(chunk for chunk in self._queue if chunk.source is not source)
            self._send()

    def _send(self) -> None:
        while self._queue:
            chunk = self._queue[0]
            if self._bandwidth is not None and chunk.left > 0:
                self._began = self._loop.time()
                self._timer = self._loop.call_later(chunk.left / self._bandwidth, self._sent)
                return
            self._queue.popleft()
            chunk.source.depart(chunk.deliver, chunk.args)
        self.is_clear = self._bandwidth is None

    def _sent(self) -> None:
        self._timer = None
        self._queue[0].left = 0
        self._send()

    def _interrupt(self) -> None:
        if self._timer is not None and self._bandwidth is not None:
            self._timer.cancel()
            self._timer = None
            self._queue[0].left -= (self._loop.time() - self._began) * self._bandwidth
