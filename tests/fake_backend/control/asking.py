"""Asking a backend with a control API, and reading its streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from fake_backend import FakeBackend
from tests.fake_backend.wire import PATIENCE

TOKEN = {"Authorization": "Bearer token"}


class Asker:
    """A session that asks one backend."""

    def __init__(self, backend: FakeBackend, session: aiohttp.ClientSession) -> None:
        self.backend = backend
        self.session = session

    async def __call__(
        self,
        method: str,
        path: str,
        said: Any = None,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Ask; give the status and the parsed answer, or None where it has no body."""
        sent = dict(headers or {})
        if said is not None:
            body = json.dumps(said).encode()
            sent.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.backend.url + path, data=body, headers=sent) as response:
            content = await response.read()
            return response.status, json.loads(content) if content else None

    async def post(self, run_id: str, body: bytes) -> int:
        """Send lines to a run; give the status."""
        async with self.session.post(self.backend.ingest_url(run_id), data=body, headers=TOKEN) as response:
            return response.status


@asynccontextmanager
async def asking(backend: FakeBackend) -> AsyncIterator[Asker]:
    """Enter a backend, and open a session to it."""
    timeout = aiohttp.ClientTimeout(total=100 * PATIENCE)  # of virtual time, mostly
    async with backend, aiohttp.ClientSession(timeout=timeout) as session:
        yield Asker(backend, session)


@dataclass(frozen=True)
class Frame:
    """One event of a stream, with the time at which it came."""

    event: str
    id: str | None
    data: Any
    time: float


class Reader:
    """Reads the frames of a stream as they come; comments are left out."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._frames: list[Frame] = []
        self._rest = b""

    async def next(self) -> Frame:
        """Give the next frame. Raises EOFError at the end of the stream."""
        while not self._frames:
            piece = await self.response.content.readany()
            if not piece:
                raise EOFError
            *whole, self._rest = (self._rest + piece).split(b"\n\n")
            self._frames += filter(None, map(_parsed, whole))
        return self._frames.pop(0)

    async def until(self, event: str) -> list[Frame]:
        """Give the frames up to the next of a kind, with it."""
        frames = [await self.next()]
        while frames[-1].event != event:
            frames.append(await self.next())
        return frames

    async def to_the_end(self) -> list[Frame]:
        """Give all frames that follow."""
        frames = []
        try:
            while True:
                frames.append(await self.next())
        except EOFError:
            return frames


@asynccontextmanager
async def reading(ask: Asker, path: str, **headers: str) -> AsyncIterator[Reader]:
    """Open a stream."""
    async with ask.session.get(ask.backend.url + path, headers=TOKEN | headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        assert "Access-Control-Allow-Origin" not in response.headers
        yield Reader(response)


def _parsed(frame: bytes) -> Frame | None:
    fields = dict(line.split(": ", 1) for line in frame.decode().splitlines() if not line.startswith(":"))
    if "data" not in fields:
        return None
    now = asyncio.get_running_loop().time()
    return Frame(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]), now)
