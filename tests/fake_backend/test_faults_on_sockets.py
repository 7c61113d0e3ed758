"""What a reset, an end and a refusal are on real sockets, where the system has its part in it."""

import asyncio

import pytest

from fake_backend import FakeBackend, Fault, FaultRule
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    Down,
    IdleCut,
    LimitData,
    Slicer,
    SlowClose,
    Timeout,
)
from fake_backend.records import BackendCameUp
from tests.fake_backend.wire import Watch, connected, event_lines, read_to_end, request_bytes, request_head

MOMENT = 0.01


@pytest.mark.parametrize(
    "fault",
    [
        Timeout(seconds=MOMENT),
        Timeout(seconds=MOMENT, phase="after-accept"),
        LimitData(size=1_000, stream="upstream"),
        LimitData(size=0, stream="downstream"),
        BufferRequest(seconds=MOMENT, status=None),
    ],
)
async def test_an_end_is_no_reset_though_much_was_not_read(fault: Fault) -> None:
    """With a megabyte on its way, the client still reads the end of the stream before anything else."""
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, connected(backend) as (reader, writer):
        body = b" " * 999_999 + b"\n"
        # A proxy waits for the rest of a body that isn't whole.
        writer.write(request_head(backend, f"Content-Length: {len(body) + isinstance(fault, BufferRequest)}") + body)
        assert await read_to_end(reader) == (b"", False)


@pytest.mark.parametrize("fault", [Slicer(size=9), Bandwidth(rate=10_000), SlowClose(seconds=MOMENT)])
async def test_an_answer_in_pieces_is_whole(fault: Fault) -> None:
    """However it goes out, aiohttp's framing and ours make one answer."""
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_lines(1, 2), "Connection: close"))
        received, was_reset = await read_to_end(reader)
    assert not was_reset
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert body == b'{"accepted": 2, "duplicate": 0, "last_accepted_seq": 2}'


async def test_a_reused_connection_is_reset() -> None:
    """The system tells of it as a reset."""
    async with FakeBackend(faults=[FaultRule(fault=CloseOnReuse())]) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        await reader.readuntil(b"}")
        writer.write(request_head(backend))
        assert await read_to_end(reader) == (b"", True)


@pytest.mark.parametrize("rest", [b"", b"POST / HTTP/1.1\r\n"])
async def test_an_idle_connection_is_reset(rest: bytes) -> None:
    """With nothing under way, or with half a head of the next request."""
    rule = FaultRule(fault=IdleCut(seconds=10 * MOMENT))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        await reader.readuntil(b"}")
        writer.write(rest)
        assert await read_to_end(reader) == (b"", True)


async def test_a_backend_that_is_down_by_a_fault_refuses_and_comes_up_on_its_port() -> None:
    """Its port is free meanwhile, and then its own again."""
    watch = Watch()
    rule = FaultRule(fault=Down(seconds=10 * MOMENT), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            assert await read_to_end(reader) == (b"", True)
        with pytest.raises(ConnectionRefusedError):
            async with connected(backend):
                pass
        await watch.until(BackendCameUp)
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            assert (await asyncio.wait_for(reader.readline(), 5.0)).startswith(b"HTTP/1.1 200 ")
