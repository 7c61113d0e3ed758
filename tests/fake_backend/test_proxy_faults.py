"""Faults of what stands before a backend: a proxy that holds bodies back, and a balancer that cuts what is idle."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, Latency, ResetPeer
from fake_backend.faults import BufferRequest, IdleCut, RequestKind, Slicer
from fake_backend.records import BodyEnded, FaultStruck, LineReceived, RequestBroken
from tests.fake_backend.virtual_time import ROUND_TRIP, in_virtual_time, now
from tests.fake_backend.wire import (
    Watch,
    client_of,
    completion_line,
    connected,
    event_line,
    event_lines,
    read_to_end,
    request_bytes,
    request_head,
)


async def dripping(*pieces: bytes, every: float) -> AsyncIterator[bytes]:
    """Give pieces of a body, and as much of a rest behind each."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(every)


LINES = (event_line(1), event_line(2), event_line(3))
KINDS: list[RequestKind] = ["any", "data"]


def taken(watch: Watch) -> list[tuple[int, int | None]]:
    """Which lines were accepted, each with its request."""
    return [(line.request, line.seq) for line in watch.of(LineReceived) if line.decision == "accepted"]


@pytest.mark.parametrize("of", KINDS)
@in_virtual_time
async def test_a_body_gets_through_at_once_when_it_has_ended(of: RequestKind) -> None:
    """However long it took, as long as it was never quiet for the proxy's patience; then all of it is answered."""
    watch = Watch()
    rule = FaultRule(fault=BufferRequest(seconds=1.0), of=of)
    async with FakeBackend(faults=[rule], on_record=watch) as backend, client_of(backend) as client:
        told = {"accepted": 3, "duplicate": 0, "last_accepted_seq": 3}
        assert await client.post(dripping(*LINES, every=0.9)) == (200, told)
        assert await client.post(completion_line(3)) == (200, {**told, "accepted": 0})
        assert backend.run("run").complete
    times = [line.time for line in watch.of(LineReceived)]
    assert times == [watch.of(BodyEnded)[0].time] * 3 == [pytest.approx(2.7 + 1.5 * ROUND_TRIP, abs=0.001)] * 3
    assert [struck.request for struck in watch.of(FaultStruck)] == ([1, 2] if of == "any" else [1])


@pytest.mark.parametrize("of", KINDS)
@in_virtual_time
async def test_a_quiet_body_is_thrown_away(of: RequestKind) -> None:
    """The proxy answers with its own page and ends the connection, and nothing of it ever gets to the backend."""
    watch = Watch()
    rule = FaultRule(fault=BufferRequest(seconds=1.0), of=of)
    async with FakeBackend(faults=[rule], on_record=watch) as backend, client_of(backend) as client:
        body = dripping(*LINES, every=1.5)
        async with client.session.post(backend.ingest_url("run"), data=body) as answer:
            assert (answer.status, answer.content_type, answer.headers["Connection"]) == (408, "text/html", "close")
            assert "408 Request Timeout" in await answer.text()
        assert now() == pytest.approx(1.0 + 2 * ROUND_TRIP, abs=0.001)
        await asyncio.sleep(60.0)
        assert backend.run("run").last_accepted_seq == 0
        assert (await client.post(b"".join(LINES)))[0] == 200
    assert not [line for line in watch.of(LineReceived) if line.request == 1]


@in_virtual_time
async def test_a_proxy_may_close_without_a_word() -> None:
    """As nginx does, which writes a 408 into its log alone: the client reads the end of the stream, and no reset."""
    watch = Watch()
    rule = FaultRule(fault=BufferRequest(seconds=1.0, status=None), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 1000") + LINES[0])
        assert await read_to_end(reader) == (b"", False)
        assert now() == pytest.approx(1.0 + 2 * ROUND_TRIP, abs=0.001)
    assert watch.of(RequestBroken)[0].cause == "fault"
    assert not watch.of(LineReceived)


@in_virtual_time
async def test_what_a_client_that_leaves_has_sent_never_gets_there() -> None:
    """The proxy has no whole body to hand on."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=BufferRequest())], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, "Content-Length: 1000") + b"".join(LINES))
            await asyncio.sleep(1.0)
        await asyncio.sleep(100.0)
        assert backend.run("run").last_accepted_seq == 0
    assert watch.of(RequestBroken)[0].cause == "client-disconnected"
    assert not watch.of(LineReceived)


@in_virtual_time
async def test_what_was_held_back_is_struck_like_any_body() -> None:
    """The points of a request come once its body has."""
    rules = [FaultRule(fault=BufferRequest()), FaultRule(fault=ResetPeer(phase="after-lines", lines=2))]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(dripping(*LINES, every=0.5))
        assert now() == pytest.approx(1.5 + 2 * ROUND_TRIP, abs=0.001)
        assert backend.run("run").last_accepted_seq == 2


@in_virtual_time
async def test_an_idle_connection_is_cut_between_requests() -> None:
    """A kept-alive connection over which nothing moves is reset, and the request before that was as ever."""
    watch = Watch()
    rule = FaultRule(fault=IdleCut(seconds=2.0), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        for number in range(1, 4):
            writer.write(request_bytes(backend, event_line(number)))
            await reader.readuntil(b"}")
            await asyncio.sleep(1.9)
        assert not watch.of(FaultStruck)
        assert await read_to_end(reader) == (b"", True)
    assert [answer.status for answer in watch.of(AnswerSent)] == [200] * 3
    assert not watch.of(RequestBroken)
    (struck,) = watch.of(FaultStruck)
    assert (struck.request, struck.fault) == (3, IdleCut(seconds=2.0))
    assert struck.time == pytest.approx(watch.of(AnswerSent)[-1].time + 2.0)


@in_virtual_time
async def test_an_idle_connection_is_cut_in_the_middle_of_a_request() -> None:
    """Each byte puts it off; what was read by then is taken."""
    watch = Watch()
    async with (
        FakeBackend(faults=[FaultRule(fault=IdleCut(seconds=1.0))], on_record=watch) as backend,
        client_of(backend) as client,
    ):
        await client.post(dripping(*LINES[:2], every=0.9))
        with pytest.raises(aiohttp.ClientError):
            await client.post(dripping(LINES[2], every=1.1))
        assert backend.run("run").last_accepted_seq == 3
    assert [answer.request for answer in watch.of(AnswerSent)] == [1]
    assert [(broken.request, broken.cause) for broken in watch.of(RequestBroken)] == [(2, "fault")]
    assert [struck.request for struck in watch.of(FaultStruck)] == [2]


@pytest.mark.parametrize(
    ("fault", "is_cut"),
    [
        (Latency(seconds=1.5), True),
        (Latency(seconds=0.5), False),
        (Slicer(size=20, delay=0.5), False),  # a byte of an answer is one, too
        (Slicer(size=20, delay=1.5), True),
    ],
)
@in_virtual_time
async def test_an_answer_that_takes_longer_than_that_never_comes(fault: Any, is_cut: bool) -> None:  # noqa: FBT001
    """The balancer doesn't know that something is waited for."""
    watch = Watch()
    rules = [FaultRule(fault=IdleCut(seconds=1.0)), FaultRule(fault=fault)]
    async with FakeBackend(faults=rules, on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_lines(1, 3)))
        received = await read_to_end(reader) if is_cut else (await reader.readuntil(b"}"), False)
        assert received[1] is is_cut
        assert received[0].endswith(b"}") is not is_cut
        assert backend.run("run").last_accepted_seq == 3
    assert [struck.fault for struck in watch.of(FaultStruck)].count(IdleCut(seconds=1.0)) == is_cut


@in_virtual_time
async def test_of_several_the_strictest_holds() -> None:
    """The least patient proxy, and the shortest idle time, also one that a later request brings."""
    rules = [
        FaultRule(fault=BufferRequest(seconds=3.0, status=504)),
        FaultRule(fault=BufferRequest(seconds=1.0)),
        FaultRule(fault=IdleCut(seconds=4.0)),
        FaultRule(fault=IdleCut(seconds=2.0), requests=(2,)),
        FaultRule(fault=IdleCut(seconds=3.0), requests=(2,)),
    ]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        async with client.session.post(backend.ingest_url("run"), data=dripping(*LINES, every=2.0)) as answer:
            assert answer.status == 408
        async with connected(backend) as (reader, writer):
            began = now()
            writer.write(request_bytes(backend, b""))
            await reader.readuntil(b"}")
            assert await read_to_end(reader) == (b"", True)
        assert now() - began == pytest.approx(2.0 + ROUND_TRIP, abs=0.001)


@in_virtual_time
async def test_a_connection_that_is_gone_is_not_watched() -> None:
    """Nothing is left of it when its client leaves first."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=IdleCut(seconds=1.0))], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            await reader.readuntil(b"}")
        await asyncio.sleep(10.0)
    assert not watch.of(FaultStruck)
