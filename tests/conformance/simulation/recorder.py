"""A protocol that writes down what it is told and when, and a connection between two of them."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from conformance.simulation import Simulation

HOST, PORT = "127.0.0.1", 8080


class Recorder(asyncio.Protocol):
    """Writes down each call of its transport as (seconds, what); bytes are collected apart."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.transport: asyncio.Transport
        self.loop = asyncio.get_running_loop()
        self.connected = self.loop.create_future()
        self.lost = self.loop.create_future()
        self.trace: list[tuple[float, object]] = []
        self.received = bytearray()
        self._keeps_open = keeps_open

    def note(self, what: object) -> None:
        """Write down what happened now."""
        self.trace.append((self.loop.time(), what))

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.note("made")
        self.connected.set_result(None)

    @override
    def data_received(self, data: bytes) -> None:
        self.note(len(data))
        self.received += data

    @override
    def eof_received(self) -> bool:
        self.note("eof")
        return self._keeps_open

    @override
    def pause_writing(self) -> None:
        self.note("pause")

    @override
    def resume_writing(self) -> None:
        self.note("resume")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.note(type(exc) if exc else "lost")
        self.lost.set_result(exc)

    @property
    def events(self) -> list[object]:
        """What happened, without the times."""
        return [what for _, what in self.trace]


async def a_connection(*, keeps_open: bool = False) -> tuple[Recorder, Recorder]:
    """Return the client's and the server's end of a connection that both know of: it is 0.015 s then."""
    client, server = Recorder(keeps_open=keeps_open), Recorder(keeps_open=keeps_open)
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: server, HOST, PORT)
    await loop.create_connection(lambda: client, HOST, PORT)
    await server.connected
    return client, server


async def serve_echo(_: Simulation) -> asyncio.Server:
    """Serve streams that send back what they get, on the usual address."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(echo, HOST, PORT)
