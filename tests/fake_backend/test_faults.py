"""Every fault at every point of a request: what the client sees, what was taken, what was written down."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, get_args

import aiohttp
import pytest

from fake_backend import AnswerSent, FakeBackend, Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults import Partial, Phase, Stall
from fake_backend.records import BodyEnded, FaultStruck, LineReceived, RequestBroken
from tests.fake_backend.wire import (
    PATIENCE,
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

TAKEN_BY: dict[Phase, int] = {"before-read": 0, "before-accept": 0, "after-lines": 2, "after-accept": 4, "in-answer": 4}
"""How many of four lines are taken when a fault strikes; `after-lines` is after the second."""

PHASES = [pytest.param(phase, 2 if phase == "after-lines" else 0, id=phase) for phase in TAKEN_BY]
MOMENT = 0.01


def test_every_phase_is_tested() -> None:
    """A new point of a request can't go without tests."""
    assert set(TAKEN_BY) == set(get_args(Phase))


def taken(accepted: int, duplicate: int, last: int) -> tuple[int, dict[str, Any]]:
    """Write the answer of a body that was taken."""
    return 200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last}


@pytest.mark.parametrize(("phase", "lines"), PHASES)
async def test_a_reset_is_a_reset_and_what_was_taken_stays(phase: Phase, lines: int) -> None:
    """The client sees a TCP reset, not an end; in the answer, after its head and half its body."""
    watch = Watch()
    fault = ResetPeer(phase=phase, lines=lines)
    async with FakeBackend(faults=[FaultRule(fault=fault)], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_lines(1, 4)))
            received, was_reset = await read_to_end(reader)
        assert backend.run("run").last_accepted_seq == TAKEN_BY[phase]
    assert was_reset
    if phase == "in-answer":
        head, _, body = received.partition(b"\r\n\r\n")
        whole = b'{"accepted": 4, "duplicate": 0, "last_accepted_seq": 4}'
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Length: %d" % len(whole) in head
        assert body == whole[: len(whole) // 2]
    else:
        assert received == b""
    assert [record.fault for record in watch.of(FaultStruck)] == [fault]
    assert [record.cause for record in watch.of(RequestBroken)] == ["fault"]
    assert not watch.of(AnswerSent)


@pytest.mark.parametrize(("phase", "lines"), PHASES)
@pytest.mark.parametrize("kind", [Latency, Stall])
async def test_what_only_takes_time_changes_nothing_else(phase: Phase, lines: int, kind: type[Latency | Stall]) -> None:
    """After the time is over the request goes on as if nothing had been."""
    fault = kind(phase=phase, lines=lines, seconds=MOMENT)
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, client_of(backend) as client:
        assert await client.post(event_lines(1, 4)) == taken(4, 0, 4)
    struck, answered = backend.history[0], backend.history[-1]
    assert isinstance(answered, AnswerSent)
    assert answered.time - struck.time >= MOMENT
    assert [record.fault for record in backend.history if isinstance(record, FaultStruck)] == [fault]


@pytest.mark.parametrize(("phase", "lines"), PHASES)
async def test_a_stall_without_end_ends_with_its_client(phase: Phase, lines: int) -> None:
    """Nothing comes and nothing closes until the client gives up, which ends the request."""
    watch = Watch()
    fault = Stall(phase=phase, lines=lines)
    async with FakeBackend(faults=[FaultRule(fault=fault)], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_lines(1, 4)))
            await watch.until(FaultStruck)
            if phase == "in-answer":
                await reader.readuntil(b"\r\n\r\n")
                await reader.read(1_000)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), MOMENT)
            assert not watch.of(RequestBroken)
            writer.close()
            broken = await watch.until(RequestBroken)
        assert broken.cause == "client-disconnected"
        assert backend.run("run").last_accepted_seq == TAKEN_BY[phase]
    assert len(watch.of(RequestBroken)) == 1
    assert not watch.of(AnswerSent)


async def test_a_stall_before_reading_leaves_the_body_to_back_up() -> None:
    """A body that is larger than the buffers in between can't be sent while nobody reads it."""
    watch = Watch()
    rule = FaultRule(fault=Stall(phase="before-read"))
    size = 64 * 2**20
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (_, writer):
        writer.write(request_head(backend, f"Content-Length: {size}"))
        await watch.until(FaultStruck)
        writer.write(b" " * size)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 5 * MOMENT)
        assert writer.transport.get_write_buffer_size() > size // 2
    assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]


@pytest.mark.parametrize(
    ("phase", "lines"), [(phase, lines) for phase, lines in [param.values for param in PHASES] if phase != "in-answer"]
)
@pytest.mark.parametrize("status", [200, 302, 400, 409, 413, 429, 500, 503, 599])
async def test_a_status_takes_the_place_of_the_answer(phase: Phase, lines: int, status: int) -> None:
    """The client sees another answer, with the truth in it where a backend would tell it, whatever was taken."""
    fault = Status(status=status, headers={"Retry-After": "7"}, phase=phase, lines=lines)
    last = TAKEN_BY[phase]
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, client_of(backend) as client:
        async with client.session.post(
            backend.ingest_url("run"), data=event_lines(1, 4), allow_redirects=False
        ) as response:
            said = await response.json()
            assert (response.status, response.headers["Retry-After"]) == (status, "7")
        assert backend.run("run").last_accepted_seq == last
    if status == 200:
        assert said == {"accepted": last, "duplicate": 0, "last_accepted_seq": last}
    else:
        assert isinstance(said.pop("error"), str)
        assert said == ({"last_accepted_seq": last} if status in {409, 413} else {})
    answered = backend.history[-1]
    assert isinstance(answered, AnswerSent)
    assert (answered.status, answered.headers) == (status, {"Retry-After": "7"})


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateways_status_comes_with_a_page(status: int) -> None:
    """Who gives them isn't the backend, and says nothing in its form."""
    fault = Status(status=status, headers={"Retry-After": "7"})
    async with (
        FakeBackend(faults=[FaultRule(fault=fault)]) as backend,
        client_of(backend) as client,
        client.session.post(backend.ingest_url("run"), data=event_lines(1, 4)) as response,
    ):
        assert f"<h1>{status} " in await response.text()
        assert (response.status, response.content_type) == (status, "text/html")
        assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("body", "headers", "content_type"),
    [
        ("<h1>Bad Gateway</h1>", {}, "text/html; charset=utf-8"),
        ("", {}, "text/html; charset=utf-8"),
        (' {"detail": "slow down"}', {}, "application/json"),
        ("{", {"content-type": "text/plain"}, "text/plain"),
    ],
)
async def test_a_proxy_says_what_it_likes(body: str, headers: dict[str, str], content_type: str) -> None:
    """A body of the fault's own is sent as it is, with the type that it looks like or is said to have."""
    rule = FaultRule(fault=Status(status=502, body=body, headers=headers))
    async with (
        FakeBackend(faults=[rule]) as backend,
        client_of(backend) as client,
        client.session.post(backend.ingest_url("run")) as response,
    ):
        assert (await response.text(), response.headers["Content-Type"]) == (body, content_type)


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_body_has_none(status: int) -> None:
    """Where HTTP forbids a body there is none, on the wire and in the record."""
    rule = FaultRule(fault=Status(status=status, body="text"), requests=(1,))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        async with client.session.post(backend.ingest_url("run")) as response:
            assert (response.status, await response.read()) == (status, b"")
        assert await client.post() == taken(0, 0, 0)
    sent = next(record for record in backend.history if isinstance(record, AnswerSent))
    assert sent.body == ""


async def test_a_status_may_close_the_connection() -> None:
    """`Connection: close` is said and done."""
    rule = FaultRule(fault=Status(status=503, headers={"Connection": "close"}))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        received, was_reset = await read_to_end(reader)
    assert b"\r\nConnection: close\r\n" in received
    assert not was_reset


@pytest.mark.parametrize(("lines", "ignored"), [(0, 4), (1, 3), (3, 1), (4, 0), (9, 0)])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_partial_request_is_taken_up_to_a_line(lines: int, ignored: int, *, at_once: bool) -> None:
    """Only the first lines are taken, the rest is read, and the answer says how far it got."""
    fault = Partial(lines=lines)
    watch = Watch()

    async def one_by_one() -> AsyncIterator[bytes]:
        for seq in range(1, 5):
            yield event_line(seq)
            await watch.until(LineReceived, count=seq)

    body = event_lines(1, 4) if at_once else one_by_one()
    async with FakeBackend(faults=[FaultRule(fault=fault)], on_record=watch) as backend, client_of(backend) as client:
        assert await client.post(body) == taken(4 - ignored, 0, 4 - ignored)
    decisions = [record.decision for record in watch.of(LineReceived)]
    assert decisions == ["accepted"] * (4 - ignored) + ["ignored"] * ignored
    assert [record.fault for record in watch.of(FaultStruck)] == ([fault] if ignored else [])
    assert [record.lines for record in watch.of(BodyEnded)] == [4]


@pytest.mark.parametrize("by", ["line", "headers"])
async def test_a_completion_past_a_partial_request_is_ignored(by: str) -> None:
    """What comes after the last line that is taken doesn't complete the run."""
    body, headers = event_lines(1, 2), {}
    if by == "line":
        body += completion_line(1)
    else:
        headers = {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "1"}
    rule = FaultRule(fault=Partial(lines=1))
    async with FakeBackend(faults=[rule], legacy_completion=True) as backend, client_of(backend) as client:
        assert await client.post(body, headers=headers) == taken(1, 0, 1)
        assert not backend.run("run").complete


async def test_the_fewest_lines_win_among_partial_requests() -> None:
    """Two such faults on one request are as one, the stricter."""
    rules = [FaultRule(fault=Partial(lines=3)), FaultRule(fault=Partial(lines=1))]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        assert await client.post(event_lines(1, 4)) == taken(1, 0, 1)


@pytest.mark.parametrize(
    "fault", [ResetPeer(phase="after-lines", lines=5), Status(status=503, phase="after-lines", lines=5)]
)
async def test_a_body_with_fewer_lines_is_not_struck_after_more(fault: Fault) -> None:
    """A fault after the fifth line leaves a request of four alone."""
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, client_of(backend) as client:
        assert await client.post(event_lines(1, 4)) == taken(4, 0, 4)
    assert not [record for record in backend.history if isinstance(record, FaultStruck)]


async def test_a_refused_line_counts_as_decided() -> None:
    """A fault after the second line strikes before the answer that refuses that line."""
    rule = FaultRule(fault=Status(status=503, phase="after-lines", lines=2))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post(event_line(1) + event_line(9)))[0] == 503


async def test_a_refusal_is_lost_like_any_answer() -> None:
    """`after-accept` is before the answer whatever it is: a 409 is lost too, and an early 400."""
    async with FakeBackend(faults=[FaultRule(fault=ResetPeer())]) as backend, client_of(backend) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(event_line(5))
        with pytest.raises(aiohttp.ClientError):
            await client.post(headers={"X-PostHog-Event-Stream-Complete": "true"})
    assert not [record for record in backend.history if isinstance(record, AnswerSent)]


async def test_faults_of_one_request_strike_in_order() -> None:
    """By points of the request first; at one point what takes time comes before what ends the request."""
    faults: list[Fault] = [
        ResetPeer(phase="in-answer"),
        Status(status=503, phase="after-accept"),
        Status(status=502, phase="after-accept"),
        Latency(phase="after-accept", seconds=0.0),
        Stall(phase="after-lines", lines=2, seconds=0.0),
        Latency(phase="after-lines", lines=1, seconds=0.0),
        Latency(phase="before-accept", seconds=0.0),
        Stall(phase="before-read", seconds=0.0),
    ]
    rules = [FaultRule(fault=fault) for fault in faults]
    async with FakeBackend(faults=rules) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_lines(1, 3)))
        received, was_reset = await read_to_end(reader)
    assert received.startswith(b"HTTP/1.1 503 ")
    assert was_reset
    struck = [record.fault for record in backend.history if isinstance(record, FaultStruck)]
    assert struck == [faults[index] for index in (7, 6, 5, 4, 3, 1, 0)]


async def test_a_slow_backend_takes_what_it_has_read_after_its_client_left() -> None:
    """A request that timed out is over for its client, and is taken later all the same."""
    watch = Watch()
    rule = FaultRule(fault=Latency(phase="before-accept", seconds=5 * MOMENT))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_bytes(backend, event_lines(1, 2) + completion_line(2)))
            await watch.until(FaultStruck)
            writer.close()
        ended = await watch.until(BodyEnded)
        assert (backend.run("run").last_accepted_seq, backend.run("run").complete) == (2, True)
    (broken,) = watch.of(RequestBroken)
    assert broken.cause == "client-disconnected"
    assert watch.records.index(broken) < watch.records.index(watch.of(LineReceived)[0])
    assert broken.time < ended.time
    assert not watch.of(AnswerSent)


async def test_an_answer_to_a_client_that_left_is_none() -> None:
    """A client that leaves while its answer is being written gets half of it, and no AnswerSent."""
    watch = Watch()
    rule = FaultRule(fault=Latency(phase="in-answer", seconds=5 * MOMENT))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_bytes(backend, event_line(1)))
            await watch.until(FaultStruck)
        await watch.until(RequestBroken)
        await asyncio.sleep(6 * MOMENT)
    assert not watch.of(AnswerSent)


async def test_a_status_before_reading_answers_without_the_body() -> None:
    """A proxy refuses on the strength of the head; the client needn't send any of the body."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 100"))
        assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 503 ")


async def test_a_torn_answer_to_a_body_that_was_not_read_closes_too() -> None:
    """An early answer ends its connection, also when it comes in two halves."""
    rule = FaultRule(fault=Latency(phase="in-answer", seconds=0.0))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 100") + event_line(2))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert head.startswith(b"HTTP/1.1 409 ")
    assert b"\r\nConnection: close\r\n" in head
