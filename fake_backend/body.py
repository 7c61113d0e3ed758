"""The body of a request, read as far as it is needed and no further."""

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import HttpProcessingError

from fake_backend.completion_headers import asks_for_completion
from fake_backend.connection import Connection
from fake_backend.faults import RequestKind
from fake_backend.ingest import Limits
from fake_backend.lines import BadLine, CompletionLine, LineSplitter, Overflow, parse_line


class RequestEnded(Exception):  # noqa: N818 - not an error: the request is over and nobody is left to answer
    """The connection of a request is gone; why was recorded where it happened."""


class BodyBrokenError(Exception):
    """The framing of a body is broken, so that its end can't be found, while its connection still stands."""


class RequestBody:
    """Lines that have arrived and weren't looked at yet, and the means to read more.

    Nothing is read unless `read` is called, so that the client's upload backs up (aiohttp's buffers and those of the
    network lie in between, see `connection.READ_BUFFER`).
    """

    __slots__ = ("_connection", "_invited", "_request", "_splitter", "ended", "lines")

    def __init__(self, request: web.BaseRequest, connection: Connection, limits: Limits) -> None:
        self._request = request
        self._connection = connection
        self._splitter = LineSplitter(max_line_bytes=limits.max_line_bytes, max_request_bytes=limits.max_request_bytes)
        self._invited = False
        self.lines: list[bytes] = []
        self.ended = False

    @property
    def size(self) -> int:
        """How many bytes were read."""
        return self._splitter.size

    @property
    def overflow(self) -> Overflow | None:
        """Which limit the body passes after `lines`, if it does."""
        return self._splitter.overflow

    @property
    def kind(self) -> RequestKind:
        """What the request is for, as its first line says; valid once `read_first_line` has returned."""
        if self.lines:
            first = parse_line(self.lines[0])
            return "completion" if isinstance(first, CompletionLine) or _is_bad_completion(first) else "data"
        if self.overflow is not None:
            return "data"
        return "completion" if asks_for_completion(self._request.headers) else "sync"

    async def read_first_line(self) -> None:
        """Read until there is a line, or it is certain that there won't be one."""
        while not (self.lines or self.ended or self.overflow):
            await self.read()

    async def read(self) -> None:
        """Wait for the next bytes, or the end, and cut them into lines.

        Raises RequestEnded when the connection is lost, BodyBrokenError when it stands and the framing is broken.
        """
        content = self._request.content
        # Asked before reading: the loss of a connection spoils even a body that had arrived whole.
        if content.at_eof():
            self._end()
            return
        await self._invite()
        try:
            piece = await content.readany()
        except (web.RequestPayloadError, HttpProcessingError, OSError, RuntimeError) as error:
            # RuntimeError is how aiohttp refuses to wait on a connection lost before the handler began.
            if self._connection.lost.done():
                raise RequestEnded from error
            raise BodyBrokenError(f"the framing of the body is broken: {error}") from error
        if piece:
            self.lines += self._splitter.feed(piece)
        else:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self.lines += self._splitter.end()

    async def _invite(self) -> None:
        """Ask for the body where the client waits to be asked; `web.Server`, unlike `web.Application`, doesn't."""
        expects = self._request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
        if expects and not self._invited and self._request.version >= HttpVersion11:
            self._invited = True
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._request.writer.output_size = 0  # the answer itself hasn't begun


def _is_bad_completion(line: object) -> bool:
    return isinstance(line, BadLine) and line.completion
