"""A small proxy on a real socket: it passes on requests to http, and tunnels to https by CONNECT."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator


class SmallProxy:
    """What it was asked, and all that went through it toward the backend."""

    def __init__(self, *, expects: str | None = None) -> None:
        self.url = ""
        self.heads: list[str] = []
        self.passed_on = b""
        self._expects = expects

    @contextlib.asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None) -> AsyncIterator[SmallProxy]:
        """Serve; with TLS toward the clients if there is a context."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(to_client):
            head = (await client.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self._expects is not None and f"\r\nProxy-Authorization: {self._expects}\r\n" not in head:
                to_client.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            method, target, _ = head.split(" ", 2)
            where = urlsplit(f"//{target}" if method == "CONNECT" else target)
            backend, to_backend = await asyncio.open_connection(where.hostname, where.port)
            if method == "CONNECT":
                to_client.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                to_backend.write(head.replace(f"{where.scheme}://{where.netloc}", "", 1).encode())
            back = asyncio.create_task(self._pass_on(backend, to_client))
            await self._pass_on(client, to_backend, is_forth=True)
            await back

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_forth: bool = False
    ) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(target):
            while data := await source.read(65_536):
                if is_forth:
                    self.passed_on += data
                target.write(data)
                await target.drain()
