"""Connections take round trips, and what goes wrong on a link is what was asked for."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest

from conformance.simulation import LinkConditions, Side, Simulation, simulate
from tests.conformance.simulation.recorder import HOST, PORT, Recorder, a_connection


def test_a_connection_takes_one_round_trip() -> None:
    """The server knows half a round trip later, when the client's part of the handshake arrives."""

    async def main(_: Simulation) -> tuple[object, object]:
        client, server = await a_connection()
        return client.trace[0], server.trace[0]

    assert simulate(main) == ((0.01, "made"), (0.015, "made"))
    assert simulate(main, conditions=LinkConditions(latency=0.25)) == ((0.5, "made"), (0.75, "made"))
    assert simulate(main, conditions=LinkConditions(latency=0.0)) == ((0.0, "made"), (0.0, "made"))


def test_a_link_has_conditions_of_its_own() -> None:
    """A new latency holds for what is sent from then on, and nothing is overtaken."""

    async def main(sim: Simulation) -> list[tuple[float, object]]:
        client, server = await a_connection()
        link = sim.network.link("localhost", PORT)
        assert sim.network.links == (link,)
        link.conditions = LinkConditions(latency=1.0)
        client.transport.write(b"slow")
        link.conditions = LinkConditions(latency=0.005)
        client.transport.write(b"fast")
        await asyncio.sleep(2)
        assert server.received == b"slowfast"
        return server.trace[1:]

    assert simulate(main) == [(1.015, 4), (1.015, 4)]


@pytest.mark.parametrize("host", [HOST, "localhost", "127.1.2.3", "::1"])
def test_where_nobody_listens_a_connection_is_refused_after_a_round_trip(host: str) -> None:
    """With the error that the real network gives."""

    async def main(sim: Simulation) -> float:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, PORT)
        return sim.time()

    assert simulate(main) == 0.01


def test_a_link_can_refuse_although_somebody_listens() -> None:
    """New connections are refused until it accepts again; open ones go on."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        link.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, PORT)
        client.transport.write(b"x")
        await asyncio.sleep(1)
        assert server.received == b"x"
        link.accept()
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, HOST, PORT)

    simulate(main)


@pytest.mark.parametrize(
    ("seen_by", "of_client", "of_server"),
    [
        (Side.BOTH, ConnectionResetError, ConnectionResetError),
        (Side.CLIENT, ConnectionResetError, None),
        (Side.SERVER, None, ConnectionResetError),
    ],
)
def test_a_reset_is_seen_by_the_sides_it_is_meant_for(
    seen_by: Side, of_client: type[Exception] | None, of_server: type[Exception] | None
) -> None:
    """At once. What was on its way to a side that sees it is lost, to one that doesn't it arrives."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        client.transport.write(b"to the server")
        server.transport.write(b"to the client")
        start = sim.time()
        assert sim.network.reset_all(seen_by=seen_by) == 1
        for end, expected in ((client, of_client), (server, of_server)):
            if expected is not None:
                assert isinstance(await end.lost, expected)
        assert sim.time() == start
        await asyncio.sleep(1)
        for end, expected in ((client, of_client), (server, of_server)):
            assert bool(end.received) == (expected is None)

    simulate(main)


def test_the_side_that_did_not_see_a_reset_learns_on_its_next_write() -> None:
    """One round trip later; until then the connection looks alive to it."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        client.transport.write(b"lost")
        assert link.reset(seen_by=Side.SERVER) == 1
        await asyncio.sleep(60)
        assert not client.lost.done()
        client.transport.write(b"?")
        assert isinstance(await client.lost, ConnectionResetError)
        assert sim.time() == pytest.approx(60.025)
        assert server.received == b""
        assert link.reset() == 0

    simulate(main)


@pytest.mark.parametrize("after", [0.0, 0.006, 0.01, 0.012])
def test_a_connection_that_is_being_made_can_be_reset(after: float) -> None:
    """At any point of the handshake: its client sees it, and the server never hears of it."""

    async def main(sim: Simulation) -> None:
        accepted: list[str] = []

        def accept() -> asyncio.Protocol:
            accepted.append("connection")
            return asyncio.Protocol()

        loop = asyncio.get_running_loop()
        await loop.create_server(accept, HOST, PORT)
        client = Recorder()
        attempt = asyncio.create_task(loop.create_connection(lambda: client, HOST, PORT))
        await asyncio.sleep(after)
        assert sim.network.reset_all(seen_by=Side.SERVER) == sim.network.reset_all() == 1
        if after > 0.01:
            await attempt
            assert isinstance(await client.lost, ConnectionResetError)
        else:
            with pytest.raises(ConnectionResetError):
                await attempt
        await asyncio.sleep(1)
        assert accepted == []
        assert sim.network.reset_all() == 0

    simulate(main)


def test_a_stall_lets_nothing_arrive_and_nothing_close() -> None:
    """After its end everything arrives, in order, at the time of the release."""

    async def main(sim: Simulation) -> list[tuple[float, object]]:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        client.transport.write(b"on its way")
        link.stall()
        assert link.is_stalled
        client.transport.write(b"later")
        client.transport.close()
        await asyncio.sleep(100)
        assert server.events == ["made"]
        link.release()
        client.transport.write(b"after close")
        await asyncio.sleep(1)
        return server.trace[1:]

    assert simulate(main) == [(100.015, 10), (100.015, 5), (100.015, "eof"), (100.015, "lost")]


def test_a_stall_can_be_one_way() -> None:
    """Nothing gets to the side it is toward, everything to the other."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        link.stall(toward=Side.CLIENT)
        client.transport.write(b"request")
        server.transport.write(b"response")
        await asyncio.sleep(10)
        assert server.received == b"request"
        assert client.received == b""
        link.release(toward=Side.SERVER)
        await asyncio.sleep(10)
        assert client.received == b""
        link.release(toward=Side.CLIENT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert client.received == b"response"

    simulate(main)


def test_a_stall_holds_up_connecting_as_well() -> None:
    """A connection attempt is neither answered nor refused, until a timeout of its own or the release."""

    async def main(sim: Simulation) -> tuple[list[tuple[float, object]], int]:
        link = sim.network.link(HOST, PORT)
        link.stall()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(HOST, PORT), 30)
        connecting = asyncio.create_task(a_connection())
        await asyncio.sleep(30)
        link.release()
        client, server = await connecting
        return [*client.trace, *server.trace], len(link.connections)

    # The attempt that was given up left nothing behind.
    assert simulate(main) == ([(60.005, "made"), (60.01, "made")], 1)


def test_a_reset_goes_through_a_stall() -> None:
    """It is something that was asked for, and not something that has to arrive."""

    async def main(sim: Simulation) -> None:
        client, server = await a_connection()
        sim.network.link(HOST, PORT).stall()
        sim.network.reset_all()
        assert isinstance(await client.lost, ConnectionResetError)
        assert isinstance(await server.lost, ConnectionResetError)

    simulate(main)


def test_links_do_not_disturb_each_other() -> None:
    """What happens to one address leaves the next one alone."""

    async def main(sim: Simulation) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, HOST, 1)
        await loop.create_server(asyncio.Protocol, HOST, 2)
        first, second = Recorder(), Recorder()
        await loop.create_connection(lambda: first, HOST, 1)
        await loop.create_connection(lambda: second, HOST, 2)
        await asyncio.sleep(1)
        assert sim.network.link(HOST, 1).reset() == 1
        assert isinstance(await first.lost, ConnectionResetError)
        assert not second.lost.done()

    simulate(main)


def test_a_host_of_the_network_has_a_name_and_an_address() -> None:
    """Servers listen there, and clients reach it by either."""

    async def main(sim: Simulation) -> None:
        loop = asyncio.get_running_loop()
        address = sim.network.add_host("backend.example")
        assert sim.network.add_host("backend.example") == address == "10.0.0.1"
        assert sim.network.add_host("other.example") == "10.0.0.2"
        await loop.create_server(asyncio.Protocol, "backend.example", 80)
        for host in ("backend.example", address):
            transport, _ = await loop.create_connection(asyncio.Protocol, host, 80)
            assert transport.get_extra_info("peername") == (address, 80)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, "other.example", 80)

    simulate(main)


def test_names_are_looked_up_in_the_network() -> None:
    """`getaddrinfo` has the local names and addresses, in the family that is asked for."""

    async def main(_: Simulation) -> None:
        loop = asyncio.get_running_loop()
        ipv4 = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
        assert await loop.getaddrinfo("localhost", 80) == [ipv4]
        assert await loop.getaddrinfo(b"127.0.0.1", "80", family=socket.AF_INET) == [ipv4]
        assert await loop.getaddrinfo(None, None) == [(*ipv4[:4], ("127.0.0.1", 0))]
        (ipv6,) = await loop.getaddrinfo("::1", 80, family=socket.AF_INET6)
        assert ipv6[0] == socket.AF_INET6
        assert ipv6[4] == ("::1", 80, 0, 0)
        with pytest.raises(socket.gaierror, match="has no address of the family"):
            await loop.getaddrinfo("localhost", 80, family=socket.AF_INET6)

    simulate(main)


def test_a_client_that_gives_up_connecting_leaves_nothing_behind() -> None:
    """A cancelled attempt isn't answered, and one cancelled at the last moment is closed."""

    async def main(sim: Simulation) -> None:
        loop = asyncio.get_running_loop()
        servers: list[Recorder] = []

        def accept() -> Recorder:
            servers.append(Recorder())
            return servers[-1]

        await loop.create_server(accept, HOST, PORT)
        for steps, moment in itertools.product(range(5), (0.0, 0.003, 0.007, 0.01)):
            attempt = asyncio.create_task(loop.create_connection(asyncio.Protocol, HOST, PORT))
            await asyncio.sleep(moment)
            for _ in range(steps):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.wait({attempt})
            if not attempt.cancelled():
                transport, _ = attempt.result()
                transport.close()
        await asyncio.sleep(1)
        assert servers
        assert all(server.events == ["made", "eof", "lost"] for server in servers)
        assert sim.network.reset_all() == 0

    simulate(main)


def test_a_real_socket_stands_for_a_connection_once_the_loop_has_connected_it() -> None:
    """As happy eyeballs do it; the real socket is closed, and one that was forgotten is reset."""

    async def main(sim: Simulation) -> None:
        loop = asyncio.get_running_loop()
        servers: list[Recorder] = []

        def accept() -> Recorder:
            servers.append(Recorder())
            return servers[-1]

        await loop.create_server(accept, HOST, PORT)
        with socket.socket() as forgotten:
            number = forgotten.fileno()
            await loop.sock_connect(forgotten, (HOST, PORT))
        await asyncio.sleep(1)
        sock = socket.socket(fileno=socket.socket().detach())
        assert sock.fileno() == number, "the operating system gives the lowest number that is free"
        await loop.sock_connect(sock, (HOST, PORT))
        transport, _ = await loop.create_connection(Recorder, sock=sock)
        assert sock.fileno() == -1
        transport.write(b"x")
        await asyncio.sleep(1)
        assert [server.events for server in servers] == [["made", ConnectionResetError], ["made", 1]]

        sock = socket.socket()
        await loop.sock_connect(sock, (HOST, PORT))
        sim.network.reset_all()
        with pytest.raises(ConnectionResetError):
            await loop.create_connection(Recorder, sock=sock)

    simulate(main)
