"""One connection of the server: its number, how it is reset, and the news that it was lost."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from fake_backend._typing import override
from fake_backend.records import BreakCause

KEEPALIVE_TIMEOUT: Final = 75.0
"""For how many seconds an idle connection is kept, so that senders close theirs first."""

LINGERING_TIME: Final = 5.0
"""For how many seconds the rest of a body is read and thrown away after an early answer. Closing at once, with bytes
unread, would reset the connection and could take the answer away from the client before it has read it."""

READ_BUFFER: Final = 2**16
"""aiohttp stops reading from a socket when twice this is buffered for a body that nobody reads."""

_LINGER_NOT_AT_ALL: Final = struct.pack("ii", 1, 0)


class Connection(web.RequestHandler):
    """An aiohttp connection that can be reset, and that tells when it is lost.

    aiohttp leaves the handler of a request alone when its client goes away, which is what we want: the faults decide
    what then happens. `lost` is done once the connection is gone for whatever reason, `cut` once the backend itself
    ended it to go down. `on_end` is called, before either, with the cause.

    The limit of it: TCP tells of a client that went away only after all that it sent before was read. Behind a body
    that isn't read, and that is larger than the buffers, nobody can see it leave.
    """

    def __init__(self, server: web.Server, *, number: int, is_welcome: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to turn it off, missing in its types
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            lingering_time=LINGERING_TIME,
            read_bufsize=READ_BUFFER,
            # A body is judged as it came; besides, aiohttp decompresses large ones in threads.
            auto_decompress=False,
            tcp_keepalive=False,
        )
        self.number = number
        self.lost: asyncio.Future[None] = loop.create_future()
        self.cut: asyncio.Future[None] = loop.create_future()
        self.on_end: Callable[[BreakCause], None] | None = None
        self._is_welcome = is_welcome

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; aiohttp then waits for requests."""
        super().connection_made(transport)
        if not self._is_welcome():
            # It was accepted in the very moment in which the backend stopped to listen.
            self.reset()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that the connection is gone, reset or closed, by either side."""
        super().connection_lost(exc)
        self._end("client-disconnected")
        self.lost.set_result(None)

    def go_down(self) -> None:
        """End the connection, and what goes on over it, because the backend goes down; a second call does nothing."""
        if self.cut.done():
            return
        self._end("shutdown")
        self.cut.set_result(None)
        self.reset()

    def reset(self) -> None:
        """Reset the connection: unsent bytes are dropped and the client sees a reset, not an end."""
        transport = self.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # Without lingering, close() sends RST in the place of FIN. Simulated transports have no socket, and
            # theirs is reset by abort() alone.
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
        transport.abort()

    def _end(self, cause: BreakCause) -> None:
        if self.on_end is not None:
            self.on_end(cause)
