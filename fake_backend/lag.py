"""Takes the lines of a request some time after they were read, be the client still there or not."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from fake_backend.faults import Overlap
from fake_backend.open_request import OpenRequest, RequestEnded
from fake_backend.protocol.answers import Answer
from fake_backend.protocol.ingest import RequestIngest

_TICK: Final = 1e-6
"""A timer of asyncio may be early by the resolution of the clock."""


class Lag:
    """The lines of one request that were read and aren't taken yet, each with the time at which it will be.

    Timers take them, and so they are taken also when the handler of the request has ended with its connection.
    """

    __slots__ = (
        "_answer",
        "_fault",
        "_finish",
        "_ingest",
        "_is_timed",
        "_news",
        "_open",
        "_waiting",
        "read",
        "refusal",
    )

    def __init__(self, open_request: OpenRequest, ingest: RequestIngest, fault: Overlap) -> None:
        self._open = open_request
        self._ingest = ingest
        self._fault = fault
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._is_timed = False
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finish: Callable[[], Answer] | None = None
        self._answer: Answer | None = None
        self.read = 0
        """How many lines were read."""
        self.refusal: Answer | None = None
        """The answer that refuses the last line that was taken, once one was refused."""

    def add(self, lines: Sequence[bytes]) -> None:
        """Have lines taken that were read just now."""
        if not lines or self.refusal is not None:
            return
        if not self.read:
            self._open.record_fault(self._fault)
            self._ingest.count_alone()
        self.read += len(lines)
        now, seconds = self._open.now(), self._fault.seconds
        earliest = self._waiting[-1][0] if self._waiting else now
        for place, line in enumerate(lines, start=1):
            self._waiting.append((max(earliest, now + seconds * place / len(lines)), line))
        self._set_timer()

    async def taken(self, lines: int | None = None) -> Answer | None:
        """Wait until so many lines of the request are taken, or all that were read; give what refused one before that.

        Raises RequestEnded if the client is gone by then; the lines are taken all the same.
        """
        while self._waiting and (lines is None or self._ingest.lines < lines):
            await self._wait()
        return self.refusal

    async def finish(self, finish: Callable[[], Answer]) -> Answer:
        """Give the answer to a body that has ended: what `finish` gives when all is taken, or what refuses a line.

        Raises RequestEnded if the client is gone by then; `finish` is called all the same.
        """
        self._finish = finish
        self._take_due()
        while self._answer is None:
            await self._wait()
        return self._answer

    async def _wait(self) -> None:
        connection, now = self._open.connection, self._open.now()
        late = max(self._waiting[-1][0] - now, 0.0)
        news = (self._news, connection.lost, connection.cut)
        await asyncio.wait(news, timeout=late, return_when=asyncio.FIRST_COMPLETED)
        if connection.lost.done() or connection.cut.done():
            raise RequestEnded
        # A backend that is reset drops the timers of what is to be taken later, and lets what is under way go on.
        self._take_due()

    def _set_timer(self) -> None:
        if self._waiting and not self._is_timed:
            self._is_timed = True
            self._open.services.take_later(max(self._waiting[0][0] - self._open.now(), 0.0), self._on_timer)

    def _on_timer(self) -> None:
        self._is_timed = False
        ingest = self._ingest
        ingest.run = self._open.services.run(ingest.run.run_id)  # a blank one may have been forgotten meanwhile
        self._take_due()
        self._set_timer()

    def _take_due(self) -> None:
        now = self._open.now()
        while self._waiting and self._waiting[0][0] <= now + _TICK:
            _, line = self._waiting.popleft()
            self.refusal = self._ingest.take((line,), time=now)
            if self.refusal is not None:
                self._waiting.clear()
        if self._finish is not None and not self._waiting and self._answer is None:
            self._answer = self.refusal or self._finish()
        news, self._news = self._news, asyncio.get_running_loop().create_future()
        if not news.done():
            news.set_result(None)
