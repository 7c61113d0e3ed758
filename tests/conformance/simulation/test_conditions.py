"""A link delays, thins and slices what passes it as its conditions say, and changes nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.simulation import LinkConditions, Simulation, simulate
from conformance.simulation.transport import RECEIVE_BUFFER
from tests.conformance.simulation.recorder import HOST, PORT, Recorder, a_connection

NO_DELAY = LinkConditions(latency=0.0)


@pytest.mark.parametrize(
    ("condition", "value", "right"),
    [
        ("latency", -0.001, "a finite number of seconds from 0 on"),
        ("latency", float("inf"), "a finite number of seconds from 0 on"),
        ("latency", float("nan"), "a finite number of seconds from 0 on"),
        ("jitter", -1.0, "a finite number of seconds from 0 on"),
        ("jitter", float("nan"), "a finite number of seconds from 0 on"),
        ("bandwidth", 0, "more than 0 bytes a second, or None"),
        ("bandwidth", float("inf"), "more than 0 bytes a second, or None"),
        ("bandwidth", float("nan"), "more than 0 bytes a second, or None"),
        ("slice", 0, "1 byte at least, or None"),
        ("slice", -7, "1 byte at least, or None"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition: str, value: Any, right: str) -> None:
    """The error names the condition, its value, and what would be right."""
    with pytest.raises(ValueError, match=f"^{condition} must be {right}, not {value!r}$"):
        LinkConditions(**{condition: value})


async def arrivals(client: Recorder, server: Recorder, *chunks: bytes) -> list[tuple[float, object]]:
    """Send chunks, all at once, and return how many bytes arrived when, counted from now."""
    start = asyncio.get_running_loop().time()
    for chunk in chunks:
        client.transport.write(chunk)
    await asyncio.sleep(1_000)
    return [(round(time - start, 9), what) for time, what in server.trace if what != "made"]


# Jitter.


def test_jitter_makes_each_chunk_late_by_up_to_so_much_and_keeps_the_order() -> None:
    """What is sent a second apart is late by more or less; what is sent at once arrives as it was sent."""

    async def main(sim: Simulation) -> tuple[list[float], bytes]:
        sim.network.link(HOST, PORT).conditions = LinkConditions(latency=0.1, jitter=0.5)
        client, server = await a_connection()
        starts = []
        for _ in range(50):
            starts.append(sim.time())
            client.transport.write(b"x")
            await asyncio.sleep(1)
        delays = [time - start for (time, _), start in zip(server.trace[1:], starts, strict=True)]
        server.received.clear()
        for number in range(100):
            client.transport.write(bytes([number]))
        await asyncio.sleep(1)
        return delays, bytes(server.received)

    delays, received = simulate(main)
    assert min(delays) >= 0.1
    assert max(delays) <= 0.6
    assert max(delays) - min(delays) > 0.4, "fifty draws are spread over the range"
    assert received == bytes(range(100))


def test_the_seed_decides_the_jitter() -> None:
    """The same seed gives the same delays, another one others, and traffic on another link changes none."""

    def delays(seed: int, *, elsewhere: bool = False) -> list[tuple[float, object]]:
        async def main(_: Simulation) -> list[tuple[float, object]]:
            loop = asyncio.get_running_loop()
            client, server = await a_connection()
            if elsewhere:
                await loop.create_server(asyncio.Protocol, HOST, PORT + 1)
                await loop.create_connection(asyncio.Protocol, HOST, PORT + 1)
            for _chunk in range(10):
                client.transport.write(b"x")
                await asyncio.sleep(10 - loop.time() % 10)
            return server.trace[2:]

        return simulate(main, conditions=LinkConditions(jitter=1.0), seed=seed)

    assert delays(1) == delays(1) == delays(1, elsewhere=True)
    assert delays(1) != delays(2)


# Bandwidth.


def test_bytes_take_their_time_through_a_pipe() -> None:
    """A chunk arrives a latency after its last byte has left, and the next one leaves after it."""

    async def main(sim: Simulation) -> list[tuple[float, object]]:
        client, server = await a_connection()
        sim.network.link(HOST, PORT).conditions = LinkConditions(latency=0.005, bandwidth=1000)
        return await arrivals(client, server, bytes(500), bytes(1000), bytes(1))

    assert simulate(main) == [(0.505, 500), (1.505, 1000), (1.506, 1)]


def test_each_way_has_the_bandwidth_of_its_own() -> None:
    """What goes there doesn't slow down what comes back."""

    async def main(_: Simulation) -> list[float]:
        client, server = await a_connection()
        client.transport.write(bytes(1000))
        server.transport.write(bytes(1000))
        await asyncio.sleep(10)
        return [end.trace[-1][0] for end in (client, server)]

    assert simulate(main, conditions=LinkConditions(latency=0.0, bandwidth=1000)) == [1.0, 1.0]


def test_the_connections_of_a_link_share_its_bandwidth() -> None:
    """A second connection waits for its turn, also to be made; one over another link doesn't."""

    async def main(sim: Simulation) -> list[float]:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, HOST, PORT)
        transport, _ = await loop.create_connection(asyncio.Protocol, HOST, PORT)
        transport.write(bytes(2000))
        await loop.create_connection(asyncio.Protocol, HOST, PORT)
        times = [sim.time()]
        await loop.create_server(asyncio.Protocol, HOST, PORT + 1)
        await loop.create_connection(asyncio.Protocol, HOST, PORT + 1)
        return [*times, sim.time()]

    assert simulate(main, conditions=LinkConditions(latency=0.0, bandwidth=1000)) == [2.0, 2.0]


def test_a_new_bandwidth_holds_at_once_for_what_waits_too() -> None:
    """Half of a chunk went slowly, the other half goes faster, and without a limit the rest leaves now."""

    async def main(sim: Simulation) -> list[float]:
        client, server = await a_connection()
        link = sim.network.link(HOST, PORT)
        link.conditions = LinkConditions(latency=0.0, bandwidth=100)
        start = sim.time()
        for _chunk in range(3):
            client.transport.write(bytes(1000))
        await asyncio.sleep(5)
        link.conditions = LinkConditions(latency=0.0, bandwidth=1000)
        await asyncio.sleep(1)
        link.conditions = NO_DELAY
        await asyncio.sleep(1)
        client.transport.write(bytes(1))
        await asyncio.sleep(1)
        return [time - start for time, _ in server.trace[1:]]

    assert simulate(main) == pytest.approx([5.5, 6.0, 6.0, 7.0])


def test_what_a_connection_leaves_behind_makes_room_for_others() -> None:
    """An abort takes back what hadn't left, and a connection that waited behind it is made at once."""

    async def main(sim: Simulation) -> float:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, HOST, PORT)
        transport, _ = await loop.create_connection(asyncio.Protocol, HOST, PORT)
        transport.write(bytes(1000))
        transport.write(bytes(1000))
        connecting = asyncio.create_task(loop.create_connection(asyncio.Protocol, HOST, PORT))
        await asyncio.sleep(2)
        transport.abort()
        await connecting
        return sim.time()

    assert simulate(main, conditions=LinkConditions(latency=0.0, bandwidth=1)) == 2.0


def test_a_writer_waits_for_a_slow_link() -> None:
    """`drain()` returns when the rest fits into the buffers, and not when it was written."""

    async def main(sim: Simulation) -> float:
        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1 << 16):
                pass
            writer.close()

        await asyncio.start_server(swallow, HOST, PORT)
        _, writer = await asyncio.open_connection(HOST, PORT)
        start = sim.time()
        writer.write(bytes(4 * RECEIVE_BUFFER))
        await writer.drain()
        took = sim.time() - start
        writer.close()
        return took

    bandwidth = RECEIVE_BUFFER
    took = simulate(main, conditions=LinkConditions(latency=0.0, bandwidth=bandwidth))
    assert 2.0 < took <= 4.0


# Slices.


@pytest.mark.parametrize("is_paced", [False, True])
def test_bytes_arrive_in_slices(*, is_paced: bool) -> None:
    """None is larger, the rest is smaller and comes right after; with a bandwidth each takes its own time."""

    async def main(_: Simulation) -> list[tuple[float, object]]:
        client, server = await a_connection()
        return await arrivals(client, server, bytes(10))

    conditions = LinkConditions(latency=0.0, bandwidth=1 if is_paced else None, slice=4)
    expected = [(4.0, 4), (8.0, 4), (10.0, 2)] if is_paced else [(0.0, 4), (1e-6, 4), (2e-6, 2)]
    assert simulate(main, conditions=conditions) == expected


def test_a_program_can_act_on_a_slice_before_the_next_one_comes() -> None:
    """A reader that was waiting gets the first slice alone."""

    async def main(_: Simulation) -> list[bytes]:
        async def send(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"one two")
            writer.close()

        await asyncio.start_server(send, HOST, PORT)
        reader, writer = await asyncio.open_connection(HOST, PORT)
        parts = []
        while part := await reader.read(100):
            parts.append(part)
        writer.close()
        return parts

    assert simulate(main, conditions=LinkConditions(slice=3)) == [b"one", b" tw", b"o"]
    assert simulate(main) == [b"one two"]


def test_slices_hold_for_a_reader_that_had_paused() -> None:
    """What has piled up isn't handed over as a whole, and the end comes last."""

    async def main(_: Simulation) -> list[object]:
        client, server = await a_connection()
        server.transport.pause_reading()
        client.transport.write(bytes(7))
        client.transport.close()
        await asyncio.sleep(1)
        server.transport.resume_reading()
        await asyncio.sleep(1)
        return server.events

    assert simulate(main, conditions=LinkConditions(slice=3)) == ["made", 3, 3, 1, "eof", "lost"]


# All of them.


CONDITIONS = st.builds(
    LinkConditions,
    latency=st.sampled_from([0.0, 0.005]),
    jitter=st.sampled_from([0.0, 0.05]),
    bandwidth=st.sampled_from([None, 1e5, 1e7]),
    slice=st.sampled_from([None, 1000, 100_000]),
)


@given(
    steps=st.lists(st.tuples(CONDITIONS, st.integers(0, 2 * RECEIVE_BUFFER), st.integers(0, 50)), max_size=12),
    seed=st.integers(0, 9),
    shuffle=st.booleans(),
)
def test_whatever_the_conditions_become_the_same_bytes_arrive_in_order(
    steps: list[tuple[LinkConditions, int, int]], seed: int, *, shuffle: bool
) -> None:
    """Conditions that change under way delay bytes, and neither lose, repeat nor mix them."""

    async def main(sim: Simulation) -> tuple[bytes, bytes]:
        client, server = await a_connection()
        sent = bytearray()
        for number, (conditions, size, pause) in enumerate(steps):
            sim.network.link(HOST, PORT).conditions = conditions
            data = bytes([number]) * size
            sent += data
            client.transport.write(data)
            await asyncio.sleep(pause / 1000)
        client.transport.close()
        assert await server.lost is None
        return bytes(sent), bytes(server.received)

    sent, received = simulate(main, seed=seed, shuffle=shuffle)
    assert received == sent
