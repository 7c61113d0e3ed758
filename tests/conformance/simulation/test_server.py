"""A server in memory behaves as asyncio's."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from conformance.simulation import Simulation, simulate
from conformance.simulation.network import EVERYWHERE
from tests.conformance.simulation.recorder import HOST, PORT, Recorder, a_connection

if TYPE_CHECKING:
    from conformance.simulation.server import SimulatedServer


async def listen(host: Any = HOST, port: int = PORT, **options: Any) -> SimulatedServer:
    """Listen with a protocol that does nothing."""
    return cast(
        "SimulatedServer", await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, **options)
    )


def test_a_server_on_port_0_gets_one_that_is_free() -> None:
    """The same on each run; its sockets tell which."""

    async def main(_: Simulation) -> list[Any]:
        servers = [await listen(port=49152), await listen(port=0), await listen(["localhost", "::1"], port=0)]
        assert servers[1].sockets[0].type == socket.SOCK_STREAM
        assert [sock.family for sock in servers[2].sockets] == [socket.AF_INET, socket.AF_INET6]
        return [sock.getsockname() for server in servers for sock in server.sockets]

    assert simulate(main) == [(HOST, 49152), (HOST, 49153), (HOST, 49154), ("::1", 49154, 0, 0)]


@pytest.mark.parametrize(
    ("first", "second"), [(HOST, HOST), (HOST, "localhost"), (None, HOST), (HOST, EVERYWHERE), ("", "::")]
)
def test_an_address_can_be_used_once(first: str | None, second: str | None) -> None:
    """A server on every address uses each of them; one that is closed uses none."""

    async def main(_: Simulation) -> None:
        server = await listen(first)
        with pytest.raises(OSError, match="already in use") as caught:
            await listen(second)
        assert caught.value.errno == errno.EADDRINUSE
        await listen(second, port=PORT + 1)
        server.close()
        await listen(second)

    simulate(main)


def test_a_server_on_every_address_is_reached_by_each() -> None:
    """Its connections tell the one that the client meant."""

    async def main(sim: Simulation) -> None:
        await listen(None)
        sim.network.add_host("backend.example")
        for host, address in (("localhost", HOST), ("backend.example", "10.0.0.1"), ("127.0.0.9", "127.0.0.9")):
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, PORT)
            assert transport.get_extra_info("peername") == (address, PORT)

    simulate(main)


def test_a_server_serves_from_when_it_is_told_until_it_is_closed() -> None:
    """Outside of that, connections are refused; its address can be listened on again."""

    async def main(_: Simulation) -> None:
        loop = asyncio.get_running_loop()
        server = await listen(start_serving=False)
        assert server.get_loop() is loop
        assert not server.is_serving()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, HOST, PORT)
        await server.start_serving()
        assert server.is_serving()
        await loop.create_connection(asyncio.Protocol, HOST, PORT)
        server.close()
        server.close()
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, HOST, PORT)
        with pytest.raises(RuntimeError, match="is closed"):
            await server.start_serving()
        await listen()
        await loop.create_connection(asyncio.Protocol, HOST, PORT)

    simulate(main)


def test_a_server_that_closes_during_a_handshake_resets_it() -> None:
    """The client thinks it is connected, and learns better."""

    async def main(_: Simulation) -> None:
        server, client = await listen(), Recorder()
        await asyncio.get_running_loop().create_connection(lambda: client, HOST, PORT)
        server.close()
        assert isinstance(await client.lost, ConnectionResetError)

    simulate(main)


@pytest.mark.parametrize(("method", "error"), [("close_clients", type(None)), ("abort_clients", ConnectionResetError)])
def test_a_server_is_closed_when_its_connections_are_gone(method: str, error: type) -> None:
    """`wait_closed` waits for them, and the server can close or reset them."""

    async def main(_: Simulation) -> None:
        loop = asyncio.get_running_loop()
        client = Recorder()
        async with await listen() as server:
            await loop.create_connection(lambda: client, HOST, PORT)
            await asyncio.sleep(1)
            server.close()
            impatient = asyncio.create_task(server.wait_closed())
            patient = asyncio.create_task(server.wait_closed())
            await asyncio.sleep(1)
            assert not patient.done()
            impatient.cancel()
            getattr(server, method)()
            await patient
        assert isinstance(await client.lost, error)

    simulate(main)


def test_serving_for_ever_ends_with_a_cancellation_or_a_close() -> None:
    """Either closes the server; it can't be done twice at a time."""

    async def main(_: Simulation) -> None:
        for end in ("cancel", "close"):
            server = await listen(start_serving=False)
            task = asyncio.create_task(server.serve_forever())
            await asyncio.sleep(1)
            assert server.is_serving()
            with pytest.raises(RuntimeError, match="already"):
                await server.serve_forever()
            task.cancel() if end == "cancel" else server.close()
            await asyncio.wait({task})
            assert task.cancelled()
            assert not server.is_serving()

    simulate(main)


def test_what_is_left_open_is_taken_away_at_the_end() -> None:
    """Servers are closed, and protocols hear that their connections are lost."""
    ends: list[Recorder] = []

    async def main(_: Simulation) -> None:
        ends.extend(await a_connection())

    simulate(main)
    assert [end.events for end in ends] == [["made", "lost"], ["made", "lost"]]
