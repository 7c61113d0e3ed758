"""A backend that is told to end lets its senders have their answers first."""

import asyncio

import aiohttp
import pytest

from fake_backend import FakeBackend, FaultRule, Latency, Status
from fake_backend.faults import Stall
from fake_backend.records import RequestBroken
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import Watch, client_of, connected, event_line, request_bytes, request_head


@in_virtual_time
async def test_a_request_under_way_is_answered_and_new_ones_are_refused() -> None:
    """It has as long as the grace; the backend ends as soon as it is over."""
    rule = FaultRule(fault=Latency(seconds=3.0))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(event_line(1)))
        await asyncio.sleep(1.0)
        began = now()
        draining = asyncio.ensure_future(backend.drain(100.0))
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.post(b"", run="other")
        assert await posting == (200, {"accepted": 1, "duplicate": 0, "last_accepted_seq": 1})
        await draining
        assert now() - began == pytest.approx(2.0, abs=0.1)
        await backend.drain(100.0)
        assert now() - began == pytest.approx(2.0, abs=0.1), "it is down, and there is nothing to drain"


@in_virtual_time
async def test_a_body_that_is_being_sent_is_read_to_its_end() -> None:
    """And the client is told that its connection ends with the answer."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        first, second = event_line(1), event_line(2)
        writer.write(request_head(backend, f"Content-Length: {len(first + second)}") + first)
        await asyncio.sleep(1.0)
        draining = asyncio.ensure_future(backend.drain(100.0))
        await asyncio.sleep(1.0)
        writer.write(second)
        received = await reader.read()
        assert b"Connection: close" in received
        assert b'"accepted": 2' in received
        await draining


@in_virtual_time
async def test_what_is_not_over_in_time_is_cut_off() -> None:
    """And recorded as that."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=Stall())], on_record=watch) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(event_line(1)))
        await asyncio.sleep(1.0)
        began = now()
        await backend.drain(2.0)
        assert now() - began == pytest.approx(2.0, abs=0.1)
        assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]
        with pytest.raises(aiohttp.ClientError):
            await posting


@in_virtual_time
async def test_a_connection_without_a_request_is_closed_at_once() -> None:
    """Be it that it waits for its next one, or that the head of one trickles in."""
    async with FakeBackend() as backend, connected(backend) as (idle, sender), connected(backend) as (slow, trickle):
        sender.write(request_bytes(backend, b""))
        await idle.readuntil(b"}")
        trickle.write(request_head(backend)[:20])
        await asyncio.sleep(1.0)
        began = now()
        await backend.drain(100.0)
        assert (await idle.read(), await slow.read()) == (b"", b"")
        assert now() - began < 0.1


@in_virtual_time
async def test_an_early_answer_is_read_before_its_connection_is_closed() -> None:
    """A client that still sends its body has the time to see that it needn't."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 1000"))
        await reader.readuntil(b"Unavailable")
        began = now()
        draining = asyncio.ensure_future(backend.drain(100.0))
        await asyncio.sleep(1.0)
        assert not draining.done()
        writer.write(b"x" * 1000)
        await draining
        assert now() - began < 2.0
