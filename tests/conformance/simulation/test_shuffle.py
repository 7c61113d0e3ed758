"""Shuffled, a program sees the orders that asyncio doesn't rule out, and none that it does."""

from __future__ import annotations

import asyncio

import pytest

from conformance.simulation import LinkConditions, Simulation, simulate
from tests.conformance.simulation.recorder import a_connection

NUMBERS = list(range(50))


async def timers(_: Simulation) -> list[int]:
    """Set timers for one instant, and return the order in which they ran."""
    ran: list[int] = []
    for number in NUMBERS:
        asyncio.get_running_loop().call_at(1.0, ran.append, number)
    await asyncio.sleep(2)
    return ran


def test_timers_of_one_instant_are_shuffled_by_the_seed() -> None:
    """Each runs once; the same seed gives the same order, another one another, and without shuffling there is none."""
    orders = [simulate(timers, shuffle=True, seed=seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert all(sorted(order) == NUMBERS != order for order in orders)
    assert simulate(timers, seed=1) == simulate(timers, seed=2) == NUMBERS


def test_timers_of_different_instants_stay_in_order() -> None:
    """However little lies between them."""

    async def main(_: Simulation) -> list[int]:
        ran: list[int] = []
        for number in NUMBERS:
            asyncio.get_running_loop().call_at(1.0 + number * 1e-9, ran.append, number)
        await asyncio.sleep(2)
        return ran

    assert simulate(main, shuffle=True) == NUMBERS


def test_call_soon_stays_first_in_first_out() -> None:
    """And so do tasks that start, and those that wait for one lock."""

    async def main(_: Simulation) -> tuple[list[int], list[int]]:
        called: list[int] = []
        locked: list[int] = []
        lock = asyncio.Lock()

        async def enter(number: int) -> None:
            async with lock:
                await asyncio.sleep(0.1)
                locked.append(number)

        for number in NUMBERS:
            asyncio.get_running_loop().call_soon(called.append, number)
        await asyncio.gather(*(enter(number) for number in NUMBERS))
        return called, locked

    assert simulate(main, shuffle=True) == (NUMBERS, NUMBERS)


@pytest.mark.parametrize("conditions", [LinkConditions(), LinkConditions(jitter=0.1), LinkConditions(bandwidth=1000)])
def test_a_stream_stays_in_order(conditions: LinkConditions) -> None:
    """What was sent at one instant arrives in the order in which it was sent, and its end comes last."""

    async def main(_: Simulation) -> tuple[bytes, list[object]]:
        client, server = await a_connection()
        for number in NUMBERS:
            client.transport.write(bytes([number]))
        client.transport.close()
        await server.lost
        return bytes(server.received), server.events[-2:]

    assert simulate(main, shuffle=True, conditions=conditions) == (bytes(NUMBERS), ["eof", "lost"])


def test_what_arrives_over_two_connections_at_one_instant_comes_in_either_order() -> None:
    """So that a race between them is found: some seed has the one first, some seed the other."""

    async def main(_: Simulation) -> str:
        loop = asyncio.get_running_loop()
        arrived: list[str] = []

        class Noter(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                arrived.append(data.decode())

        await loop.create_server(Noter, "127.0.0.1", 80)
        transports = [(await loop.create_connection(asyncio.Protocol, "127.0.0.1", 80))[0] for _ in range(2)]
        await asyncio.sleep(1)
        for name, transport in zip("ab", transports, strict=True):
            transport.write(name.encode())
        await asyncio.sleep(1)
        return "".join(arrived)

    assert {simulate(main, shuffle=True, seed=seed) for seed in range(20)} == {"ab", "ba"}
    assert {simulate(main, seed=seed) for seed in range(20)} == {"ab"}
