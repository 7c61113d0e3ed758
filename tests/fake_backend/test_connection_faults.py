"""Faults that end a connection, or all of them: what the client reads, and what it can do next."""

import asyncio

import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, Latency, ListenError, Status
from fake_backend.connection import LINGERING_TIME
from fake_backend.faults import CloseOnReuse, Down, LateAccept, Phase, SlowClose, Stall, Timeout
from fake_backend.records import (
    BackendCameUp,
    BackendWentDown,
    FaultStruck,
    LineReceived,
    RequestBroken,
    RequestStarted,
)
from tests.fake_backend.virtual_time import ROUND_TRIP, in_virtual_time, now
from tests.fake_backend.wire import Watch, connected, event_line, event_lines, request_bytes, request_head

POINTS: list[tuple[Phase, int, int]] = [
    ("before-read", 0, 0),
    ("before-accept", 0, 0),
    ("after-lines", 2, 2),
    ("after-accept", 0, 4),
    ("in-answer", 0, 4),
]
"""Each point, its `lines`, and how many of four lines are taken by then."""


@pytest.mark.parametrize(("phase", "lines", "taken"), POINTS)
@in_virtual_time
async def test_a_timeout_is_a_silence_and_then_the_end(phase: Phase, lines: int, taken: int) -> None:
    """Nothing comes for that long, then the end of the stream, no reset; what was taken stays."""
    fault = Timeout(seconds=30.0, phase=phase, lines=lines)
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=fault)], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_lines(1, 4)))
            struck = await watch.until(FaultStruck)
            received, was_reset = await asyncio.wait_for(read(reader), 60.0)
            assert now() - struck.time == pytest.approx(30.0, abs=ROUND_TRIP)
            assert not was_reset
            assert received.startswith(b"HTTP/1.1 200 OK\r\n") == (phase == "in-answer")
        assert backend.run("run").last_accepted_seq == taken
    assert [record.cause for record in watch.of(RequestBroken)] == ["fault"]
    assert not watch.of(AnswerSent)


async def read(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Read to the end, however long it takes; say whether that was a reset."""
    try:
        return await reader.read(), False
    except ConnectionResetError:
        return b"", True


@in_virtual_time
async def test_a_timeout_in_an_upload_is_an_end_too() -> None:
    """Where much of the body was not read, the rest is thrown away until the client has seen the end."""
    rule = FaultRule(fault=Timeout(seconds=3.0))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 1000000") + b" " * 900_000)
        assert await read(reader) == (b"", False)
        assert now() == pytest.approx(3.0, abs=0.1)
        await writer.drain()
        await asyncio.sleep(LINGERING_TIME)
        writer.write(b" ")  # nobody lingers any more
        await asyncio.sleep(2 * ROUND_TRIP)
        with pytest.raises(ConnectionResetError):
            await writer.drain()


@in_virtual_time
async def test_a_client_that_leaves_a_timeout_ends_it() -> None:
    """The request is over when its client is."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=Timeout(seconds=30.0))], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_bytes(backend, b""))
            await asyncio.sleep(1.0)
        await asyncio.sleep(1.0)
        assert [record.cause for record in watch.of(RequestBroken)] == ["client-disconnected"]


@in_virtual_time
async def test_a_slow_close_comes_long_after_its_answer() -> None:
    """The answer is there at once and says that the connection is closed, which it is in its own time."""
    watch = Watch()
    rules = [FaultRule(fault=SlowClose(seconds=seconds)) for seconds in (2.0, 20.0)]
    async with FakeBackend(faults=rules, on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_line(1)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in head
        assert now() < 3 * ROUND_TRIP
        writer.write(request_bytes(backend, event_line(2)))
        assert await read(reader) == (b'{"accepted": 1, "duplicate": 0, "last_accepted_seq": 1}', False)
        assert now() == pytest.approx(20.0, abs=3 * ROUND_TRIP)
    assert len(watch.of(RequestStarted)) == 1, "what came after it was not looked at"
    assert [record.fault for record in watch.of(FaultStruck)] == [SlowClose(seconds=20.0)]
    assert len(watch.of(AnswerSent)) == 1


@pytest.mark.parametrize("leaves", [True, False])
@in_virtual_time
async def test_nothing_waits_for_a_slow_close(*, leaves: bool) -> None:
    """Neither a client that leaves nor a backend that ends is held up."""
    async with FakeBackend(faults=[FaultRule(fault=SlowClose(seconds=1_000.0))]) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            await reader.readuntil(b"\r\n\r\n")
            if not leaves:
                await backend.go_down()
        await asyncio.sleep(0.1)
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # type: ignore[union-attr]  # a task runs this
    assert now() < 1.0


@pytest.mark.parametrize("first_bytes", [b"P", b"POST / HTTP/1.1\r\n\r\n"])
@in_virtual_time
async def test_a_connection_ends_as_it_is_used_again(first_bytes: bytes) -> None:
    """The first request is answered as ever; the first byte of the next resets the connection, and nothing is read."""
    watch = Watch()
    rule = FaultRule(fault=CloseOnReuse(), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_line(1)))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"Connection: close" not in head
            await reader.readuntil(b"}")
            await asyncio.sleep(10.0)
            assert not watch.of(FaultStruck)
            writer.write(first_bytes)
            with pytest.raises(ConnectionResetError):
                await reader.read()
        (struck,) = watch.of(FaultStruck)
        assert (struck.request, struck.fault) == (1, CloseOnReuse())
        assert struck.time == pytest.approx(10.0, abs=0.1)
        assert len(watch.of(RequestStarted)) == 1
        async with connected(backend) as (reader, writer):
            for _ in range(2):
                writer.write(request_bytes(backend, b""))
                await reader.readuntil(b"}")
    assert len(watch.of(AnswerSent)) == 3


@in_virtual_time
async def test_a_request_sent_together_with_the_one_before_it_is_swallowed_too() -> None:
    """Pipelined, its bytes are there before the first is answered; it is none for the backend all the same."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=CloseOnReuse())], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_line(1)) + request_bytes(backend, event_line(2)))
            with pytest.raises(ConnectionResetError):
                await reader.read()
        assert backend.run("run").last_accepted_seq == 1
    assert [type(record) for record in watch.records].count(RequestStarted) == 1
    assert [record.request for record in watch.of(FaultStruck)] == [1]


@in_virtual_time
async def test_a_connection_that_closes_anyway_is_not_reset() -> None:
    """What still comes of a body that was refused early is no other request."""
    rules = [FaultRule(fault=CloseOnReuse()), FaultRule(fault=Status(status=503, phase="before-read"))]
    watch = Watch()
    async with FakeBackend(faults=rules, on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 100"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b" " * 100)
        assert (await read(reader))[1] is False
    assert CloseOnReuse() not in [record.fault for record in watch.of(FaultStruck)]


@pytest.mark.parametrize(("phase", "lines", "taken"), POINTS)
@in_virtual_time
async def test_a_backend_goes_down_and_comes_up_by_itself(phase: Phase, lines: int, taken: int) -> None:
    """Every connection is reset, new ones are refused for that long, and its state is kept."""
    watch = Watch()
    fault = Down(seconds=60.0, phase=phase, lines=lines)
    async with FakeBackend(faults=[FaultRule(fault=fault, requests=(1,))], on_record=watch) as backend:
        url = backend.url
        async with connected(backend) as (idle, _), connected(backend) as (reader, writer):
            await asyncio.sleep(0.1)
            writer.write(request_bytes(backend, event_lines(1, 4)))
            for each in (reader, idle):
                with pytest.raises(ConnectionResetError):
                    await each.read()
        (down,) = watch.of(BackendWentDown)
        assert watch.records[-1] == down
        assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]
        assert backend.run("run").last_accepted_seq == taken
        with pytest.raises(ConnectionRefusedError):
            async with connected(backend):
                pass
        await asyncio.sleep(down.time + 59.9 - now())
        with pytest.raises(ConnectionRefusedError):
            async with connected(backend):
                pass
        await asyncio.sleep(0.2)
        assert [record.time for record in watch.of(BackendCameUp)] == [pytest.approx(down.time + 60.0)]
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            assert b'"last_accepted_seq": %d}' % taken in await reader.readuntil(b"}")
        assert backend.url == url
    assert not watch.of(AnswerSent)[1:]


@pytest.mark.parametrize("up", [True, False])
@in_virtual_time
async def test_a_test_has_the_last_word_on_whether_the_backend_is_up(*, up: bool) -> None:
    """One that it brings up is up at once; one that it takes down doesn't come up by itself."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=Down(seconds=60.0))], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, b""))
            with pytest.raises(ConnectionResetError):
                await reader.read()
        await (backend.come_up() if up else backend.go_down())
        assert len(watch.of(BackendCameUp)) == up
        await asyncio.sleep(100.0)
        assert len(watch.of(BackendCameUp)) == up
    assert len(watch.of(BackendWentDown)) == 1


@in_virtual_time
async def test_a_backend_that_ends_while_it_is_down_stays_down() -> None:
    """Leaving the block leaves no timer that would bring it up."""
    watch = Watch()
    rule = FaultRule(fault=Down(seconds=60.0))
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        with pytest.raises(ConnectionResetError):
            await reader.read()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await asyncio.sleep(100.0)
    assert not watch.of(BackendCameUp)


@in_virtual_time
async def test_a_backend_that_cannot_come_up_says_so_in_the_end() -> None:
    """Where another has taken the port meanwhile, the block is left with the reason."""
    backend = await FakeBackend(faults=[FaultRule(fault=Down(seconds=5.0))]).__aenter__()
    async with connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        with pytest.raises(ConnectionResetError):
            await reader.read()
    async with FakeBackend(port=int(backend.url.rpartition(":")[2])):
        await asyncio.sleep(10.0)
        with pytest.raises(ListenError, match="already in use"):
            await backend.__aexit__(None, None, None)


@in_virtual_time
async def test_what_arrives_in_the_moment_of_going_down_is_lost() -> None:
    """A backend that is down takes nothing: no line that was on its way in, and no late request."""
    watch = Watch()
    rules = [
        FaultRule(fault=LateAccept(seconds=5.0), run_id="late"),
        FaultRule(fault=Down(seconds=1.0, phase="after-lines", lines=1), run_id="down"),
    ]
    async with FakeBackend(faults=rules, on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_line(1), run="late"))
            assert (await reader.readline()).startswith(b"HTTP/1.1 504 ")
        async with connected(backend) as (_, first), connected(backend) as (_, second):
            first.write(request_head(backend, "Content-Length: 30", run="down"))
            second.write(request_head(backend, "Content-Length: 60") + event_line(1))
            await asyncio.sleep(0.1)
            # Both arrive at once, and the first takes the backend down before the second is looked at.
            first.write(event_line(1))
            second.write(event_line(2))
            await asyncio.sleep(10.0)
        assert backend.run("late").last_accepted_seq == 0
        assert backend.run("run").last_accepted_seq == 1
    (down,) = watch.of(BackendWentDown)
    place = watch.records.index(down)
    assert not [record for record in watch.records[place:] if isinstance(record, LineReceived | AnswerSent)]


@in_virtual_time
async def test_a_wait_that_ends_in_the_moment_of_going_down_ends_its_request() -> None:
    """The connection is cut and not yet lost; nothing is taken all the same."""
    rules = [
        FaultRule(fault=Latency(seconds=1.0, phase="before-read"), run_id="down"),
        FaultRule(fault=Down(seconds=1.0, phase="before-read"), run_id="down"),
        FaultRule(fault=Stall(seconds=1.0, phase="before-accept"), run_id="run"),
    ]
    watch = Watch()
    async with FakeBackend(faults=rules, on_record=watch) as backend:
        async with connected(backend) as (_, first), connected(backend) as (_, second):
            first.write(request_bytes(backend, b"", run="down"))
            second.write(request_bytes(backend, event_line(1)))
            await asyncio.sleep(5.0)
        assert backend.run("run").last_accepted_seq == 0
    assert [record.time for record in watch.of(RequestBroken)] == [watch.of(BackendWentDown)[0].time] * 2
    assert {record.cause for record in watch.of(RequestBroken)} == {"shutdown"}
