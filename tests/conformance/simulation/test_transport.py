"""A transport in memory behaves as asyncio's over TCP."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from conformance.simulation import Simulation, simulate
from conformance.simulation.transport import RECEIVE_BUFFER
from tests.conformance.simulation.recorder import HOST, PORT, Recorder, a_connection, serve_echo

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

MORE_THAN_FITS = b"x" * (4 * RECEIVE_BUFFER)


def test_bytes_arrive_one_latency_after_they_were_written() -> None:
    """And each write arrives as it is, in order."""

    async def main(_: Simulation) -> list[tuple[float, object]]:
        client, server = await a_connection()
        client.transport.write(b"one")
        client.transport.writelines([bytearray(b"tw"), memoryview(b"o")])
        await asyncio.sleep(0.001)
        client.transport.write(b"three")
        await asyncio.sleep(1)
        assert server.received == b"onetwothree"
        return server.trace[:]

    assert simulate(main) == [(0.015, "made"), (0.02, 3), (0.02, 3), (0.021, 5)]


def test_streams_echo() -> None:
    """Asyncio's streams work unchanged, with a megabyte as well as with a line."""

    async def main(sim: Simulation) -> tuple[bytes, bytes]:
        async with await serve_echo(sim):
            reader, writer = await asyncio.open_connection("localhost", PORT)
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.write(b"y" * 1_000_000)
            writer.write_eof()
            rest = await reader.read()
            writer.close()
            await writer.wait_closed()
            return line, rest

    assert simulate(main) == (b"hello\n", b"y" * 1_000_000)


def test_closing_sends_what_is_buffered_and_then_the_end() -> None:
    """The peer gets it all, its own end closes in turn, and neither hears of an error."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        client.transport.write(MORE_THAN_FITS)
        client.transport.close()
        client.transport.close()
        assert client.transport.is_closing()
        assert not client.lost.done()
        assert await server.lost is None
        assert await client.lost is None
        assert server.received == MORE_THAN_FITS
        assert server.events[-2:] == ["eof", "lost"]
        assert client.events == ["made", "pause", "resume", "lost"]
        assert client.transport.get_protocol() is None
        client.transport.write(b"into the void")
        client.transport.abort()

    simulate(main)


def test_half_a_connection_can_be_closed() -> None:
    """After `write_eof` an end still reads; an end whose `eof_received` is true still writes."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection(keeps_open=True)
        assert client.transport.can_write_eof()
        client.transport.write(MORE_THAN_FITS)
        client.transport.write_eof()
        client.transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            client.transport.write(b"more")
        await asyncio.sleep(1)
        assert server.events[-1] == "eof"
        assert len(server.received) == len(MORE_THAN_FITS)
        server.transport.write(b"still here")
        await asyncio.sleep(1)
        assert client.received == b"still here"
        server.transport.close()
        server.transport.write_eof()
        await asyncio.sleep(1)
        assert client.events[-1] == "eof"
        client.transport.close()
        assert await client.lost is None

    simulate(main)


def test_an_abort_is_a_reset_to_the_peer_one_latency_later() -> None:
    """What was under way is lost, and the own end hears of no error."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        start = sim.time()
        client.transport.write(b"lost")
        client.transport.abort()
        assert await client.lost is None
        assert sim.time() == start
        assert isinstance(await server.lost, ConnectionResetError)
        assert sim.time() == pytest.approx(start + 0.005)
        assert server.received == b""

    simulate(main)


def test_writing_to_an_end_that_is_gone_gives_a_reset() -> None:
    """One round trip after the write, as the other side answers it."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection(keeps_open=True)
        server.transport.close()
        await asyncio.sleep(1)
        assert client.events == ["made", "eof"]
        start = sim.time()
        client.transport.write(b"anybody?")
        assert isinstance(await client.lost, ConnectionResetError)
        assert sim.time() == pytest.approx(start + 0.01)

    simulate(main)


def test_closing_with_bytes_unread_gives_a_reset() -> None:
    """The peer is told that not everything arrived, as TCP does, and not that all is well."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        server.transport.pause_reading()
        client.transport.write(b"unread")
        await asyncio.sleep(1)
        server.transport.close()
        assert isinstance(await client.lost, ConnectionResetError)
        assert await server.lost is None

    simulate(main)


@pytest.mark.parametrize("call", ["data_received", "eof_received"])
def test_a_protocol_that_raises_loses_its_connection(call: str) -> None:
    """The loop's exception handler hears of it, and the peer sees the end."""

    async def main(_: Simulation) -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        client, server = await a_connection()

        def fail(*_: bytes) -> None:
            if call == "data_received":
                server.transport.abort()
            raise LookupError

        setattr(server, call, fail)
        client.transport.write(b"x")
        client.transport.write_eof()
        server_error, client_error = await server.lost, await client.lost
        assert [type(report["exception"]) for report in reports] == [LookupError]
        if call == "data_received":
            assert (type(server_error), type(client_error)) == (type(None), ConnectionResetError)
        else:
            assert (type(server_error), type(client_error)) == (LookupError, type(None))

    simulate(main)


def test_what_is_no_bytes_is_not_written() -> None:
    """As with asyncio's transports."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        with pytest.raises(TypeError, match="not str"):
            client.transport.write("text")  # type: ignore[arg-type]
        client.transport.write(b"")
        await asyncio.sleep(1)
        assert server.events == ["made"]

    simulate(main)


def test_a_transport_tells_its_addresses() -> None:
    """Each end's peer is the other's own address."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        assert client.transport.get_extra_info("peername") == (HOST, PORT)
        assert server.transport.get_extra_info("sockname") == (HOST, PORT)
        address = client.transport.get_extra_info("sockname")
        assert address == server.transport.get_extra_info("peername") == (HOST, 49152)

    simulate(main)


def test_the_protocol_of_a_transport_can_be_changed() -> None:
    """What arrives from then on goes to the new one."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        successor = Recorder()
        server.transport.set_protocol(successor)
        assert server.transport.get_protocol() is successor
        client.transport.write(b"x")
        await asyncio.sleep(1)
        assert server.received == b""
        assert successor.received == b"x"

    simulate(main)


class Buffered(asyncio.BufferedProtocol):
    """Reads into a buffer of a few bytes."""

    def __init__(self, size: int) -> None:
        self.received = b""
        self.buffer = bytearray(size)
        self.lost = asyncio.get_running_loop().create_future()

    @override
    def get_buffer(self, sizehint: int) -> bytearray:
        assert sizehint == -1
        return self.buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self.received += self.buffer[:nbytes]

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@pytest.mark.parametrize(("size", "received"), [(3, b"0123456789"), (64, b"0123456789"), (0, b"")])
def test_a_buffered_protocol_gets_bytes_into_its_own_buffer(size: int, received: bytes) -> None:
    """As much at a time as fits; one that offers no room loses its connection."""

    async def main(__: Simulation) -> bytes:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        client, server = await a_connection()
        protocol = Buffered(size)
        server.transport.set_protocol(protocol)
        client.transport.write(b"0123456789")
        client.transport.close()
        error = await protocol.lost
        assert (error is None) == (size > 0)
        return protocol.received

    assert simulate(main) == received
