"""Unmodified aiohttp, client and server, runs in a simulation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from conformance.simulation import LinkConditions, Side, Simulation, simulate
from tests.conformance.simulation.clients import URL, echo, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize("url", [URL, "http://localhost:8080/"])
def test_a_client_and_a_server_of_aiohttp_talk(url: str) -> None:
    """Connecting takes a round trip, and so does each request; the default connector and resolver do."""

    async def main(sim: Simulation) -> list[float]:
        times = []
        async with serving(echo), aiohttp.ClientSession() as session:
            for body in (b"one", b"two"):
                async with session.post(url, data=body) as response:
                    assert await response.read() == body
                times.append(sim.time())
        return times

    assert simulate(main, conditions=LinkConditions(latency=0.1)) == pytest.approx([0.4, 0.6])


def test_a_large_body_streams_both_ways() -> None:
    """Two megabytes, through buffers of 64 KiB."""

    async def main(_: Simulation) -> bool:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            async for chunk in request.content.iter_any():
                await response.write(chunk)
            return response

        async def body() -> AsyncIterator[bytes]:
            for number in range(256):
                yield bytes([number]) * 8192

        async with serving(handler), aiohttp.ClientSession() as session, session.post(URL, data=body()) as response:
            return await response.read() == b"".join([part async for part in body()])

    assert simulate(main)


def test_a_request_over_a_stalled_link_times_out_in_virtual_time() -> None:
    """The server has got it, and the answer doesn't arrive."""

    async def main(sim: Simulation) -> tuple[float, list[float]]:
        served: list[float] = []

        async def handler(request: web.Request) -> web.Response:
            served.append(sim.time())
            return await echo(request)

        timeout = aiohttp.ClientTimeout(total=300)
        async with serving(handler), aiohttp.ClientSession(timeout=timeout) as session:
            async with session.get(URL):
                pass
            sim.network.link("127.0.0.1", 8080).stall(toward=Side.CLIENT)
            start = sim.time()
            with pytest.raises(TimeoutError):
                await session.get(URL)
            took = sim.time() - start
            sim.network.link("127.0.0.1", 8080).release()
        return took, served

    took, served = simulate(main)
    assert took == pytest.approx(300, abs=1)  # aiohttp rounds long timeouts up to a second of the clock
    assert served == pytest.approx([0.015, 0.025])


def test_a_server_that_is_down_is_an_error_of_the_client() -> None:
    """And no real socket is left open, which would be a warning."""

    async def main(_: Simulation) -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
                await session.get(URL)

    simulate(main)


def test_thousands_of_requests_with_resets_all_end() -> None:
    """Each is answered or fails, and every answer is the right one."""

    async def main(sim: Simulation) -> dict[str, int]:
        counts = {"answered": 0, "failed": 0}

        async def requests(session: aiohttp.ClientSession, worker: int) -> None:
            for number in range(50):
                body = f"{worker}:{number}".encode()
                try:
                    async with session.post(URL, data=body) as response:
                        assert await response.read() == body
                    counts["answered"] += 1
                except aiohttp.ClientError:
                    counts["failed"] += 1

        async def havoc() -> None:
            sides = [Side.BOTH, Side.CLIENT, Side.SERVER]
            for turn in range(1_000_000):
                await asyncio.sleep(0.037)
                sim.network.reset_all(seen_by=sides[turn % 3])

        # A server that alone sees a reset leaves its client waiting, until the client's own timeout.
        timeout = aiohttp.ClientTimeout(total=2)
        async with serving(echo), aiohttp.ClientSession(timeout=timeout) as session:
            trouble = asyncio.create_task(havoc())
            await asyncio.gather(*(requests(session, worker) for worker in range(40)))
            trouble.cancel()
        return counts

    counts = simulate(main)
    assert sum(counts.values()) == 2000
    assert counts["answered"] > 1000
    assert counts["failed"] > 20
