"""A peer on a real socket whose every step a test decides: when it reads, what it answers, and when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import trustme
import uvloop

from reference.sender import SenderConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Self

T = TypeVar("T")

TOKEN = "a-secret-that-nobody-may-see"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
AUTHORITY = trustme.CA()
_LONGEST_WAIT = 10.0


def run(main: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """Run a test on a loop of that name."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(asyncio.wait_for(main, 3 * _LONGEST_WAIT))


def answer(status: int = 200, body: bytes = b'{"last_accepted_seq":0}', *headers: str, reason: str = "X") -> bytes:
    """Write an answer with a length."""
    head = "\r\n".join([f"HTTP/1.1 {status} {reason}", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def server_context(*names: str) -> ssl.SSLContext:
    """Make the context of a server with a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """Make the context of a client that trusts the authority."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@dataclass(frozen=True, slots=True)
class Request:
    """What a request said."""

    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header."""
        found = re.search(rf"(?im)^{name}: *(.*?)\r$", self.head)
        return found and found[1]


class Connection:
    """A connection that was accepted."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def request(self) -> Request:
        """Read a request to its end."""
        return await asyncio.to_thread(self._request)

    async def head(self) -> str:
        """Read the head of a request, and nothing behind it."""
        return await asyncio.to_thread(self._head)

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        await asyncio.to_thread(self._sock.sendall, data)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on over TLS, as the end of a tunnel."""
        self._sock = await asyncio.to_thread(context.wrap_socket, self._sock, server_side=True)

    async def rest(self) -> tuple[int, bool]:
        """Read what still arrives, below TLS; return how many bytes, and whether a reset ended them."""
        return await asyncio.to_thread(self._rest)

    async def unread(self) -> int:
        """Return how many bytes have arrived and wait to be read, once they are there and become no more."""
        count, before = 0, -1
        while not count or count != before:
            await asyncio.sleep(0.02)
            count, before = await asyncio.to_thread(self._peek), count
        return count

    def leave(self) -> None:
        """Close it."""
        self._sock.close()

    def _request(self) -> Request:
        head = self._head()
        request = Request(head, b"")
        length = int(request.header("Content-Length") or 0)
        if request.header("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size)
                self._exactly(2)
            self._exactly(2)
            return Request(head, body)
        return Request(head, self._exactly(length))

    def _head(self) -> str:
        return self._until(b"\r\n\r\n").decode("latin-1")

    def _until(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            found += self._exactly(1)  # so that what isn't asked for stays in the kernel
        return found

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            if not (data := self._sock.recv(size - len(found))):
                raise EOFError("the connection was closed")
            found += data
        return bytes(found)

    def _rest(self) -> tuple[int, bool]:
        count = 0
        with socket.socket(fileno=os.dup(self._sock.fileno())) as raw:
            raw.settimeout(_LONGEST_WAIT)
            try:
                while data := raw.recv(1 << 20):
                    count += len(data)
            except ConnectionResetError:
                return count, True
        return count, False

    def _peek(self) -> int:
        with socket.socket(fileno=os.dup(self._sock.fileno())) as raw, contextlib.suppress(BlockingIOError):
            raw.settimeout(0)
            return len(raw.recv(1 << 20, socket.MSG_PEEK))
        return 0


class Peer:
    """Listens; a context manager."""

    def __init__(self, *, context: ssl.SSLContext | None = None, receive_buffer: int | None = None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LONGEST_WAIT)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._accepted: list[Connection] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in self._accepted:
            connection.leave()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The ingest URL."""
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}/v1/runs/run/ingest"

    @property
    def receive_buffer(self) -> int:
        """How much arrives at a connection that isn't read, at the most."""
        return self._listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def settings(self, **changes: Any) -> SenderConfig:
        """Make the configuration of a sender to this peer."""
        context = None if self._context is None else client_context()
        return SenderConfig(**{"url": self.url, "token": TOKEN, "ssl_context": context, "window_age": 0.0, **changes})

    async def accept(self) -> Connection:
        """Wait for the next connection."""
        return await asyncio.to_thread(self._accept)

    def _accept(self) -> Connection:
        sock, _ = self._listener.accept()
        sock.settimeout(_LONGEST_WAIT)
        # What was said is there then, and doesn't wait for what was said before to be acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_side=True)
        self._accepted.append(Connection(sock))
        return self._accepted[-1]


@contextlib.contextmanager
def authority_file() -> Iterator[str]:
    """Write what a process of its own needs to trust the authority; give the path."""
    with AUTHORITY.cert_pem.tempfile() as path:
        yield path
