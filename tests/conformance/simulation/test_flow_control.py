"""A sender waits for its receiver, and bytes for either: none is lost, repeated or mixed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.simulation import Simulation, simulate
from conformance.simulation.transport import RECEIVE_BUFFER
from tests.conformance.simulation.recorder import HOST, PORT, a_connection

MORE_THAN_FITS = b"x" * (4 * RECEIVE_BUFFER)


def test_drain_waits_while_the_peer_does_not_read_and_goes_on_when_it_does() -> None:
    """What the receive buffer doesn't take stays with the sender, whose size of it tells."""

    async def main(sim: Simulation) -> None:
        accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.get_running_loop().create_future()
        )

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result((reader, writer))

        async with await asyncio.start_server(accept, HOST, PORT, limit=1024):
            _, writer = await asyncio.open_connection(HOST, PORT)
            writer.write(MORE_THAN_FITS)
            drained = asyncio.create_task(writer.drain())
            await asyncio.sleep(60)
            assert not drained.done()
            # The reader has taken one buffer full, and no more of the next one than its own limit made it wait for.
            assert writer.transport.get_write_buffer_size() >= len(MORE_THAN_FITS) - 2 * RECEIVE_BUFFER
            reader, other_writer = await accepted
            await reader.readexactly(len(MORE_THAN_FITS))
            await drained
            assert writer.transport.get_write_buffer_size() < RECEIVE_BUFFER
            assert sim.time() < 61
            writer.close()
            other_writer.close()

    simulate(main)


def test_a_protocol_is_paused_and_resumed_at_the_limits_it_set() -> None:
    """`pause_writing` above the high-water mark, `resume_writing` at the low one."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        client.transport.set_write_buffer_limits(high=1000, low=100)
        assert client.transport.get_write_buffer_limits() == (100, 1000)
        server.transport.pause_reading()
        client.transport.write(bytes(RECEIVE_BUFFER))
        client.transport.write(bytes(1000))
        assert client.events == ["made"]
        client.transport.write(b"!")
        assert client.events == ["made", "pause"]
        assert client.transport.get_write_buffer_size() == 1001
        await asyncio.sleep(9)
        assert server.events == ["made"]
        server.transport.resume_reading()
        await asyncio.sleep(9)
        assert client.events == ["made", "pause", "resume"]
        assert server.received == bytes(RECEIVE_BUFFER + 1000) + b"!"

    simulate(main)


def test_credit_comes_back_with_half_a_buffer() -> None:
    """A long stream moves a buffer a round trip at most, as a window of TCP does."""

    async def main(_: Simulation) -> float:
        client, server = await a_connection()
        client.transport.write(MORE_THAN_FITS)
        await asyncio.sleep(60)
        assert server.received == MORE_THAN_FITS
        return server.trace[-1][0]

    # Four buffers: the first takes a latency, each of the others a round trip more.
    assert simulate(main) == pytest.approx(0.015 + 0.005 + 3 * 0.01)


def test_reading_is_paused_until_it_is_resumed() -> None:
    """`is_reading` tells; pausing or resuming twice changes nothing; the end of the stream waits as well."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        assert server.transport.is_reading()
        server.transport.resume_reading()
        server.transport.pause_reading()
        server.transport.pause_reading()
        assert not server.transport.is_reading()
        client.transport.write(b"abc")
        client.transport.write_eof()
        await asyncio.sleep(1)
        assert server.events == ["made"]
        server.transport.resume_reading()
        assert server.transport.is_reading()
        await asyncio.sleep(1)
        assert server.events == ["made", 3, "eof", "lost"]
        server.transport.pause_reading()
        server.transport.resume_reading()
        assert not server.transport.is_reading()

    simulate(main)


def test_credit_that_comes_too_late_is_no_harm() -> None:
    """The sender may have left when the receiver has taken its bytes."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        client.transport.write(bytes(RECEIVE_BUFFER))
        await asyncio.sleep(0.006)
        client.transport.close()
        assert await server.lost is None
        assert len(server.received) == RECEIVE_BUFFER

    simulate(main)


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 3 * RECEIVE_BUFFER)),
        st.tuples(st.sampled_from(["pause", "resume", "stall", "release"]), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 20)),
    ),
    max_size=30,
)


@given(steps=STEPS, is_half_closed=st.booleans())
def test_whatever_happens_meanwhile_the_same_bytes_arrive_in_order(steps: list[Step], *, is_half_closed: bool) -> None:
    """Writes, pauses and stalls in any order delay bytes, and neither lose, repeat nor mix them."""

    async def main(sim: Simulation) -> tuple[bytes, bytes, list[object]]:
        link = sim.network.link(HOST, PORT)
        client, server = await a_connection()
        sent = bytearray()
        for number, (step, amount) in enumerate(steps):
            match step:
                case "write":
                    data = bytes([number]) * amount
                    sent += data
                    client.transport.write(data)
                case "pause":
                    server.transport.pause_reading()
                case "resume":
                    server.transport.resume_reading()
                case "stall":
                    link.stall()
                case "release":
                    link.release()
                case _:
                    await asyncio.sleep(amount / 1000)
        link.release()
        server.transport.resume_reading()
        if is_half_closed:
            client.transport.write_eof()
        else:
            client.transport.close()
        assert await server.lost is None
        assert await client.lost is None
        return bytes(sent), bytes(server.received), server.events

    sent, received, events = simulate(main)
    assert received == sent
    assert events[-2:] == ["eof", "lost"]
