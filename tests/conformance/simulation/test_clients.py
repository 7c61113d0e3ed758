"""Unmodified clients run in a simulation, and see of a broken network what they would see of a real one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from conformance.simulation import LinkConditions, Side, Simulation, simulate
from tests.conformance.simulation.clients import CLIENTS, BrokenError, echo, serving, with_aiohttp, with_httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from conformance.simulation import Link, Network
    from tests.conformance.simulation.clients import Post

    Client = Callable[[float], AbstractAsyncContextManager[Post]]

each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
LARGE = bytes(range(256)) * 4096


def the_link(network: Network) -> Link:
    """The link that the clients go over."""
    return network.link("127.0.0.1", 8080)


@each_client
@pytest.mark.parametrize(
    "conditions",
    [
        LinkConditions(),
        LinkConditions(jitter=0.1),
        LinkConditions(bandwidth=1e6),
        LinkConditions(slice=1000),
        LinkConditions(jitter=0.01, bandwidth=1e7, slice=1448),
    ],
    ids=["plain", "jitter", "bandwidth", "slice", "all"],
)
def test_bodies_go_there_and_back(client: Client, conditions: LinkConditions) -> None:
    """Small and large, over any link."""

    async def main(_: Simulation) -> list[bytes]:
        async with serving(echo), client(300.0) as post:
            return [await post(body) for body in (b"small", LARGE, b"small again")]

    assert simulate(main, conditions=conditions) == [b"small", LARGE, b"small again"]


@each_client
def test_a_megabyte_takes_its_time_over_a_thin_link(client: Client) -> None:
    """A second there at a megabyte a second, and a second back, and little more."""

    async def main(sim: Simulation) -> float:
        async with serving(echo), client(300.0) as post:
            await post(LARGE)
            return sim.time()

    assert simulate(main, conditions=LinkConditions(bandwidth=len(LARGE))) == pytest.approx(2.0, abs=0.05)


@each_client
def test_a_reset_is_an_error_and_the_next_request_goes_through(client: Client) -> None:
    """Also where the server had got the request."""

    async def main(sim: Simulation) -> bytes:
        async def slow(request: web.Request) -> web.Response:
            await asyncio.sleep(1)
            return await echo(request)

        async with serving(slow), client(300.0) as post:
            request = asyncio.ensure_future(post(b"lost"))
            await asyncio.sleep(0.5)
            assert sim.network.reset_all() == 1
            with pytest.raises(BrokenError):
                await request
            return await post(b"found")

    assert simulate(main) == b"found"


@each_client
def test_a_link_that_is_down_is_an_error_and_comes_back(client: Client) -> None:
    """Refused at once, and not at a timeout."""

    async def main(sim: Simulation) -> bytes:
        async with serving(echo), client(300.0) as post:
            the_link(sim.network).go_down()
            with pytest.raises(BrokenError):
                await post(b"refused")
            assert sim.time() < 1
            the_link(sim.network).come_up()
            return await post(b"accepted")

    assert simulate(main) == b"accepted"


@each_client
@pytest.mark.parametrize("toward", [Side.CLIENT, Side.SERVER, Side.BOTH])
def test_a_stall_is_ended_by_the_timeout_of_the_client(client: Client, toward: Side) -> None:
    """In virtual time; and after the release a request goes through."""

    async def main(sim: Simulation) -> tuple[float, bytes]:
        async with serving(echo), client(30.0) as post:
            await post(b"first")
            the_link(sim.network).stall(toward=toward)
            start = sim.time()
            with pytest.raises(TimeoutError):
                await post(b"stalled")
            took = sim.time() - start
            the_link(sim.network).release()
            return took, await post(b"last")

    took, last = simulate(main)
    assert took == pytest.approx(30.0, abs=1.0)  # aiohttp rounds long timeouts up to a second of the clock
    assert last == b"last"


@each_client
def test_a_half_closed_answer_is_an_error(client: Client) -> None:
    """The stream ends where an answer was due."""

    async def main(sim: Simulation) -> None:
        async def slow(request: web.Request) -> web.Response:
            await asyncio.sleep(1)
            return await echo(request)

        async with serving(slow), client(300.0) as post:
            request = asyncio.ensure_future(post(b"x"))
            await asyncio.sleep(0.5)
            assert the_link(sim.network).half_close(seen_by=Side.CLIENT) == 1
            with pytest.raises(BrokenError):
                await request
            assert sim.time() < 1

    simulate(main)


@pytest.mark.parametrize("client", [with_aiohttp, with_httpx])
def test_a_pool_uses_a_connection_again_until_it_has_ended(client: Client) -> None:
    """A pool that keeps connections looks whether the idle one is still good, and finds the truth."""

    async def main(sim: Simulation) -> list[bytes]:
        async def tell_port(request: web.Request) -> web.Response:
            assert request.transport is not None
            await request.read()
            return web.Response(text=str(request.transport.get_extra_info("peername")[1]))

        async with serving(tell_port), client(300.0) as post:
            ports = [await post(b""), await post(b"")]
            the_link(sim.network).half_close(seen_by=Side.CLIENT)
            await asyncio.sleep(1)
            ports.append(await post(b""))
            the_link(sim.network).reset()
            await asyncio.sleep(1)
            return [*ports, await post(b"")]

    first, second, third, fourth = simulate(main)
    assert first == second
    assert len({second, third, fourth}) == 3
