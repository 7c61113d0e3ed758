"""What happens around the requests: early answers, broken bodies, connections kept and lost."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from fake_backend import AnswerSent, FakeBackend, FaultRule, Latency, Limits
from fake_backend.records import BodyEnded, CompletionReceived, FaultStruck, LineReceived, RequestBroken, RequestStarted
from tests.fake_backend.silent_transport import SilentTransport, connect_silently
from tests.fake_backend.virtual_time import in_virtual_time
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


async def test_an_endless_body_does_not_hide_an_early_answer() -> None:
    """A refused line is answered while the client still sends, and the connection is told to close."""

    async def endless() -> AsyncIterator[bytes]:
        yield event_line(1) + event_line(3)
        while True:
            yield event_line(4) * 1_000
            await asyncio.sleep(0)

    async with (
        FakeBackend() as backend,
        client_of(backend) as client,
        client.session.post(backend.ingest_url("run"), data=endless()) as response,
    ):
        assert response.status == 409
        assert response.headers["Connection"] == "close"
        assert (await response.json())["last_accepted_seq"] == 1
    assert not [record for record in backend.history if isinstance(record, BodyEnded)]


async def test_a_line_that_never_ends_is_refused_before_it_does() -> None:
    """A line past the limit is answered although neither its newline nor the end of the body came."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 4000000") + event_line(1) + b"x" * 1_000_001)
        assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 413 ")
    refused = [record for record in backend.history if isinstance(record, LineReceived)][-1]
    assert (refused.decision, refused.size, refused.raw) == ("too-large", 1_000_001, None)


async def test_a_refused_body_that_arrived_whole_keeps_its_connection() -> None:
    """Where nothing is left to read, there is no reason to close."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert (await client.post(event_line(2)))[0] == 409
        assert (await client.post(event_line(1)))[0] == 200
    started = [record for record in backend.history if isinstance(record, RequestStarted)]
    assert [(record.request, record.connection) for record in started] == [(1, 1), (2, 1)]


async def test_connections_are_numbered_from_1() -> None:
    """Each record of a request names the connection it came over."""
    async with FakeBackend() as backend:
        for _ in range(3):
            async with client_of(backend) as client:
                await client.post()
                await client.post()
    started = [record for record in backend.history if isinstance(record, RequestStarted)]
    assert [record.connection for record in started] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("framing", ["Content-Length: 999", "Transfer-Encoding: chunked"])
async def test_what_arrived_of_a_body_that_breaks_off_stays_taken(framing: str) -> None:
    """The client goes away in the middle: whole lines are taken, the unfinished one and a completion aren't."""
    watch = Watch()
    body = event_lines(1, 2) + completion_line(2) + b'{"seq": 3, "event": {}}'
    if framing.startswith("Transfer"):
        body = b"%x\r\n%b\r\n" % (len(body), body)
    async with FakeBackend(on_record=watch) as backend, connected(backend) as (_, writer):
        writer.write(request_head(backend, framing) + body)
        await watch.until(LineReceived, count=2)
        writer.close()
        broken = await watch.until(RequestBroken)
    assert broken.cause == "client-disconnected"
    assert (backend.run("run").last_accepted_seq, backend.run("run").complete) == (2, False)
    assert not watch.of(AnswerSent)
    assert not watch.of(CompletionReceived)
    assert not watch.of(BodyEnded)


async def leave_at_once(framing: str) -> None:
    """Send a part of a body and end the connection behind it; look for what was whole of it."""
    watch = Watch()
    body = event_lines(1, 2) + b'{"seq": 3, "ev'
    if framing.startswith("Transfer"):
        body = b"fff\r\n" + body
    async with FakeBackend(on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, framing) + body)
            writer.close()
            await writer.wait_closed()
        await watch.until(RequestBroken)
        await watch.until(LineReceived, count=2)
        assert backend.run("run").last_accepted_seq == 2
    assert not watch.of(BodyEnded)


@pytest.mark.parametrize("framing", ["Content-Length: 999", "Transfer-Encoding: chunked"])
async def test_what_came_right_before_the_end_of_its_connection_is_taken(framing: str) -> None:
    """A backend reads a stream in order, so that lines in front of the end of it count; a proxy that cuts sends so."""
    await leave_at_once(framing)


@pytest.mark.parametrize("framing", ["Content-Length: 999", "Transfer-Encoding: chunked"])
@in_virtual_time
async def test_it_is_taken_in_a_simulation_too(framing: str) -> None:
    """The same, on the simulated network."""
    await leave_at_once(framing)


# The end of a body after a first line, whether the body's own end follows, and what becomes of the lines.
LAST_LINES = [
    (event_line(2), True, ["accepted", "accepted"]),
    (event_line(2), False, ["accepted", "accepted"]),
    (event_line(2).rstrip(), True, ["accepted", "accepted"]),
    (event_line(2).rstrip(), False, ["accepted"]),
    (b'{"seq"', True, ["accepted", "invalid"]),
    (b'{"seq"', False, ["accepted"]),
]
FRAMINGS = ["length", "chunked"]


def split_body(last: bytes, framing: str, *, whole: bool) -> tuple[str, bytes, bytes]:
    """Give the header of a body that ends with `last`, and its bytes, cut in the midst of the last line."""
    body = event_line(1) + last
    if framing == "length":
        return f"Content-Length: {len(body) + (not whole)}", body[:-5], body[-5:]
    sent = b"%x\r\n%b\r\n" % (len(body), body)
    cut = len(sent) - 7
    return "Transfer-Encoding: chunked", sent[:cut], sent[cut:] + b"0\r\n\r\n" * whole


async def end_while_the_backend_is_slow(framing: str, last: bytes, taken: list[str], *, whole: bool) -> None:
    """Let the rest of a body and the end of its connection arrive while nobody reads; look for what is taken of it."""
    watch = Watch()
    slow = FaultRule(fault=Latency(phase="before-accept", seconds=0.1), of="data")
    header, first, rest = split_body(last, framing, whole=whole)
    async with FakeBackend(faults=[slow], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, header) + first)
            await watch.until(FaultStruck)
            writer.write(rest)
            writer.close()
            await writer.wait_closed()
        await watch.until(RequestBroken)
        await watch.until(LineReceived)
        await backend.drain(1.0)
    assert [line.decision for line in watch.of(LineReceived)] == taken
    assert len(watch.of(BodyEnded)) == (whole and "invalid" not in taken)


@pytest.mark.parametrize(("last", "whole", "taken"), LAST_LINES)
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_line_counts_when_its_end_or_that_of_its_body_was_seen(
    framing: str, last: bytes, taken: list[str], *, whole: bool
) -> None:
    """What is cut off in the midst of a line is no line, and what was there before its connection was lost counts."""
    await end_while_the_backend_is_slow(framing, last, taken, whole=whole)


@pytest.mark.parametrize(("last", "whole", "taken"), LAST_LINES)
@pytest.mark.parametrize("framing", FRAMINGS)
@in_virtual_time
async def test_it_counts_in_a_simulation_then_too(framing: str, last: bytes, taken: list[str], *, whole: bool) -> None:
    """The same, on the simulated network."""
    await end_while_the_backend_is_slow(framing, last, taken, whole=whole)


@pytest.mark.parametrize(("last", "whole", "taken"), LAST_LINES)
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_it_counts_when_its_connection_is_lost_in_the_same_moment(
    framing: str, last: bytes, taken: list[str], *, whole: bool
) -> None:
    """Whoever waits for more of a body is woken by the last of it, and finds that aiohttp has taken it away."""
    watch = Watch()
    header, first, rest = split_body(last, framing, whole=whole)
    async with FakeBackend(on_record=watch) as backend:
        connection = await connect_silently(backend)
        connection.data_received(request_head(backend, header) + first)
        await watch.until(LineReceived)  # now it waits for the rest of the body
        connection.data_received(rest)
        connection.connection_lost(None)
        await watch.until(RequestBroken)
        await backend.drain(1.0)
    assert [line.decision for line in watch.of(LineReceived)] == taken
    assert len(watch.of(BodyEnded)) == (whole and "invalid" not in taken)


async def test_a_client_that_leaves_at_once_leaves_a_broken_request() -> None:
    """A head whose connection is lost before it is handled is recorded all the same, and ends."""
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, "Content-Length: 999") + event_line(1))
            writer.close()
        assert (await watch.until(RequestBroken)).cause == "client-disconnected"
    assert [type(record) for record in watch.records if not isinstance(record, LineReceived)] == [
        RequestStarted,
        RequestBroken,
    ]


@pytest.mark.parametrize("announced", [30, 999])
@pytest.mark.parametrize("cause", ["client-disconnected", "shutdown"])
async def test_a_request_whose_connection_is_lost_before_it_is_handled_is_recorded(announced: int, cause: str) -> None:
    """What arrives and loses its connection in one turn of the loop has a beginning and an end, and no answer."""
    watch = Watch()
    rule = FaultRule(fault=Latency(phase="before-read", seconds=0.0))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        connection = await connect_silently(backend)
        connection.data_received(request_head(backend, f"Content-Length: {announced}") + event_line(1))
        await asyncio.sleep(0)  # and now its handler is about to begin
        if cause == "shutdown":
            connection.go_down()
        connection.connection_lost(None)
        await watch.until(RequestBroken)
    assert [type(record) for record in watch.records if not isinstance(record, FaultStruck)][:2] == [
        RequestStarted,
        RequestBroken,
    ]
    assert [record.cause for record in watch.of(RequestBroken)] == [cause]
    assert not watch.of(AnswerSent)


async def test_a_transport_without_a_socket_is_reset_by_abort() -> None:
    """On a simulated network there is no socket to be told how to close."""
    transport = SilentTransport()
    async with FakeBackend() as backend:
        connection = await connect_silently(backend, transport)
        connection.reset()
        assert transport.ended_by == ["abort"]
        connection.connection_lost(None)
        connection.reset()
        assert transport.ended_by == ["abort", "close"], "aiohttp closes what is lost; there is nothing left to reset"


@pytest.mark.parametrize("parser", [HttpRequestParser, HttpRequestParserPy])
async def test_a_broken_framing_is_a_408(parser: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the end of the body can't be found but the connection stands, the client reads how far it got.

    aiohttp's parser in Python tells the handler of it; for the one in C, our connection does.
    """
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", parser)
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend, connected(backend) as (reader, writer):
        line = event_line(1)
        writer.write(request_head(backend, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(line), line))
        await watch.until(LineReceived)
        writer.write(b"no chunk\r\n")
        received, _ = await read_to_end(reader)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert received.endswith(b'{"error": "Client disconnected", "last_accepted_seq": 1}')
    assert not watch.of(RequestBroken)


async def test_a_client_that_waits_to_be_asked_is_asked_for_its_body() -> None:
    """`Expect: 100-continue` is answered before the body is read, once."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        body = event_line(1)
        writer.write(request_head(backend, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body[:5])
        await asyncio.sleep(0.005)
        writer.write(body[5:])
        assert (await asyncio.wait_for(reader.readline(), PATIENCE)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (gzip.compress(event_line(1)), 400, "Invalid UTF-8 in event stream"),
        (b"\x1f\x8b" + b"\xff" * 100, 413, "Event line is too large"),
    ],
    ids=["no UTF-8", "no newline"],
)
async def test_a_compressed_body_is_judged_as_it_came(body: bytes, status: int, error: str) -> None:
    """The protocol knows no compression, so its bytes are no lines; the refusal says why they look so odd."""
    async with FakeBackend(limits=Limits(max_line_bytes=100)) as backend, client_of(backend) as client:
        answered, said = await client.post(body, headers={"Content-Encoding": "gzip"})
        assert (answered, said["error"]) == (
            status,
            f"{error} (Content-Encoding is 'gzip'; bodies are read as they come, without decoding)",
        )
        _, said = await client.post(b"nonsense", headers={"Content-Encoding": "identity"})
        assert said == {"error": "Invalid JSON line"}


async def test_what_only_says_that_it_is_compressed_is_taken() -> None:
    """It is the lines that count; what is refused for its number isn't refused for its coding."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert (await client.post(event_line(1), headers={"Content-Encoding": "br"}))[0] == 200
        assert (await client.post(event_line(9), headers={"Content-Encoding": "br"}))[1] == {
            "error": "Expected sequence 2, got 9",
            "last_accepted_seq": 1,
        }


async def test_a_head_is_recorded_as_it_came() -> None:
    """A record of a request holds what identifies it, made storable where it is no UTF-8."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        raw = request_bytes(backend, b"", "Content-Type: text/\xff").replace(b"/ingest", b"/ingest?a=%20")
        writer.write(raw)
        await asyncio.wait_for(reader.readline(), PATIENCE)
    assert backend.history[0] == RequestStarted(
        time=backend.history[0].time,
        request=1,
        connection=1,
        method="POST",
        path="/v1/runs/run/ingest?a=%20",
        host=backend.url.removeprefix("http://"),
        run_id="run",
        authorization="Bearer token",
        content_type="text/ÿ",
        content_length=0,
    )


async def test_a_chunked_body_has_no_length() -> None:
    """Where no length is announced, the record has none."""

    async def pieces() -> AsyncIterator[bytes]:
        yield event_line(1)

    async with FakeBackend() as backend, client_of(backend) as client:
        await client.post(pieces())
    started, *_ = backend.history
    assert isinstance(started, RequestStarted)
    assert started.content_length is None
    ended = [record for record in backend.history if isinstance(record, BodyEnded)]
    assert [(record.size, record.lines) for record in ended] == [(len(event_line(1)), 1)]


async def test_an_error_of_our_own_is_a_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Unlike what a client did wrong, it comes with its traceback."""

    def fail(_record: object) -> None:
        raise ZeroDivisionError

    async with FakeBackend(on_record=fail) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        received, _ = await read_to_end(reader)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert "ZeroDivisionError" in caplog.text
    assert {record.name for record in caplog.records} == {"sendproof.fake_backend"}
