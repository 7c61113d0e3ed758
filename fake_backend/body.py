"""The body of a request, read as far as it is needed and no further, and no faster than faults allow."""

from aiohttp import HttpVersion11, hdrs

from fake_backend.connection import BROKEN_OFF
from fake_backend.faults import Bandwidth, LimitData, RequestKind
from fake_backend.faults.plan import RequestFaults
from fake_backend.open_request import OpenRequest, RequestEnded
from fake_backend.protocol.lines import BadLine, CompletionLine, EventLine, LineSplitter, Overflow, parse_line


class BodyBrokenError(Exception):
    """The framing of a body is broken, so that its end can't be found, while its connection still stands."""


class BodyLimitedError(Exception):
    """As many bytes of a body were read as a fault lets pass."""

    def __init__(self, fault: LimitData) -> None:
        super().__init__(fault)
        self.fault = fault


class RequestBody:
    """Lines that have arrived and weren't looked at yet, and the means to read more.

    Nothing is read unless `read` is called, so that the client's upload backs up (aiohttp's buffers and those of the
    network lie in between, see `connection.READ_BUFFER`).
    """

    __slots__ = (
        "_bandwidth",
        "_began",
        "_faults",
        "_invited",
        "_limit",
        "_most",
        "_open",
        "_paced_by",
        "_splitter",
        "arrived",
        "ended",
        "lines",
    )

    def __init__(self, open_request: OpenRequest, faults: RequestFaults) -> None:
        limits = open_request.services.limits
        self._open = open_request
        self._faults = faults
        self._splitter = LineSplitter(max_line_bytes=limits.max_line_bytes, max_request_bytes=limits.max_request_bytes)
        self._bandwidth: Bandwidth | None = None
        self._paced_by: Bandwidth | None = None
        self._limit: LimitData | None = None
        self._most: int | None = None
        self._began = open_request.now()
        self._invited = False
        self.lines: list[bytes] = []
        self.arrived = 0
        """How many bytes were read, also of what is past a limit."""
        self.ended = False
        at_most = faults.before_kind.most
        if faults or at_most is not None:
            self._obey_faults(at_most=at_most)

    @property
    def size(self) -> int:
        """How many bytes were read and looked at."""
        return self._splitter.size

    @property
    def overflow(self) -> Overflow | None:
        """Which limit the body passes after `lines`, if it does."""
        return self._splitter.overflow

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to read: it has ended, or passes a limit."""
        return self.ended or self.overflow is not None

    async def learn_kind(self) -> None:
        """Read until it is certain what the request is for, and obey the faults that strike it for that.

        Raises as `read` does.
        """
        while not (self.lines or self.is_over):
            await self.read()
        self._faults.kind_is(self._kind)
        if self._faults or self._most is not None:
            self._obey_faults()
            await self._keep_pace()

    async def seek_events(self) -> None:
        """Hold the lines back until those events have been seen that rules wait for, or no more come.

        Raises RequestEnded where the backend goes down meanwhile. Other ends are left for `read` to raise again: the
        lines that had come are taken as ever.
        """
        seen = 0
        while True:
            for line in self.lines[seen:]:
                parsed = parse_line(line)
                if isinstance(parsed, EventLine):
                    self._faults.see_event(parsed.seq)
            seen = len(self.lines)
            if not self._faults.await_event or self.ended or self.overflow is not None:
                return
            try:
                await self.read()
            except (BodyBrokenError, BodyLimitedError):
                return
            except RequestEnded:
                if self._open.connection.cut.done():
                    raise
                return

    async def read_whole(self, *, most: int | None = None) -> None:
        """Read to the end, or past `most` bytes; without it, past a limit of the backend. Raises as `read` does."""
        while not self.ended and (self.overflow is None if most is None else self.arrived <= most):
            await self.read()

    async def read(self) -> None:
        """Wait for the next bytes, or the end, and cut them into lines.

        Raises RequestEnded when the connection is lost, BodyBrokenError when it stands and the framing is broken, and
        BodyLimitedError when a fault lets no more pass.
        """
        content = self._open.request.content
        most = self._most
        if self._limit is not None:
            room = self._limit.size - self.arrived
            if room <= 0:
                raise BodyLimitedError(self._limit)
            most = room if most is None else min(most, room)
        if not content.at_eof():
            await self._invite()
        connection = self._open.connection
        try:
            piece = await connection.read(content, most)
        except BROKEN_OFF as error:
            if connection.lost.done():
                raise RequestEnded from error
            raise BodyBrokenError(f"the framing of the body is broken: {error}") from error
        if connection.cut.done():
            raise RequestEnded  # what arrived in the moment in which the backend went down is lost with it
        if not piece:
            self._end()
            return
        self.arrived += len(piece)
        if self._bandwidth is not None:
            await self._keep_pace()
        self.lines += self._splitter.feed(piece)

    def _end(self) -> None:
        self.ended = True
        self.lines += self._splitter.end()

    @property
    def _kind(self) -> RequestKind:
        if self.lines:
            first = parse_line(self.lines[0])
            return "completion" if isinstance(first, CompletionLine) or _is_bad_completion(first) else "data"
        if self.overflow is not None:
            return "data"
        return "sync" if self._open.completion is None else "completion"

    def _obey_faults(self, *, at_most: int | None = None) -> None:
        self._bandwidth = self._faults.strictest(Bandwidth, "upstream")
        self._limit = self._faults.strictest(LimitData, "upstream")
        pieces = (None if self._bandwidth is None else self._bandwidth.piece, at_most)
        self._most = min((piece for piece in pieces if piece is not None), default=None)
        if self._limit is not None and self.arrived >= self._limit.size:
            # Only now is it known that there is a limit: what is past it hasn't passed, nor has the body's end, which
            # made a line of what has no newline.
            if self.ended or self.arrived > self._limit.size:
                self.lines.clear()
            self.ended = False

    async def _keep_pace(self) -> None:
        if self._bandwidth is None or not self.arrived:
            return
        if self._paced_by != self._bandwidth:
            self._paced_by = self._bandwidth
            self._open.record_fault(self._bandwidth)
        early = self._began + self.arrived / self._bandwidth.rate - self._open.now()
        if early > 0:
            await self._open.wait(self._open.connection.lost, early)

    async def _invite(self) -> None:
        """Ask for the body where the client waits to be asked; `web.Server`, unlike `web.Application`, doesn't."""
        request = self._open.request
        expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
        if expects and not self._invited and request.version >= HttpVersion11:
            self._invited = True
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer itself hasn't begun


def _is_bad_completion(line: object) -> bool:
    return isinstance(line, BadLine) and line.completion
