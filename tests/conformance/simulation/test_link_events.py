"""Half-closes and outages: each side sees what it would of the real thing."""

from __future__ import annotations

import asyncio

import pytest

from conformance.simulation import Side, Simulation, simulate
from conformance.simulation.transport import RECEIVE_BUFFER
from tests.conformance.simulation.recorder import HOST, PORT, Recorder, a_connection


@pytest.mark.parametrize("seen_by", [Side.CLIENT, Side.SERVER])
def test_a_half_close_ends_one_direction_and_leaves_the_other(seen_by: Side) -> None:
    """The end of the stream comes after what was on its way; what is written after it is lost without a word."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection(keeps_open=True)
        sees, other = (client, server) if seen_by is Side.CLIENT else (server, client)
        other.transport.write(b"before")
        assert sim.network.link(HOST, PORT).half_close(seen_by=seen_by) == 1
        assert sim.network.link(HOST, PORT).half_close(seen_by=seen_by) == 1
        other.transport.write(b"after")
        sees.transport.write(b"the other way")
        await asyncio.sleep(1)
        assert sees.events == ["made", 6, "eof"]
        assert other.events == ["made", 13]

    simulate(main)


def test_after_a_half_close_the_other_end_is_held_up() -> None:
    """As by a peer that doesn't read: nothing tells it that its bytes are lost."""

    async def main(sim: Simulation) -> list[object]:
        client, server = await a_connection(keeps_open=True)
        sim.network.link(HOST, PORT).half_close(seen_by=Side.CLIENT)
        server.transport.write(bytes(3 * RECEIVE_BUFFER))
        await asyncio.sleep(100)
        assert client.events == ["made", "eof"]
        return server.events

    assert simulate(main) == ["made", "pause"]


def test_a_program_that_closes_after_a_half_close_ends_the_connection() -> None:
    """Its own end of the stream goes the other way, which is open."""

    async def main(sim: Simulation) -> list[object]:
        client, server = await a_connection()
        sim.network.link(HOST, PORT).half_close(seen_by=Side.CLIENT)
        assert await client.lost is None
        assert await server.lost is None
        return [*client.events, *server.events]

    assert simulate(main) == ["made", "eof", "lost", "made", "eof", "lost"]


def test_a_half_close_leaves_alone_what_the_server_has_not_got_yet() -> None:
    """A connection that is being made is no stream."""

    async def main(sim: Simulation) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, HOST, PORT)
        client = Recorder()
        await loop.create_connection(lambda: client, HOST, PORT)
        assert sim.network.link(HOST, PORT).half_close(seen_by=Side.BOTH) == 0
        await asyncio.sleep(1)
        assert client.events == ["made"]
        assert sim.network.link(HOST, PORT).half_close(seen_by=Side.BOTH) == 1
        await client.lost
        assert sim.network.link(HOST, PORT).half_close(seen_by=Side.BOTH) == 0

    simulate(main)


def test_a_link_that_is_down_resets_and_refuses_until_it_comes_up() -> None:
    """As a server that died: who asks is told so at once."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        assert link.go_down() == 1
        assert isinstance(await client.lost, ConnectionResetError)
        assert isinstance(await server.lost, ConnectionResetError)
        start = sim.time()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, PORT)
        assert sim.time() - start == pytest.approx(0.01)
        link.come_up()
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, HOST, PORT)

    simulate(main)


def test_an_unreachable_host_says_nothing_until_it_comes_up() -> None:
    """Connections neither break nor move, attempts wait, and afterwards all of them go on."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        assert link.go_down(unreachable=True) == 0
        client.transport.write(b"kept")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.open_connection(HOST, PORT)
        assert server.events == ["made"]
        assert not client.lost.done()
        link.come_up()
        await asyncio.sleep(1)
        assert server.received == b"kept"
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, HOST, PORT)

    simulate(main)
