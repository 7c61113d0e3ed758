"""Faults of how bytes move: what arrives on the wire, and when."""

import asyncio

import pytest

from fake_backend import AnswerSent, FakeBackend, Fault, FaultRule, Latency, Status
from fake_backend.faults import Bandwidth, LimitData, RequestKind, Slicer, Stream
from fake_backend.records import BodyEnded, FaultStruck, LineReceived, RequestBroken
from tests.fake_backend.virtual_time import ROUND_TRIP, in_virtual_time, now
from tests.fake_backend.wire import Watch, connected, event_line, event_lines, read_to_end, request_bytes, request_head

ANSWER = b'{"accepted": 2, "duplicate": 0, "last_accepted_seq": 2}'
KINDS: list[RequestKind] = ["any", "data"]


async def exchange(rules: list[FaultRule], body: bytes = event_lines(1, 2)) -> tuple[list[tuple[float, bytes]], Watch]:
    """Post a body; give what came back and when after sending, piece by piece, and the records."""
    watch = Watch()
    pieces = []
    async with FakeBackend(faults=rules, on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, body, "Connection: close"))
        began = now()
        while piece := await reader.read(65_536):
            pieces.append((round(now() - began, 6), piece))
    return pieces, watch


@in_virtual_time
async def test_a_slicer_sends_the_answer_in_pieces() -> None:
    """The head too: every piece but the last is of that size, and comes that much after the one before."""
    pieces, watch = await exchange([FaultRule(fault=Slicer(size=20, delay=0.5))])
    assert b"".join(piece for _, piece in pieces).endswith(b"\r\n\r\n" + ANSWER)
    assert {len(piece) for _, piece in pieces[:-1]} == {20}
    assert 0 < len(pieces[-1][1]) <= 20
    assert [time for time, _ in pieces] == [pytest.approx(ROUND_TRIP + 0.5 * n, abs=0.006) for n in range(len(pieces))]
    assert [type(record.fault) for record in watch.of(FaultStruck)] == [Slicer]
    assert watch.of(AnswerSent)


@in_virtual_time
async def test_a_slicer_of_the_body_spares_the_head() -> None:
    """The head comes at once and whole; the body follows in pieces."""
    pieces, _ = await exchange([FaultRule(fault=Slicer(size=20, delay=0.5, body_only=True))])
    assert pieces[0][1].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[0][1].endswith(b"\r\n\r\n")
    assert [piece for _, piece in pieces[1:]] == [ANSWER[:20], ANSWER[20:40], ANSWER[40:]]
    assert [time for time, _ in pieces] == [pytest.approx(ROUND_TRIP + 0.5 * n, abs=0.006) for n in range(4)]


@in_virtual_time
async def test_an_answer_without_a_body_is_held_up_in_its_head() -> None:
    """In the middle of the answer is in the middle of what there is of it: the client has not got it all by then."""
    rules = [FaultRule(fault=Status(status=200, body="")), FaultRule(fault=Latency(seconds=0.5, phase="in-answer"))]
    pieces, watch = await exchange(rules)
    assert [time for time, _ in pieces] == [
        pytest.approx(ROUND_TRIP, abs=0.006),
        pytest.approx(ROUND_TRIP + 0.5, abs=0.006),
    ]
    assert not pieces[0][1].endswith(b"\r\n\r\n")
    assert pieces[1][1].endswith(b"\r\n\r\n")
    assert len(watch.of(AnswerSent)) == 1


@in_virtual_time
async def test_a_narrow_answer_comes_no_faster_than_its_bandwidth() -> None:
    """At no time is there more than the rate allows, and in the end it is all there, just in time."""
    pieces, _ = await exchange([FaultRule(fault=Bandwidth(rate=100, stream="downstream"))])
    size = 0
    for time, piece in pieces:
        size += len(piece)
        assert size <= 100 * time
    assert pieces[-1][0] == pytest.approx(size / 100, abs=2 * ROUND_TRIP)
    assert len(pieces) > 10, "it trickles"


@pytest.mark.parametrize("of", KINDS)
@in_virtual_time
async def test_a_narrow_upload_is_read_no_faster_than_its_bandwidth(of: RequestKind) -> None:
    """Lines are decided as they would have arrived, and the answer comes after the last."""
    watch = Watch()
    body = event_lines(1, 20)
    rule = FaultRule(fault=Bandwidth(rate=100, stream="upstream"), of=of)
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        began = now()
        writer.write(request_bytes(backend, body))
        await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in watch.of(LineReceived):
        size += line.size + 1
        assert line.time - began >= size / 100
    assert watch.of(AnswerSent)[0].time - began == pytest.approx(len(body) / 100, abs=0.2)
    assert [type(record.fault) for record in watch.of(FaultStruck)] == [Bandwidth]


@in_virtual_time
async def test_a_narrow_upload_backs_up_at_its_client() -> None:
    """What isn't read stays with the client, once the buffers in between are full."""
    rule = FaultRule(fault=Bandwidth(rate=1_000, stream="upstream"))
    size = 2**20
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (_, writer):
        writer.write(request_head(backend, f"Content-Length: {size}") + b" " * size)
        await asyncio.sleep(60.0)
        assert writer.transport.get_write_buffer_size() > size // 2


@in_virtual_time
async def test_an_empty_upload_is_not_slowed() -> None:
    """No bytes, no bandwidth: nothing struck."""
    pieces, watch = await exchange([FaultRule(fault=Bandwidth(rate=1, stream="upstream"))], b"")
    assert pieces[0][0] < 2 * ROUND_TRIP
    assert not watch.of(FaultStruck)


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize(("size", "taken"), [(0, 0), (29, 0), (30, 1), (31, 1), (59, 1), (60, 2)])
@in_virtual_time
async def test_an_upload_is_cut_after_so_many_bytes(of: RequestKind, size: int, taken: int) -> None:
    """Lines that were whole by then are taken; the client reads an end, no reset and no answer."""
    fault = LimitData(size=size, stream="upstream")
    watch = Watch()
    assert len(event_lines(1, 2)) == 60
    async with FakeBackend(faults=[FaultRule(fault=fault, of=of)], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_lines(1, 2)))
            assert await read_to_end(reader) == (b"", False)
        assert backend.run("run").last_accepted_seq == taken
    assert [record.fault for record in watch.of(FaultStruck)] == [fault]
    assert [record.cause for record in watch.of(RequestBroken)] == ["fault"]
    assert not watch.of(BodyEnded)


@pytest.mark.parametrize("of", KINDS)
@in_virtual_time
async def test_what_is_cut_at_its_last_byte_has_no_end(of: RequestKind) -> None:
    """The end of a body is past the limit too: without its newline, what passed is no line."""
    body = event_line(1).rstrip()
    pieces, watch = await exchange([FaultRule(fault=LimitData(size=len(body), stream="upstream"), of=of)], body)
    assert pieces == []
    assert not watch.of(LineReceived)
    assert watch.of(RequestBroken)


@pytest.mark.parametrize("of", KINDS)
@in_virtual_time
async def test_a_shorter_upload_passes_its_limit(of: RequestKind) -> None:
    """One byte below the limit is as good as none."""
    pieces, watch = await exchange([FaultRule(fault=LimitData(size=61, stream="upstream"), of=of)])
    assert b"".join(piece for _, piece in pieces).endswith(ANSWER)
    assert not watch.of(FaultStruck)


@pytest.mark.parametrize("of", ["any", "sync"])
@in_virtual_time
async def test_an_empty_upload_is_cut_by_a_limit_of_nothing(of: RequestKind) -> None:
    """0 bytes have passed as soon as one looks."""
    pieces, watch = await exchange([FaultRule(fault=LimitData(size=0, stream="upstream"), of=of)], b"")
    assert pieces == []
    assert watch.of(RequestBroken)


@in_virtual_time
async def test_a_line_past_the_limit_of_its_kind_is_not_taken() -> None:
    """A kind is known by a first line; where that is longer than the limit, nothing of it has passed."""
    rule = FaultRule(fault=LimitData(size=10, stream="upstream"), of="data")
    pieces, watch = await exchange([rule], event_line(1).rstrip())
    assert pieces == []
    assert not watch.of(LineReceived)
    assert watch.of(RequestBroken)


@in_virtual_time
async def test_a_client_that_is_cut_off_in_its_upload_reads_the_end() -> None:
    """What it still sends is thrown away, so that no reset overtakes the end of the stream."""
    rule = FaultRule(fault=LimitData(size=1_000, stream="upstream"))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 1000000") + b" " * 500_000)
        assert await read_to_end(reader) == (b"", False)
        writer.write(b" " * 400_000)
        await writer.drain()


@pytest.mark.parametrize("size", [0, 1, 40, 200])
@in_virtual_time
async def test_an_answer_is_cut_after_so_many_bytes(size: int) -> None:
    """Just so many arrive, then the end of the stream; everything was taken, and the answer wasn't sent."""
    fault = LimitData(size=size, stream="downstream")
    pieces, watch = await exchange([FaultRule(fault=fault)])
    assert sum(len(piece) for _, piece in pieces) == size
    assert [record.decision for record in watch.of(LineReceived)] == ["accepted", "accepted"]
    assert [record.fault for record in watch.of(FaultStruck)] == [fault]
    assert [record.cause for record in watch.of(RequestBroken)] == ["fault"]
    assert not watch.of(AnswerSent)


@pytest.mark.parametrize(("more", "closes"), [(0, True), (1, False)])
@in_virtual_time
async def test_an_answer_within_the_limit_is_whole(more: int, *, closes: bool) -> None:
    """One of just that size is sent, and its connection closed after it; a shorter one passes."""
    whole, _ = await exchange([])
    size = sum(len(piece) for _, piece in whole) - len("Connection: close\r\n") + more
    watch = Watch()
    rule = FaultRule(fault=LimitData(size=size, stream="downstream"), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_lines(1, 2)))
        assert len(await reader.readexactly(size - more)) == size - more
        assert len(watch.of(AnswerSent)) == 1
        assert len(watch.of(FaultStruck)) == closes
        writer.write(request_bytes(backend, b""))
        assert (await reader.read(1) == b"") == closes


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
@in_virtual_time
async def test_the_strictest_of_a_kind_holds(stream: Stream) -> None:
    """Of two on one stream the narrower bandwidth and the lower limit count, and of two slicers the finer."""
    faults: list[Fault] = [
        Bandwidth(rate=50, stream=stream),
        Bandwidth(rate=10, stream=stream),
        LimitData(size=20, stream=stream),
        LimitData(size=40, stream=stream),
        Slicer(size=7),
        Slicer(size=30),
    ]
    pieces, watch = await exchange([FaultRule(fault=fault) for fault in faults])
    struck = [record.fault for record in watch.of(FaultStruck)]
    if stream == "upstream":
        assert struck == [faults[1], faults[2]]
        assert pieces == []
    else:
        assert struck == [faults[1], faults[4], faults[2]]
        assert [len(piece) for _, piece in pieces] == [1] * 20
        assert pieces[-1][0] == pytest.approx(2.0, abs=ROUND_TRIP)


@in_virtual_time
async def test_a_fault_in_the_answer_strikes_between_its_pieces() -> None:
    """`in-answer` is where the head and half the body are out, however fine the pieces."""
    rules = [FaultRule(fault=Slicer(size=100)), FaultRule(fault=Latency(phase="in-answer", seconds=2.0))]
    pieces, _ = await exchange(rules)
    early = b"".join(piece for time, piece in pieces if time < 1.0)
    late = b"".join(piece for time, piece in pieces if time > 1.0)
    assert early.endswith(b"\r\n\r\n" + ANSWER[: len(ANSWER) // 2])
    assert late == ANSWER[len(ANSWER) // 2 :]


@in_virtual_time
async def test_a_client_that_leaves_a_slow_answer_ends_it() -> None:
    """Its request is broken at once, not when the last piece would have gone out."""
    watch = Watch()
    rule = FaultRule(fault=Slicer(size=1, delay=100.0))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            assert await reader.read(100) == b"H"
        left = now()
        await asyncio.sleep(1.0)
        (broken,) = watch.of(RequestBroken)
        assert broken.cause == "client-disconnected"
        assert broken.time == pytest.approx(left, abs=ROUND_TRIP)
    assert not watch.of(AnswerSent)
