"""A backend with its page, and those who send to it, for tests in a browser."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from fake_backend import FakeBackend
from reference.sender import EventStreamSender, SenderConfig
from tests.fake_backend.wire import event_lines

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which what was asked of the stage must be done; none ever waits that long when all is well."""


class Stage:
    """What goes on behind the page, on an event loop in a thread of its own: Playwright has that of the test."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self._loop = loop
        self.backend = FakeBackend(control=True, **{"keep_last": 200_000, **options})

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    @contextmanager
    def sender(self, run_id: str = "demo") -> Iterator[Sender]:
        """Run the reference sender, which sends what it has as soon as it can, and tries again soon."""
        sender = Sender(self, self.backend.ingest_url(run_id))
        try:
            yield sender
        finally:
            self.do(sender.stop())

    def post(self, body: bytes, run_id: str = "demo") -> int:
        """Post a body in one request, without a sender's care; give the status of the answer."""
        return self.post_all([body], run_id)[0]

    def post_all(self, bodies: list[bytes], run_id: str = "demo") -> list[int]:
        """Post bodies, one after the other."""

        async def post() -> list[int]:
            statuses = []
            async with aiohttp.ClientSession(headers={"Authorization": "Bearer t"}) as client:
                for body in bodies:
                    async with client.post(self.backend.ingest_url(run_id), data=body) as answer:
                        statuses.append(answer.status)
            return statuses

        return self.do(post())

    def post_events(self, first: int, last: int, run_id: str = "demo") -> int:
        """Post events of these numbers in one request."""
        return self.post(event_lines(first, last), run_id)

    def post_event(self, seq: int, event: dict[str, Any], run_id: str = "demo") -> int:
        """Post one event."""
        return self.post(json.dumps({"seq": seq, "event": event}).encode(), run_id)


class Sender:
    """The reference sender on a stage."""

    def __init__(self, stage: Stage, url: str) -> None:
        self._stage = stage
        config = SenderConfig(url=url, token="t", retry_delay=0.05, max_retry_delay=0.2, window_age=0.0)
        self._sender = stage.do(self._made(config))

    @staticmethod
    async def _made(config: SenderConfig) -> EventStreamSender:
        return EventStreamSender(config)

    def send(self, **event: Any) -> None:
        """Send an event; it is not waited for."""

        async def enqueue() -> None:
            self._sender.enqueue(event)

        self._stage.do(enqueue())

    async def stop(self) -> None:
        """Drain, and complete the run."""
        await self._sender.stop()


@contextmanager
def staged(**options: Any) -> Iterator[Stage]:
    """A stage with a backend that listens; `options` are the backend's."""
    loops: queue.SimpleQueue[asyncio.AbstractEventLoop] = queue.SimpleQueue()

    def run() -> None:
        with asyncio.Runner() as runner:
            loops.put(runner.get_loop())
            runner.get_loop().run_forever()

    thread = threading.Thread(target=run)
    thread.start()
    loop = loops.get()
    stage = Stage(loop, **options)
    try:
        stage.do(stage.backend.__aenter__())
        yield stage
    finally:
        stage.do(stage.backend.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
