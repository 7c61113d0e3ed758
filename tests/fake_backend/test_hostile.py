"""Hostile clients: each gets a clear answer or a closed connection, at little cost, and the other runs go on."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, Latency
from fake_backend.connection import KEEPALIVE_TIMEOUT, LINGERING_TIME, MOST_AROUND_A_BODY
from fake_backend.records import LineReceived, RequestBroken
from tests.fake_backend.virtual_time import in_virtual_time, no_complaints, now
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

MOST_HELD = 12_000_000
"""Bytes that an attack may cost at the most while it goes on: a few copies of the largest body that is allowed."""

Attack = Callable[[FakeBackend], Iterable[bytes]]


@pytest.fixture(autouse=True)
def silent_server() -> Iterator[None]:
    """No test here may have anything complained of, by aiohttp or by asyncio."""
    with no_complaints():
        yield


async def _tasks_are_over(before: set[asyncio.Task[object]]) -> None:
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=PATIENCE)
    assert not asyncio.all_tasks() - before


async def perform(attack: Attack, *, until_closed: bool = False) -> bytes:
    """Attack a backend; give what it says. Its memory stays bounded, another run goes on, no task is left."""
    before = asyncio.all_tasks()
    async with FakeBackend(keep_history=False) as backend, client_of(backend) as client:
        assert await client.post(event_line(1), run="other") == (200, _taken(1))
        pieces = attack(backend)
        tracemalloc.start()
        async with connected(backend) as (reader, writer):
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    # The backend is given the time to look at what came before the next piece is there.
                    await asyncio.sleep(0.001)
                    await asyncio.wait_for(writer.drain(), PATIENCE)
                    if reader.at_eof():
                        break
            if until_closed:
                said = b""
                with suppress(ConnectionError):
                    said, _ = await read_to_end(reader)
            else:
                said = await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE)
            assert await client.post(event_line(2), run="other") == (200, _taken(2))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert held < MOST_HELD
    await client.session.close()
    await _tasks_are_over(before)
    return said


def _taken(last: int) -> dict[str, int]:
    return {"accepted": 1, "duplicate": 0, "last_accepted_seq": last}


def one(*headers: str, body: bytes = b"") -> Attack:
    """Send a head with these headers, and a body."""
    return lambda backend: [request_head(backend, *headers) + body]


def chunks(*pieces: bytes) -> Attack:
    """Send the head of a body in chunks, then the pieces, each in a segment of its own."""
    return lambda backend: [request_head(backend, "Transfer-Encoding: chunked"), *pieces]


def chunk(data: bytes) -> bytes:
    """Frame a chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


UNREADABLE: dict[str, Attack] = {
    "both lengths": one("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "both lengths, turned": one("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": one("Content-Length: 5", "Content-Length: 6", body=b"abcdef"),
    "a length twice": one("Content-Length: 0", "Content-Length: 0"),
    "a list of lengths": one("Content-Length: 5, 5", body=b"abcde"),
    "a length with a sign": one("Content-Length: +5", body=b"abcde"),
    "a negative length": one("Content-Length: -1"),
    "a length of many digits": one("Content-Length: " + "9" * 5_000),
    "chunked twice": one("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "not quite chunked": one("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked, then packed": one("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "a folded line": one("X-A: a\r\n b", "Content-Length: 0"),
    "NUL in a value": one("X-A: a\0b", "Content-Length: 0"),
    "NUL in a name": one("X\0A: b", "Content-Length: 0"),
    "CR in a value": one("X-A: a\rb", "Content-Length: 0"),
    "space before the colon": one("Content-Length : 0"),
    "bare LF": lambda backend: [request_head(backend, "Content-Length: 0").replace(b"\r\n", b"\n")],
    "no host": lambda backend: [request_head(backend).replace(b"Host:", b"Hosted:")],
    "two hosts": one("Host: evil", "Content-Length: 0"),
    "TLS": lambda _: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4],
    "HTTP/2": lambda _: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    "another HTTP": lambda backend: [request_head(backend).replace(b"HTTP/1.1", b"HTTP/9.9")],
    "a path of odd bytes": lambda _: [b"POST /v1/runs/\xff\x00/ingest HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a host that is none": lambda _: [b"POST http://[::1/v1/runs/a/ingest HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a port that is none": lambda _: [b"POST http://x:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a long path": lambda _: [b"POST /v1/runs/" + b"x" * 100_000 + b"/ingest HTTP/1.1\r\nHost: x\r\n\r\n"],
    "1,000 headers": one(*(f"X-{number}: {number}" for number in range(1_000)), "Content-Length: 0"),
    "chunks that are none": one("Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n"),
    "garbage behind a request": lambda backend: [request_bytes(backend, event_line(1)) + b"\0\1garbage\r\n\r\n"],
    "garbage after a request": lambda backend: [request_bytes(backend, b""), b"\0\1garbage\r\n\r\n"],
}


@pytest.mark.parametrize("attack", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_readable_request_is_a_400(attack: Attack) -> None:
    """Its cause is said in one line, nothing of it is taken, and the connection ends."""
    said = await perform(attack, until_closed=True)
    head, _, body = said[said.rindex(b"HTTP/1.") :].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 Bad Request")
    assert body.startswith(b'{"error": "Not a readable request: ')
    assert body.endswith(b'"}')
    assert b"\n" not in body


ENDLESS: dict[str, Callable[[FakeBackend], Iterator[bytes]]] = {
    "a path": lambda _: _endless(b"POST /", b"x" * 65_536),
    "a header": lambda _: _endless(b"POST / HTTP/1.1\r\nX: ", b"x" * 65_536),
    "headers": lambda _: _endless(b"POST / HTTP/1.1\r\n", b"X: 1\r\n" * 10_000),
    "an extension": lambda backend: _endless(_chunked(backend) + b"3;", b"x" * 65_536),
    "a size": lambda backend: _endless(_chunked(backend), b"0" * 65_536),
    "trailers": lambda backend: _endless(_chunked(backend) + b"0\r\n", b"X: 1\r\n" * 10_000),
    "a trailer": lambda backend: _endless(_chunked(backend) + b"0\r\nX: ", b"x" * 65_536),
}


def _chunked(backend: FakeBackend) -> bytes:
    return request_head(backend, "Transfer-Encoding: chunked")


def _endless(first: bytes, rest: bytes) -> Iterator[bytes]:
    """Give what never ends, for long enough: fifty times what may be kept of it."""
    yield first
    for _ in range(50 * MOST_AROUND_A_BODY // len(rest)):
        yield rest


@pytest.mark.parametrize("name", ENDLESS)
async def test_framing_without_an_end_is_not_kept(name: str) -> None:
    """The connection is closed long before all of it has come, and little of it is held until then."""
    arrived = 0

    def counted(backend: FakeBackend) -> Iterator[bytes]:
        nonlocal arrived
        for piece in ENDLESS[name](backend):
            arrived += len(piece)
            yield piece

    await perform(counted, until_closed=True)
    assert arrived < 25 * MOST_AROUND_A_BODY


GARBLED: dict[str, tuple[list[bytes], int]] = {
    "the first": ([b"zz\r\nabc\r\n"], 0),
    "the second": ([chunk(event_line(1)), b"zz\r\nabc\r\n"], 1),
    "the second, at once": ([chunk(event_line(1)) + b"zz\r\nabc\r\n"], 1),
    "negative": ([b"-5\r\nabc\r\n"], 0),
    "of many digits": ([b"f" * 40 + b"\r\nabc\r\n"], 0),
    "longer than it says": ([b"3\r\nabcdef\r\n0\r\n\r\n"], 0),
}


@pytest.mark.parametrize(("pieces", "last"), GARBLED.values(), ids=GARBLED)
async def test_chunks_that_are_garbled_after_the_head_are_a_408(pieces: list[bytes], last: int) -> None:
    """What had come before is taken, the answer says so, and the connection ends."""
    said = await perform(chunks(*pieces), until_closed=True)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert said.endswith(b'{"error": "Client disconnected", "last_accepted_seq": %d}' % last)


@in_virtual_time
async def test_lines_before_a_garbled_chunk_are_taken_by_a_backend_that_was_not_reading() -> None:
    """They wait while a fault has the backend wait, and count when that is over."""
    rule = FaultRule(fault=Latency(seconds=1.0, phase="before-read"))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Transfer-Encoding: chunked"))
        await asyncio.sleep(0.1)
        writer.write(chunk(event_lines(1, 3)))
        await asyncio.sleep(0.1)
        writer.write(b"zz\r\n")
        said, _ = await read_to_end(reader)
        assert said.endswith(b'"last_accepted_seq": 3}')


@in_virtual_time
async def test_garbage_after_an_early_answer_ends_the_connection_at_once() -> None:
    """Nobody wants the rest of that body, so nobody waits for its end."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Transfer-Encoding: chunked") + chunk(b"nonsense\n"))
        await reader.readuntil(b"}")
        writer.write(b"zz\r\n")
        assert await read_to_end(reader) == (b"", False)
        assert now() < LINGERING_TIME


@in_virtual_time
async def test_garbage_behind_a_body_that_was_cut_off_breaks_nothing() -> None:
    """The connection is lost in the very turn of the loop in which it can't be understood any more."""
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend:
        assert backend._server is not None
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, "Transfer-Encoding: chunked"))
            await asyncio.sleep(1)
            (connection,) = backend._server.connections
            assert connection.transport is not None
            connection.transport.abort()
            connection.data_received(b"zz\r\n")
            await watch.until(RequestBroken)
    assert not watch.of(AnswerSent)


LINE = event_line(1)
TOO_LARGE = b"HTTP/1.1 413 "
BAD = b"HTTP/1.1 400 "
FINE = b"HTTP/1.1 200 "


def whole(body: bytes, *headers: str) -> Attack:
    """Send a request with this body."""
    return lambda backend: [request_bytes(backend, body, *headers)]


def deep(levels: int) -> bytes:
    """Write an event that is so deep."""
    return b'{"seq":1,"event":{"a":' + b"[" * levels + b"]" * levels + b"}}\n"


BODIES: dict[str, tuple[Attack, bytes, bytes]] = {
    "lines without end": (chunks(*[chunk(LINE * 2_000)] * 300), TOO_LARGE, b"Too many events in request"),
    "a line without end": (chunks(*[chunk(b"x" * 60_000)] * 100), TOO_LARGE, b"Event line is too large"),
    "white space without end": (chunks(*[chunk(b"\n" * 60_000)] * 100), TOO_LARGE, b"request is too large"),
    "a million lines": (whole(LINE + b"{}\n" * 1_000_000), BAD, b"Event sequence must be a positive integer"),
    "a million lines of white space": (whole(b"\n" * 1_000_000), FINE, b'"accepted": 0'),
    "chunks of a byte": (chunks(*[chunk(b" ") * 10_000] * 10, b"0\r\n\r\n"), FINE, b'"accepted": 0'),
    "400,000 levels": (whole(deep(400_000)), BAD, b"Invalid JSON line"),
    "5,000 levels": (whole(deep(5_000)), BAD, b"Invalid JSON line"),
    "objects in objects": (
        whole(b'{"seq":1,"event":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"),
        BAD,
        b"Invalid JSON line",
    ),
    "no UTF-8": (whole(b'{"seq":1,"event":{"a":"\xff\xfe"}}\n'), BAD, b"Invalid UTF-8 in event stream"),
    "a huge number": (whole(b'{"seq":' + b"9" * 900_000 + b',"event":{}}\n'), BAD, b"Invalid JSON line"),
    "a large number": (whole(b'{"seq":' + b"9" * 4_000 + b',"event":{}}\n'), b"HTTP/1.1 409 ", b"Expected sequence 1"),
    "a huge integer in an event": (
        whole(b'{"seq":1,"event":{"a":' + b"9" * 900_000 + b"}}\n"),
        BAD,
        b"Invalid JSON line",
    ),
    "a large final number": (whole(completion_line(10**4_000)), b"HTTP/1.1 409 ", b"Cannot complete stream"),
    "packed": (whole(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip"), BAD, b"Invalid UTF-8"),
    "not packed, as it says": (whole(b"junk", "Content-Encoding: deflate"), BAD, b"Invalid JSON line"),
    "an upgrade": (whole(LINE, "Connection: upgrade", "Upgrade: h2c"), FINE, b'"accepted": 1'),
    "an odd expectation": (whole(LINE, "Expect: 200-ok"), FINE, b'"accepted": 1'),
}


@pytest.mark.parametrize(("attack", "status", "told"), BODIES.values(), ids=BODIES)
async def test_a_hostile_body_is_answered(attack: Attack, status: bytes, told: bytes) -> None:
    """With the answer of the protocol, and without holding more than a few copies of the largest that is allowed."""
    said = await perform(attack)
    assert said.startswith(status)
    assert told in said


@in_virtual_time
async def test_a_head_that_trickles_is_not_waited_for_without_end() -> None:
    """A byte a second keeps nobody for longer than an idle connection is kept."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        for byte in request_head(backend, "X-Long: " + "x" * 100):
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
            if reader.at_eof():
                break
        assert KEEPALIVE_TIMEOUT <= now() < KEEPALIVE_TIMEOUT + 2


@in_virtual_time
async def test_a_second_head_that_trickles_is_not_waited_for_without_end() -> None:
    """The same holds behind a request."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        await reader.readuntil(b"}")
        for byte in request_head(backend, "X-Long: " + "x" * 100):
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
            if reader.at_eof():
                break
        assert KEEPALIVE_TIMEOUT <= now() < KEEPALIVE_TIMEOUT + 2


@in_virtual_time
async def test_a_body_that_trickles_is_taken_as_it_comes() -> None:
    """A sender that streams is just as slow, so it isn't cut off; the other runs go on meanwhile."""
    watch = Watch()
    line = event_line(1)
    async with FakeBackend(on_record=watch) as backend, connected(backend) as (_, writer):
        writer.write(request_head(backend, f"Content-Length: {len(line)}"))
        for byte in line:
            writer.write(bytes([byte]))
            await asyncio.sleep(60)
            async with client_of(backend) as client:
                assert (await client.post(event_line(1), run=f"other-{now()}"))[0] == 200
        assert watch.of(AnswerSent)[-1].status == 200
        assert backend.run("run").last_accepted_seq == 1


@in_virtual_time
async def test_thousands_of_idle_connections_hold_nobody_up() -> None:
    """They cost little each, and are closed when none of them asks anything."""
    number = 2_000
    async with FakeBackend(keep_history=False) as backend:
        assert backend._server is not None
        tracemalloc.start()
        ends = [connected(backend) for _ in range(number)]
        for each in ends:
            await each.__aenter__()
        await asyncio.sleep(1)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(backend._server.connections) == number
        assert held / number < 30_000  # both ends of it
        async with client_of(backend) as client:
            assert await client.post(event_line(1)) == (200, _taken(1))
        await asyncio.sleep(KEEPALIVE_TIMEOUT + 1)
        assert not backend._server.connections
        for each in ends:
            await each.__aexit__(None, None, None)


ODD_RUNS = [
    *map(chr, range(1, 256)),
    "..",
    "../..",
    "a/b",
    "%2f",
    "a?b#c",
    "\ud7ff",
    "\U0010ffff",
    "\x00",
    "👩‍🚀" * 50,
    "x" * 8_000,
]


async def test_any_run_id_is_a_run_of_its_own() -> None:
    """Whatever characters are in it, none leaks into another run."""
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend, connected(backend) as (reader, writer):
        for run in ODD_RUNS:
            path = f"/v1/runs/{quote(run, safe='')}/ingest"
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: {len(LINE)}\r\n\r\n"
            writer.write(head.encode() + LINE)
            assert (await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE)).startswith(FINE)
        assert [line.run_id for line in watch.of(LineReceived)] == ODD_RUNS
        assert {line.decision for line in watch.of(LineReceived)} == {"accepted"}


async def test_thousands_of_requests_in_one_piece_are_answered_in_order() -> None:
    """The backend reads no faster than it answers."""
    number = 2_000
    async with FakeBackend(keep_history=False) as backend, connected(backend) as (reader, writer):
        writer.write(b"".join(request_bytes(backend, event_line(seq)) for seq in range(1, number + 1)))
        for seq in range(1, number + 1):
            said = await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE)
            assert said.endswith(b'"last_accepted_seq": %d}' % seq)


async def test_many_runs_cost_little_each_where_no_history_is_kept() -> None:
    """A run that is over is still known: its numbers tell duplicates. That is half a kilobyte a run."""
    number = 2_000
    async with FakeBackend(keep_history=False) as backend, connected(backend) as (reader, writer):
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for run in range(number):
            writer.write(request_bytes(backend, LINE, run=f"run-{run:032}"))
            await reader.readuntil(b"}")
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert held / number < 1_000
