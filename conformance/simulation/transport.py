"""One end of a connection, as asyncio's protocols see it: a stream transport whose other end is in memory.

The sender has a credit, at first the size of the receiver's buffer. Bytes cost credit when they are sent, and it comes
back, one latency later, when the receiver's program has taken them. What the credit doesn't cover stays in the write
buffer, whose size makes the transport pause its protocol: this is what `drain()` waits for.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from asyncio import transports
from typing import TYPE_CHECKING, Any, cast

from conformance.simulation.sockets import ConnectedSocket, address

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.simulation.channel import Channel

BETWEEN_SLICES = 1e-6
"""Seconds between the slices of what has arrived: a program gets none before it has done with the one before."""

RECEIVE_BUFFER = 64 * 1024
"""Bytes that may be on their way to a program, or wait for it to read."""


def reset_error() -> ConnectionResetError:
    """Make the error of a connection that the other end, or the network, has reset."""
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


# Of asyncio's private names this one is worth it: the limits, and when a protocol is paused and resumed, are then its
# own and not a second reading of them. All its transports are built on it, since 3.4.
class SimulatedTransport(transports._FlowControlMixin):  # noqa: SLF001
    """An end of a connection in memory.

    It follows asyncio's transport over TCP, and TCP: bytes arrive in order, `close` sends what is buffered and then
    the end of the stream, `abort` resets the connection, and so does writing to an end that is gone or closing with
    bytes unread. A reset is seen at once, also by a protocol that has paused reading.

    In one thing it is harsher: asyncio's `abort` just closes the socket, and the peer may still get what was written,
    and then the end of the stream. Here `abort` is how a program resets a connection, and what is on its way is lost.
    """

    if TYPE_CHECKING:  # of the mixin, and not in its stub

        def _maybe_pause_protocol(self) -> None: ...
        def _maybe_resume_protocol(self) -> None: ...

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outgoing: Channel,
        *,
        on_lost: Callable[[SimulatedTransport], None],
        sockname: tuple[Any, ...],
        peername: tuple[Any, ...],
    ) -> None:
        self._socket = ConnectedSocket(sockname, peername, self._is_readable)
        super().__init__({"sockname": sockname, "peername": peername, "socket": self._socket}, loop)
        self._loop = loop
        self._outgoing = outgoing
        self._on_lost = on_lost
        self._protocol: asyncio.BaseProtocol | None = None
        self.peer: SimulatedTransport
        """The other end. It is there before its program is."""
        self.is_gone = False
        """Whether this end has left the connection: there is nobody to read what still arrives."""
        self._is_closing = False
        self._unsent = bytearray()
        self._credit = RECEIVE_BUFFER
        self._wrote_eof = False
        self._unread = bytearray()
        self._taken = 0
        self._eof_arrived = False
        self._started = False
        self._paused = False
        self._reads_soon = False

    def attach(self, protocol: asyncio.BaseProtocol) -> None:
        """Attach the program of this end; what has arrived so far waits for it."""
        self._protocol = protocol
        self._loop.call_soon(protocol.connection_made, self)
        # As asyncio does: what has arrived is read after the protocol knows its transport.
        self._loop.call_soon(self._start)

    def _start(self) -> None:
        self._started = True
        self._read()

    # What the program asks.

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self._protocol)  # None once the connection is lost, as asyncio has it

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    @override
    def is_closing(self) -> bool:
        return self._is_closing

    @override
    def is_reading(self) -> bool:
        return not (self._is_closing or self._paused)

    @override
    def pause_reading(self) -> None:
        if not self._is_closing:
            self._paused = True

    @override
    def resume_reading(self) -> None:
        if self._paused and not self._is_closing:
            self._paused = False
            self._read_soon()

    @override
    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes, a bytearray or a memoryview, not {type(data).__name__}")
        if self._wrote_eof:
            raise RuntimeError("write() after write_eof()")
        if self.is_gone:
            return
        if data and not self._unsent and len(data) <= self._credit:
            self._spend(bytes(data))
            return
        self._unsent += data
        self._push()
        self._maybe_pause_protocol()

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        if self._is_closing or self._wrote_eof:
            return
        self._wrote_eof = True
        if not self._unsent:
            self._outgoing.send_end(self.peer.receive_eof)

    @override
    def close(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        if not self._unsent:
            self._leave()

    @override
    def abort(self) -> None:
        if not self.is_gone:
            self._outgoing.discard()
            self._outgoing.send(self.peer.receive_reset)
            self.lose(None)

    def describe_backlog(self) -> str:
        """Describe how many bytes can't be sent, and what has become of those before them."""
        me, peer = (address(*self.get_extra_info(name)) for name in ("sockname", "peername"))
        unread = len(self.peer._unread)  # noqa: SLF001 - the other end is of this class
        cause = f"{unread} wait there for the program to read" if unread else "those before them are on the way"
        return f"{me} can't send {len(self._unsent)} bytes to {peer}: {cause}"

    # What arrives from the other end.

    def receive(self, data: bytes) -> None:
        """Take bytes from the network."""
        if self.is_gone:
            self._outgoing.send(self.peer.receive_reset)
            return
        self._unread += data
        if not self._reads_soon:
            self._read()

    def receive_eof(self) -> None:
        """Take the end of the stream from the network."""
        self._eof_arrived = True
        if not self._reads_soon:
            self._read()

    def receive_reset(self) -> None:
        """Take a reset from the network."""
        self.lose(reset_error())

    def receive_credit(self, amount: int) -> None:
        """Learn that the other end's program has taken `amount` bytes."""
        if not self.is_gone:
            self._credit += amount
            self._push()
            self._maybe_resume_protocol()

    # How bytes get from here to there.

    def _push(self) -> None:
        if self._unsent and self._credit:
            data = bytes(self._unsent[: self._credit])
            del self._unsent[: len(data)]
            self._spend(data)
            if not self._unsent:
                self._pushed()

    def _spend(self, data: bytes) -> None:
        self._credit -= len(data)
        self._outgoing.send_bytes(self.peer.receive, data)

    def _pushed(self) -> None:
        if self._wrote_eof:
            self._outgoing.send_end(self.peer.receive_eof)
        if self._is_closing:
            self._leave()

    def _is_readable(self) -> bool:
        return bool(self._unread) or self._eof_arrived

    def _read_soon(self, *, later: float = 0.0) -> None:
        self._reads_soon = True
        if later:
            self._loop.call_later(later, self._read)
        else:
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._reads_soon = False
        if not self._started or not self.is_reading():
            return
        try:
            if self._unread:
                slice_size = self._outgoing.link.conditions.slice
                self._credit_sender(self._hand_over(slice_size))
                if slice_size is not None:
                    self._read_soon(later=BETWEEN_SLICES)
                elif self._unread or self._eof_arrived:
                    self._read_soon()
            elif self._eof_arrived:
                self._eof_arrived = False
                if not cast("asyncio.Protocol", self._protocol).eof_received():
                    self.close()
        except Exception as error:  # noqa: BLE001 - whatever a protocol raises ends its connection, as in asyncio
            self._fail(error)

    def _hand_over(self, slice_size: int | None) -> int:
        protocol = self._protocol
        available = len(self._unread) if slice_size is None else min(slice_size, len(self._unread))
        if isinstance(protocol, asyncio.BufferedProtocol):
            buffer = memoryview(protocol.get_buffer(-1)).cast("B")
            size = min(len(buffer), available)
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:size] = self._unread[:size]
            del self._unread[:size]
            protocol.buffer_updated(size)
            return size
        if available == len(self._unread):
            data = bytes(self._unread)
            self._unread.clear()
        else:
            data = bytes(self._unread[:available])
            del self._unread[:available]
        cast("asyncio.Protocol", protocol).data_received(data)
        return available

    def _credit_sender(self, amount: int) -> None:
        # As TCP, not for each byte: a receiver opens its window again when half of it was taken.
        self._taken += amount
        if self._taken >= RECEIVE_BUFFER // 2 and not self.is_gone:
            self._outgoing.send(self.peer.receive_credit, self._taken)
            self._taken = 0

    # How it ends.

    def _leave(self, error: Exception | None = None) -> None:
        """Close this end, and send no more than that it is closed."""
        if self._unread:
            self._outgoing.send(self.peer.receive_reset)
        elif not self._wrote_eof:
            self._outgoing.send_end(self.peer.receive_eof)
        self.lose(error)

    def _fail(self, error: Exception) -> None:
        context = {
            "message": "Fatal error: a protocol raised while it took what had arrived",
            "exception": error,
            "transport": self,
            "protocol": self._protocol,
        }
        self._loop.call_exception_handler(context)
        if not self.is_gone:
            self._leave(error)

    def lose(self, error: Exception | None) -> None:
        """Leave the connection without a word to the other end; the protocol is called soon, with the reason."""
        if self.is_gone:
            return
        self.is_gone = self._is_closing = True
        self._unsent.clear()
        self._unread.clear()
        self._loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        protocol, self._protocol = self._protocol, None
        self._socket.close()
        try:
            if protocol is not None:
                protocol.connection_lost(error)
        finally:
            self._on_lost(self)
