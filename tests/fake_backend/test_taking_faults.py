"""Faults of which lines are taken, when, and what the answer says of it."""

import asyncio
from contextlib import suppress
from typing import Any, Literal

import pytest

from fake_backend import AnswerSent, FakeBackend, Fault, FaultRule, Latency, Limits, ResetPeer
from fake_backend.faults import Down, Duplicate, ExpireToken, Fence, LateAccept, Partial, Phase, Poison, Slicer
from fake_backend.records import BodyEnded, CompletionReceived, FaultStruck, LineReceived, RequestBroken
from tests.fake_backend.virtual_time import ROUND_TRIP, in_virtual_time, now
from tests.fake_backend.wire import (
    Watch,
    client_of,
    completion_line,
    connected,
    event_line,
    event_lines,
    request_bytes,
    request_head,
)


@in_virtual_time
async def test_what_is_new_is_told_as_a_duplicate() -> None:
    """All is taken, and the 200 counts it as there before, with the true number; a true answer is no fault."""
    async with FakeBackend(faults=[FaultRule(fault=Duplicate())]) as backend, client_of(backend) as client:
        told = {"accepted": 0, "duplicate": 3, "last_accepted_seq": 3}
        assert await client.post(event_lines(1, 3)) == (200, told)
        assert await client.post(event_lines(1, 3)) == (200, told)
        assert (await client.post(event_line(3) + event_line(5)))[0] == 409
        assert (await client.post())[1]["accepted"] == 0
    decisions = [record.decision for record in backend.history if isinstance(record, LineReceived)]
    assert decisions == ["accepted"] * 3 + ["duplicate"] * 4 + ["gap"]
    assert [record.request for record in backend.history if isinstance(record, FaultStruck)] == [1]


@pytest.mark.parametrize("status", [504, 502, None])
@in_virtual_time
async def test_a_request_is_taken_after_its_proxy_gave_up(status: int | None) -> None:
    """The client is told at once that it failed, or reset; lines and completion follow in their own time."""
    watch = Watch()
    fault = LateAccept(seconds=7.0, status=status)
    body = event_lines(1, 2) + completion_line(2)
    async with FakeBackend(faults=[FaultRule(fault=fault)], on_record=watch) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_bytes(backend, body))
            if status is None:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            else:
                assert (await reader.readline()).startswith(b"HTTP/1.1 %d " % status)
        assert now() < 5 * ROUND_TRIP
        await asyncio.sleep(6.9)
        run = backend.run("run")
        assert (run.last_accepted_seq, run.complete) == (0, False)
        await asyncio.sleep(0.1)
        assert (run.last_accepted_seq, run.complete) == (2, True)
    end = watch.of(RequestBroken) if status is None else watch.of(AnswerSent)
    place = watch.records.index(end[0])
    assert watch.records[place - 1] == FaultStruck(time=end[0].time, request=1, fault=fault)
    late = watch.records[place + 1 :]
    assert [type(record) for record in late] == [LineReceived, LineReceived, BodyEnded, CompletionReceived]
    assert {round(record.time - end[0].time, 6) for record in late} == {7.0}


@in_virtual_time
async def test_a_late_request_is_decided_by_the_run_as_it_is_then() -> None:
    """Its retry has come first: the late lines are duplicates, and what it alone carried is new."""
    rule = FaultRule(fault=LateAccept(seconds=5.0), requests=(1,))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post(event_lines(1, 3)))[0] == 504
        assert (await client.post(event_lines(1, 2)))[1]["accepted"] == 2
        assert len(backend._late._timers) == 1
        await asyncio.sleep(5.0)
        assert backend._late._timers == set(), "nothing is kept of what is done"
        assert (await client.post())[1]["last_accepted_seq"] == 3
    decisions = [record.decision for record in backend.history if isinstance(record, LineReceived)]
    assert decisions == ["accepted", "accepted", "duplicate", "duplicate", "accepted"]


LATE_BODIES: list[tuple[bytes, list[str]]] = [
    (event_line(1) + event_line(3) + event_line(2), ["accepted", "gap"]),
    (event_line(1) + b"nonsense\n" + event_line(2), ["accepted", "invalid"]),
    (event_line(1) + b"x" * 2_000, ["accepted", "too-large"]),
    (event_line(1, what="poison"), ["refused"]),
    (b"", []),
]


@pytest.mark.parametrize(("body", "decisions"), LATE_BODIES)
@in_virtual_time
async def test_a_late_request_may_be_refused_with_nobody_to_tell(body: bytes, decisions: list[str]) -> None:
    """The first line that is refused ends it, as ever, and only the records know."""
    rules = [FaultRule(fault=LateAccept(seconds=1.0)), FaultRule(fault=Poison(containing="poison"))]
    limits = Limits(max_line_bytes=1_000)
    async with FakeBackend(faults=rules, limits=limits) as backend, client_of(backend) as client:
        assert (await client.post(body))[0] == 504
        await asyncio.sleep(1.0)
    assert [record.decision for record in backend.history if isinstance(record, LineReceived)] == decisions
    assert len([record for record in backend.history if isinstance(record, AnswerSent)]) == 1


@pytest.mark.parametrize("fault", [Partial(lines=1), ResetPeer(phase="after-lines", lines=2), ResetPeer(), Duplicate()])
@in_virtual_time
async def test_of_the_other_faults_those_of_the_client_do_not_strike_late(fault: Fault) -> None:
    """Nobody is there to be reset; only what a backend takes can still be changed."""
    rules = [FaultRule(fault=LateAccept(seconds=1.0)), FaultRule(fault=fault)]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        assert (await client.post(event_lines(1, 4)))[0] == 504
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == (1 if isinstance(fault, Partial) else 4)
    struck = [record.fault for record in backend.history if isinstance(record, FaultStruck)]
    assert (fault in struck) == isinstance(fault, Partial)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
@in_virtual_time
async def test_late_lines_come_after_an_answer_however_slow(seconds: float) -> None:
    """The time runs from when the client was answered."""
    watch = Watch()
    rules = [FaultRule(fault=LateAccept(seconds=seconds)), FaultRule(fault=Slicer(size=10, delay=0.1))]
    async with FakeBackend(faults=rules, on_record=watch) as backend, client_of(backend) as client:
        assert (await client.post(event_line(1)))[0] == 504
        line = await watch.until(LineReceived)
        assert line.time == watch.of(AnswerSent)[0].time + seconds


@in_virtual_time
async def test_a_late_request_needs_the_whole_body() -> None:
    """A client that leaves in the middle has sent nothing that a proxy would hand on."""
    watch = Watch()
    async with FakeBackend(faults=[FaultRule(fault=LateAccept(seconds=1.0))], on_record=watch) as backend:
        async with connected(backend) as (_, writer):
            writer.write(request_head(backend, "Content-Length: 999") + event_line(1))
            await asyncio.sleep(1.0)
        await asyncio.sleep(10.0)
        assert backend.run("run").last_accepted_seq == 0
    assert not watch.of(FaultStruck)
    assert [record.cause for record in watch.of(RequestBroken)] == ["client-disconnected"]


@in_virtual_time
async def test_a_late_request_ends_with_its_backend() -> None:
    """Leaving the block forgets it."""
    async with FakeBackend(faults=[FaultRule(fault=LateAccept(seconds=1.0))]) as backend, client_of(backend) as client:
        await client.post(event_line(1))
    await asyncio.sleep(10.0)
    assert backend.run("run").last_accepted_seq == 0


@pytest.mark.parametrize("phase", ["before-accept", "in-answer"])
@in_virtual_time
async def test_a_late_request_does_not_outlast_an_outage(phase: Phase) -> None:
    """What was handed to a backend that then goes down is lost, also where its own request takes it down."""
    rules = [
        FaultRule(fault=LateAccept(seconds=5.0), requests=(1,)),
        FaultRule(fault=Down(seconds=1.0, phase=phase), requests=(1,) if phase == "in-answer" else (2,)),
    ]
    async with FakeBackend(faults=rules) as backend:
        for _ in range(2):
            async with connected(backend) as (reader, writer):
                writer.write(request_bytes(backend, event_line(1)))
                with suppress(ConnectionResetError):
                    await reader.readuntil(b"</html>")
            await asyncio.sleep(2.0)
            if phase == "in-answer":
                break
        await asyncio.sleep(10.0)
        assert backend.run("run").last_accepted_seq == 0
        assert backend._late._timers == set()


@pytest.mark.parametrize("fault", [Fence(epoch=2), ExpireToken()])
@in_virtual_time
async def test_a_late_request_may_have_lost_its_right_by_then(fault: Fault) -> None:
    """A fence or an expired token keeps it out, as if it arrived now (FEN-2)."""
    rules = [FaultRule(fault=LateAccept(seconds=5.0), requests=(1,)), FaultRule(fault=fault, requests=(2,))]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        headers = {"Producer-Epoch": "1"}
        assert (await client.post(event_line(1), headers=headers))[0] == 504
        assert (await client.post(headers=headers))[0] in {401, 403}
        await asyncio.sleep(10.0)
        assert backend.run("run").last_accepted_seq == 0
    assert not [record for record in backend.history if isinstance(record, LineReceived)]


POISONED: list[tuple[Literal[400, 413], dict[str, Any]]] = [
    (400, {"error": "Event payload must be an object"}),
    (413, {"error": "Event line is too large", "last_accepted_seq": 1}),
]


@pytest.mark.parametrize(("status", "answer"), POISONED)
@in_virtual_time
async def test_a_poisoned_line_is_refused_each_time_it_comes(status: Literal[400, 413], answer: dict[str, Any]) -> None:
    """The lines before it stay accepted, it never is, and those behind it are once they come without it."""
    fault = Poison(containing='"mark"', status=status)
    poison = event_line(2, kind="mark")
    async with FakeBackend(faults=[FaultRule(fault=fault)]) as backend, client_of(backend) as client:
        assert await client.post(event_line(1) + poison + event_line(3)) == (status, answer)
        assert await client.post(poison) == (status, answer)
        assert (await client.post(event_lines(2, 3)))[1]["last_accepted_seq"] == 3
    refused = [record for record in backend.history if isinstance(record, LineReceived)][1]
    assert (refused.decision, refused.seq, refused.event) == ("refused", 2, {"kind": "mark"})
    assert (refused.size, refused.raw, refused.well_formed) == (len(poison) - 1, None, True)
    assert [record.request for record in backend.history if isinstance(record, FaultStruck)] == [1, 2]


@in_virtual_time
async def test_a_poison_is_an_event_and_comes_before_all_else() -> None:
    """Neither duplicates nor gaps with it get through, nor does a complete run see it; completions aren't looked at."""
    rule = FaultRule(fault=Poison(containing="o"))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post(event_line(1) + completion_line(1)))[0] == 200
        for seq in (1, 2, 9):
            assert (await client.post(event_line(seq, o=1)))[0] == 400
        assert (await client.post(event_line(1)))[0] == 409
        assert (await client.post(completion_line(1)))[0] == 200


@in_virtual_time
async def test_a_poison_strikes_the_requests_of_its_rule() -> None:
    """What is refused once may be taken in another request."""
    rule = FaultRule(fault=Poison(containing="ü", status=413), requests=(1,))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        line = '{"seq": 1, "event": {"a": "ü"}}'.encode()
        assert [(await client.post(line))[0] for _ in range(2)] == [413, 200]


SIZES = [(60, 200, 2), (59, 413, 0)]


@pytest.mark.parametrize(("limit", "status", "taken"), SIZES)
@pytest.mark.parametrize("chunked", [True, False])
@in_virtual_time
async def test_a_proxy_refuses_what_is_too_large_for_it(limit: int, status: int, taken: int, *, chunked: bool) -> None:
    """With a page and no number; nothing of it is taken, whether its length was announced or not."""
    body = event_lines(1, 2)
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 60"
    sent = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:45], body[45:], b"")) if chunked else body
    watch = Watch()
    async with (
        FakeBackend(limits=Limits(proxy_request_bytes=limit), on_record=watch) as backend,
        connected(backend) as (reader, writer),
    ):
        writer.write(request_head(backend, framing) + sent)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert (b"Content-Type: text/html" in head) == (status == 413)
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == taken
    (answer,) = watch.of(AnswerSent)
    assert ("last_accepted_seq" in answer.body) == (status == 200)
    assert len(watch.of(LineReceived)) == taken


@in_virtual_time
async def test_a_proxy_refuses_an_announced_body_before_it_is_there() -> None:
    """The length in the head is enough, once the first line has told the kind of the request."""
    async with FakeBackend(limits=Limits(proxy_request_bytes=100)) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 101") + event_line(1))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nConnection: close\r\n" in head


@in_virtual_time
async def test_a_proxy_counts_what_the_backend_no_longer_looks_at() -> None:
    """Behind a line that is too long for the backend, a body can still be too large for the proxy."""
    limits = Limits(max_line_bytes=50, proxy_request_bytes=1_000)
    async with FakeBackend(limits=limits) as backend:
        for size, page in ((700, b'{"error"'), (1_200, b"<html>")):
            async with connected(backend) as (reader, writer):
                writer.write(request_head(backend, "Transfer-Encoding: chunked", "Connection: close"))
                for _ in range(size // 100):
                    writer.write(b"64\r\n" + b"x" * 100 + b"\r\n")
                    await asyncio.sleep(0.1)
                writer.write(b"0\r\n\r\n")
                assert (await reader.read()).partition(b"\r\n\r\n")[2].startswith(page)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
@in_virtual_time
async def test_a_partial_request_and_a_poison_hold_together(seconds: float) -> None:
    """What is ignored isn't refused; what comes before may be."""
    rules = [
        FaultRule(fault=Partial(lines=2)),
        FaultRule(fault=Poison(containing="poison")),
        FaultRule(fault=Latency(seconds=seconds, phase="after-lines", lines=2)),
    ]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        assert (await client.post(event_lines(1, 2) + event_line(3, a="poison")))[1]["last_accepted_seq"] == 2
        assert (await client.post(event_line(3, a="poison")))[0] == 400
