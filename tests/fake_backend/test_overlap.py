"""A backend whose check and append are two steps: lines are taken with a lag, and requests don't heed each other."""

import asyncio
from contextlib import suppress

import aiohttp
import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, ResetPeer, Status
from fake_backend.faults import Overlap, Poison
from fake_backend.records import BodyEnded, CompletionReceived, FaultStruck, LineReceived, RequestBroken
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

LAG = Overlap(seconds=0.4)
FIRST = FaultRule(fault=LAG, requests=(1,))
CUT_AFTER_TWO = FaultRule(fault=ResetPeer(phase="after-lines", lines=2), requests=(1,))


def decided(watch: Watch, decision: str) -> list[tuple[int, int | None]]:
    """The lines of a decision, each with its request."""
    return [(line.request, line.seq) for line in watch.of(LineReceived) if line.decision == decision]


@in_virtual_time
async def test_lines_are_taken_one_after_the_other_over_the_lag() -> None:
    """What is read together is spread evenly over it, and the answer comes when all is taken."""
    watch = Watch()
    async with FakeBackend(faults=[FIRST], on_record=watch) as backend, client_of(backend) as client:
        told = {"accepted": 4, "duplicate": 0, "last_accepted_seq": 4}
        assert await client.post(event_lines(1, 4) + completion_line(4)) == (200, told)
        assert backend.run("run").complete
    arrived = 1.5 * ROUND_TRIP
    assert [line.time - arrived for line in watch.of(LineReceived)] == pytest.approx([0.08, 0.16, 0.24, 0.32])
    assert watch.of(CompletionReceived)[0].time - arrived == pytest.approx(0.4)
    assert [(struck.request, struck.fault) for struck in watch.of(FaultStruck)] == [(1, LAG)]


@in_virtual_time
async def test_a_number_is_stored_twice_where_a_sender_goes_on_too_soon() -> None:
    """It is told a number that is still rising, and sends the rest, which is being taken all the while."""
    watch = Watch()
    rules = [FIRST, CUT_AFTER_TWO]
    async with FakeBackend(faults=rules, on_record=watch) as backend, client_of(backend) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(event_lines(1, 8))
        assert (await client.post())[1]["last_accepted_seq"] == 2
        assert (await client.post(event_lines(3, 9)))[0] == 200
        await asyncio.sleep(1.0)
        assert (await client.post())[1]["last_accepted_seq"] == 9
        assert [event["n"] for event in backend.run("run").events] == [1, 2, *range(3, 10), *range(3, 9)]
    assert decided(watch, "accepted") == [
        *[(1, 1), (1, 2)],
        *[(3, number) for number in range(3, 10)],
        *[(1, number) for number in range(3, 9)],
    ]
    broken = watch.of(RequestBroken)[0]
    late = [line.time - broken.time for line in watch.of(LineReceived) if line.request == 1]
    assert max(late) == pytest.approx(0.3)


@in_virtual_time
async def test_nothing_is_stored_twice_where_a_sender_asks_until_it_stands_still() -> None:
    """Two answers in a row, further apart than the lag, agree only when all is taken."""
    watch = Watch()
    rules = [FIRST, CUT_AFTER_TWO]
    async with FakeBackend(faults=rules, on_record=watch) as backend, client_of(backend) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.post(event_lines(1, 8))
        told = [(await client.post())[1]["last_accepted_seq"]]
        while len(told) < 2 or told[-1] != told[-2]:
            await asyncio.sleep(0.5)
            told.append((await client.post())[1]["last_accepted_seq"])
        assert told == [2, 8, 8]
        assert (await client.post(event_line(9)))[0] == 200
    assert [number for _, number in decided(watch, "accepted")] == list(range(1, 10))


@in_virtual_time
async def test_two_requests_at_the_same_time_are_both_taken() -> None:
    """Each has looked up where the run stands before the other took anything; one that comes later hasn't."""
    watch = Watch()
    async with (
        FakeBackend(faults=[FaultRule(fault=LAG)], on_record=watch) as backend,
        client_of(backend) as client,
        client_of(backend) as other,
    ):
        answers = await asyncio.gather(client.post(event_lines(1, 3)), other.post(event_lines(1, 2)))
        assert [answer["accepted"] for _, answer in answers] == [3, 2]
        assert (await client.post(event_lines(2, 4)))[1] == {"accepted": 1, "duplicate": 2, "last_accepted_seq": 4}
    assert sorted(number or 0 for _, number in decided(watch, "accepted")) == [1, 1, 2, 2, 3, 4]


@in_virtual_time
async def test_a_client_that_leaves_changes_nothing() -> None:
    """What it sent by then is taken in time, and so is a completion behind it; half a line isn't."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=LAG)], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, "Content-Length: 1000") + event_lines(1, 4) + b'{"seq": 5')
            await asyncio.sleep(0.1)
        assert backend.run("run").last_accepted_seq == 0
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == 4
        async with connected(backend) as (_, writer):
            writer.write(request_bytes(backend, event_line(5) + completion_line(5)))
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        assert backend.run("run").complete
    assert [broken.cause for broken in watch.of(RequestBroken)] == ["client-disconnected"] * 2
    assert [ended.request for ended in watch.of(BodyEnded)] == [2]


@in_virtual_time
async def test_an_open_window_is_taken_as_it_comes() -> None:
    """Each line by the lag after it was read, whatever comes behind it."""
    watch = Watch()
    async with (
        FakeBackend(faults=[FaultRule(fault=LAG)], on_record=watch) as backend,
        connected(backend) as (reader, writer),
    ):
        writer.write(request_head(backend, "Transfer-Encoding: chunked"))
        for number in range(1, 4):
            line = event_line(number)
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            await asyncio.sleep(0.3)
        writer.write(b"0\r\n\r\n")
        await reader.readuntil(b"}")
    arrived = 1.5 * ROUND_TRIP
    assert [line.time - arrived for line in watch.of(LineReceived)] == pytest.approx([0.4, 0.7, 1.0], abs=0.001)
    assert watch.of(AnswerSent)[0].time - arrived == pytest.approx(1.0, abs=0.001)


@in_virtual_time
async def test_what_is_set_from_outside_is_seen() -> None:
    """A request counts on from there, as it does without the fault."""
    async with FakeBackend(faults=[FIRST]) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(event_lines(1, 4)))
        await asyncio.sleep(0.25)
        assert backend.run("run").last_accepted_seq == 2
        backend.set_run("run", last_accepted_seq=3, why="another writer")
        told = {"accepted": 3, "duplicate": 1, "last_accepted_seq": 4}
        assert await posting == (200, told)


@pytest.mark.parametrize(
    ("rule", "status", "taken"),
    [
        (FaultRule(fault=Poison(containing='"n": 3')), 400, 2),
        (FaultRule(fault=Status(status=503, phase="after-lines", lines=2)), 503, 4),
    ],
)
@in_virtual_time
async def test_an_answer_comes_when_nothing_is_left_to_take(rule: FaultRule, status: int, taken: int) -> None:
    """Whoever is answered needn't fear what is still to come."""
    async with FakeBackend(faults=[FIRST, rule]) as backend, client_of(backend) as client:
        assert (await client.post(event_lines(1, 4)))[0] == status
        assert backend.run("run").last_accepted_seq == taken
        assert now() == pytest.approx((0.3 if taken < 4 else 0.4) + 2 * ROUND_TRIP, abs=0.001)
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == taken


@in_virtual_time
async def test_a_backend_that_goes_down_takes_nothing_more() -> None:
    """Not for those who are there, and not for those who have gone."""
    watch = Watch()
    rules = [FaultRule(fault=LAG), CUT_AFTER_TWO]
    async with FakeBackend(faults=rules, on_record=watch) as backend, client_of(backend) as client:
        with suppress(aiohttp.ClientError):
            await client.post(event_lines(1, 8))
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, event_lines(1, 8)))
            await asyncio.sleep(0.1)
            await backend.go_down()
            assert await read_to_end(reader) == (b"", True)
        stood_at = backend.run("run").last_accepted_seq
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == stood_at < 8


@in_virtual_time
async def test_a_reset_lets_what_is_under_way_go_on() -> None:
    """It is taken from the beginning of an empty run, and answered."""
    async with FakeBackend(faults=[FIRST]) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(event_lines(1, 4)))
        await asyncio.sleep(0.25)
        backend.reset()
        assert await posting == (409, {"error": "Expected sequence 1, got 3", "last_accepted_seq": 0})
