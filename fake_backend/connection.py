"""One connection of the server: its number, how it is reset, and the news that it was lost."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from aiohttp import StreamReader, hdrs, web
from aiohttp.http import HttpProcessingError, HttpVersion11
from aiohttp.http_exceptions import BadHttpMessage

from fake_backend._typing import override
from fake_backend.idleness import IdleWatch
from fake_backend.protocol import answers
from fake_backend.records import BreakCause

KEEPALIVE_TIMEOUT: Final = 75.0
"""For how many seconds an idle connection is kept, so that senders close theirs first. The head of the first request
has as long to arrive. A body may take its time: a sender that streams has its window open for minutes."""

LINGERING_TIME: Final = 5.0
"""For how many seconds the rest of a body is read and thrown away after an early answer, or after the connection was
closed in its midst. Closing at once, with bytes unread, would reset the connection, and could take the answer away from
the client before it has read it."""

READ_BUFFER: Final = 2**16
"""aiohttp stops reading from a socket when twice this is buffered for a body that nobody reads."""

MOST_AROUND_A_BODY: Final = 2**17
"""How many bytes of framing (sizes, extensions and trailers of chunks) may come in a row without any of the body."""

BROKEN_OFF: Final = (web.RequestPayloadError, HttpProcessingError, OSError, RuntimeError)
"""What aiohttp raises for a body that broke off. RuntimeError is how it refuses to wait on a connection that was lost
before the handler began."""

_log = logging.getLogger("sendproof.fake_backend")

_LINGER_NOT_AT_ALL: Final = struct.pack("ii", 1, 0)


class _StrictParser:
    """aiohttp's parser of requests, as strict in each version as in the newest.

    Before 3.14.4 a URL that is none ends in an error of Python, which no client hears of; before 3.14 a request without
    a host is taken.
    """

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> Any:
        """Parse what arrived."""
        try:
            messages, upgraded, tail = self._parser.feed_data(data)
            for message, _ in messages:
                _ = message.url.host  # before it is asked for, nobody looks at its port
        except ValueError as error:
            raise BadHttpMessage(str(error)) from error
        for message, _ in messages:
            if message.version == HttpVersion11 and hdrs.HOST not in message.headers:
                raise BadHttpMessage("Missing 'Host' header in request.")
        return messages, upgraded, tail


class Connection(web.RequestHandler):
    """An aiohttp connection that can be reset, and that tells when it is lost.

    aiohttp leaves the handler of a request alone when its client goes away, which is what we want: the faults decide
    what then happens. `lost` is done once the connection is gone for whatever reason, `cut` once the backend itself
    ended it to go down. `on_end` is called, before either, with the cause. Where `on_reuse` is set, the connection is
    reset when the first byte of another request arrives, and `on_reuse` called. `unread` is the body of which the rest
    is thrown away after an early answer. `body` is that of the latest request, to be read by `read`. `idleness` watches
    for bytes that move. `is_busy` is True while a request is handled, and `is_ending` from when the connection is to
    end with its request.

    The limit of it: TCP tells of a client that went away only after all that it sent before was read. Behind a body
    that isn't read, and that is larger than the buffers, nobody can see it leave.
    """

    def __init__(self, server: web.Server, *, number: int, is_welcome: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            logger=_log,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to turn it off, missing in its types
            keepalive_timeout=KEEPALIVE_TIMEOUT,
            lingering_time=LINGERING_TIME,
            read_bufsize=READ_BUFFER,
            # A body is judged as it came; besides, aiohttp decompresses large ones in threads.
            auto_decompress=False,
            tcp_keepalive=False,
        )
        for name in ("_request_parser", "_parser"):  # as it was called until 3.13, and is since 3.14
            if hasattr(self, name):
                setattr(self, name, _StrictParser(getattr(self, name)))
        self.number = number
        self.lost: asyncio.Future[None] = loop.create_future()
        self.cut: asyncio.Future[None] = loop.create_future()
        self.on_end: Callable[[BreakCause], None] | None = None
        self.on_reuse: Callable[[], None] | None = None
        self.unread: StreamReader | None = None
        self.body: StreamReader | None = None
        self._left = b""
        self.idleness = IdleWatch()
        self.is_busy = False
        self.is_ending = False
        self._is_welcome = is_welcome
        self._newest: StreamReader | None = None  # the body of the last request whose head arrived
        self._newest_size = 0
        self._around_newest = 0
        self._first_due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; aiohttp then waits for requests, for the first one without an end."""
        super().connection_made(transport)
        self._first_due = asyncio.get_running_loop().call_later(KEEPALIVE_TIMEOUT, self.force_close)
        if not self._is_welcome():
            # It was accepted in the very moment in which the backend stopped to listen.
            self.reset()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that the connection is gone, reset or closed, by either side."""
        self._save_left()
        self.idleness.stop()
        super().connection_lost(exc)
        self._first_arrived()
        self._end("client-disconnected")
        self.lost.set_result(None)
        if self.unread is not None and not self.unread.is_eof():
            # aiohttp would go on waiting for it, until `LINGERING_TIME` is over.
            self.unread.feed_eof()

    @override
    def data_received(self, data: bytes) -> None:
        """Hand on what arrived, unless the connection was to end with its next request."""
        self.idleness.stir()
        # aiohttp calls this without data to have its parser go on.
        if self.on_reuse is None or not (data and self.ends_on_reuse()):
            super().data_received(data)
            newest = self._messages[-1][1] if self._messages else self._newest
            if newest is not None and newest is not self._newest:
                self._note_newest(newest)
            elif newest is not None and not newest.is_eof():
                self._weigh(newest, len(data))

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a head that is none. aiohttp would log a traceback for it, which is for errors of our own."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        answer = answers.unreadable(exc.message)
        response = web.Response(status=answer.status, text=answer.body, content_type=answer.content_type)
        response.force_close()
        return response

    async def read(self, body: StreamReader, most: int | None = None) -> bytes:
        """Wait for the next bytes of the latest request's body, `most` at the most; give none at its end.

        What had arrived when the body broke off is given first, and so is the rest of a body that arrived whole before
        its connection was lost. Raises one of `BROKEN_OFF` where there is neither more nor an end.
        """
        piece = b""
        try:
            # Asked before reading: the loss of a connection spoils even a body that was read whole.
            if not body.at_eof():
                piece = await (body.readany() if most is None else body.read(most))
        except BROKEN_OFF:
            if not self._left:
                raise
        if not piece:
            # Who was woken by the last bytes of a body finds it empty if the connection was lost in the same moment.
            piece = self._left[:most]
            self._left = self._left[len(piece) :]
        return piece

    def ends_on_reuse(self) -> bool:
        """Reset the connection if it was to end with its next request, which is now; tell whether."""
        on_reuse, self.on_reuse = self.on_reuse, None
        if on_reuse is None:
            return False
        on_reuse()
        self.reset()
        return True

    def close_when_idle(self) -> None:
        """Close the connection, once what goes on over it is over and the client had the time to read the answer."""
        self.is_ending = True
        if not self.is_busy and (self.unread is None or self.unread.is_eof()):
            self.force_close()

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

    async def hang_up(self, body: StreamReader) -> None:
        """Close the connection: the client reads the end of the stream, once it has read what was sent before.

        The rest of `body` is read and thrown away, for `LINGERING_TIME` seconds at the most.
        """
        transport = self.transport
        if transport is not None:
            with suppress(OSError):
                transport.write_eof()
        with suppress(TimeoutError, *BROKEN_OFF):
            async with asyncio.timeout(LINGERING_TIME):
                while not body.at_eof():
                    await body.readany()
        self.force_close()

    @contextmanager
    def holding_back(self) -> Iterator[bytearray]:
        """Gather what aiohttp writes, in the place of sending it. Nothing may be awaited inside that waits."""
        held, transport = _HeldBack(), self.transport
        self.transport = held
        try:
            yield held.written
        finally:
            self.transport = transport

    def _note_newest(self, body: StreamReader) -> None:
        """Look at what came last: a request, or aiohttp's note that what arrived can't be read.

        Its parser in C doesn't tell the body before, which would be waited for in vain. That anything follows on a
        body without an end means that this end can't be found any more.
        """
        before, self._newest = self._newest, body
        if before is None:
            self._first_arrived()
        elif not before.is_eof():
            self._break_soon(before)
        self._newest_size = body.total_bytes
        self._around_newest = 0

    def _weigh(self, body: StreamReader, size: int) -> None:
        """Count what arrives and isn't of the body: aiohttp keeps all trailers, however many, until the last is in."""
        if body.total_bytes > self._newest_size:
            self._newest_size = body.total_bytes
            self._around_newest = 0
            return
        self._around_newest += size
        if self._around_newest > MOST_AROUND_A_BODY:
            self._break_soon(body)

    def _break_soon(self, body: StreamReader) -> None:
        # Who waited for more of it, and was woken by what came before the break, takes that first.
        asyncio.get_running_loop().call_soon(self._break, body)

    def _break(self, body: StreamReader) -> None:
        """Have whoever reads the body know that its end can't be found."""
        if body.exception() is not None:
            return  # the connection was lost, or the request is over, meanwhile
        if body is self.unread:
            body.feed_eof()  # it was answered, and nobody wants the rest
            return
        if body is self.body:
            self._save_left()
        body.set_exception(web.RequestPayloadError("its chunks can't be told apart"))

    def _save_left(self) -> None:
        """Keep what arrived of the body before that is spoilt, which takes away what wasn't read."""
        if self.body is not None and self.body.exception() is None:
            # Where somebody waits for more, which is an error, there is nothing left.
            with suppress(RuntimeError):
                self._left += self.body.read_nowait()

    def _first_arrived(self) -> None:
        if self._first_due is not None:
            self._first_due.cancel()
            self._first_due = None

    def _end(self, cause: BreakCause) -> None:
        if self.on_end is not None:
            self.on_end(cause)


class _HeldBack(asyncio.Transport):
    """A transport that sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    @override
    def is_closing(self) -> bool:
        return False
