"""The other end of the wire: bodies, requests to the byte, and a watch on the records."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from fake_backend import BackendRecord, FakeBackend

RecordT = TypeVar("RecordT")

PATIENCE = 5.0
"""Seconds after which a test that waits for something gives up; none ever waits that long when all is well."""


def event_line(seq: int, **event: Any) -> bytes:
    """Write an event as a line, with its newline."""
    return json.dumps({"seq": seq, "event": event or {"n": seq}}).encode() + b"\n"


def event_lines(first: int, last: int) -> bytes:
    """Write the events of a range as lines."""
    return b"".join(event_line(seq) for seq in range(first, last + 1))


def completion_line(final_seq: Any) -> bytes:
    """Write a completion as a line, with its newline."""
    return json.dumps({"type": "_posthog/stream_complete", "final_seq": final_seq}).encode() + b"\n"


class Watch:
    """A callback for `on_record` that keeps every record and lets a test wait for one."""

    def __init__(self) -> None:
        self.records: list[BackendRecord] = []
        self._waiting: list[tuple[Callable[[BackendRecord], bool], asyncio.Future[None]]] = []

    def __call__(self, record: BackendRecord) -> None:
        """Keep a record, and wake who waits for it."""
        self.records.append(record)
        for wanted, found in self._waiting:
            if wanted(record) and not found.done():
                found.set_result(None)

    def of(self, kind: type[RecordT]) -> list[RecordT]:
        """Give the records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    async def until(self, kind: type[RecordT], *, count: int = 1) -> RecordT:
        """Wait for the `count`-th record of a kind."""
        while len(self.of(kind)) < count:
            found = asyncio.get_running_loop().create_future()
            self._waiting.append((lambda record: isinstance(record, kind), found))
            await asyncio.wait_for(found, PATIENCE)
        return self.of(kind)[count - 1]


class Client:
    """An aiohttp session that posts to the runs of a backend."""

    def __init__(self, backend: FakeBackend, session: aiohttp.ClientSession) -> None:
        self.backend = backend
        self.session = session

    async def post(
        self, body: Any = b"", *, run: str = "run", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Post a body to a run; give the status and the parsed answer, which is empty where it is a proxy's page."""
        async with self.session.post(self.backend.ingest_url(run), data=body, headers=headers) as response:
            await response.read()
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else {}


@asynccontextmanager
async def client_of(backend: FakeBackend, **headers: str) -> AsyncIterator[Client]:
    """Open a client with a token."""
    headers = {"Authorization": "Bearer token", "Content-Type": "application/x-ndjson", **headers}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Client(backend, session)


def request_head(backend: FakeBackend, *headers: str, run: str = "run") -> bytes:
    """Write the head of a POST to a run."""
    url = urlsplit(backend.ingest_url(run))
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", "Authorization: Bearer token", *headers, "", ""]
    return "\r\n".join(lines).encode()


def request_bytes(backend: FakeBackend, body: bytes, *headers: str, run: str = "run") -> bytes:
    """Write a whole request."""
    return request_head(backend, f"Content-Length: {len(body)}", *headers, run=run) + body


@asynccontextmanager
async def connected(backend: FakeBackend) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a bare connection to a backend."""
    url = urlsplit(backend.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def read_to_end(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Read what comes until the connection ends; say whether it ended by a reset."""
    received = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65_536), PATIENCE):
            received += piece
    except ConnectionResetError:
        return received, True
    return received, False
