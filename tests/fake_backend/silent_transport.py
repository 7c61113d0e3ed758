"""A connection without a socket: a test says what arrives in which turn of the loop."""

import asyncio

from fake_backend import FakeBackend
from fake_backend._typing import override
from fake_backend.connection import Connection


class SilentTransport(asyncio.Transport):
    """A transport without a socket, like those of simulated networks, that only remembers how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended_by: list[str] = []

    @override
    def abort(self) -> None:
        """Remember."""
        self.ended_by.append("abort")

    @override
    def close(self) -> None:
        """Remember."""
        self.ended_by.append("close")


async def connect_silently(backend: FakeBackend, transport: SilentTransport | None = None) -> Connection:
    """Give a connection of a backend, without a socket, that waits for its first request."""
    assert backend._server is not None
    connection = backend._accept(backend._server)
    connection.connection_made(transport or SilentTransport())
    await asyncio.sleep(0)
    return connection
