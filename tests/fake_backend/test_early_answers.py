"""Answers that are out while the body still comes: they reach their client, and the rest is thrown away for a while."""

import asyncio

import pytest

from fake_backend import AnswerSent, FakeBackend, FaultRule, Status
from fake_backend.connection import LINGERING_TIME
from fake_backend.faults import Phase
from fake_backend.records import BodyEnded, LineReceived
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import Watch, connected, event_line, event_lines, request_bytes, request_head

EARLY: list[tuple[Phase, int, int]] = [("before-read", 0, 0), ("before-accept", 0, 0), ("after-lines", 2, 2)]


@pytest.mark.parametrize(("phase", "lines", "taken"), EARLY)
@in_virtual_time
async def test_a_client_goes_on_sending_past_an_early_answer(phase: Phase, lines: int, taken: int) -> None:
    """Its bytes are read and thrown away until the body ends; then the connection is closed, without a reset."""
    watch = Watch()
    rule = FaultRule(fault=Status(status=503, phase=phase, lines=lines))
    size = 1_000_000
    async with FakeBackend(faults=[rule], on_record=watch) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, f"Content-Length: {size}") + event_lines(1, 4))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nConnection: close\r\n" in head
        writer.write(b" " * (size - len(event_lines(1, 4))))
        await writer.drain()
        assert (await reader.read()).endswith(b"}")
        assert now() < LINGERING_TIME
        assert backend.run("run").last_accepted_seq == taken
    assert len(watch.of(LineReceived)) == taken
    assert len(watch.of(AnswerSent)) == 1
    assert not watch.of(BodyEnded)


@in_virtual_time
async def test_a_client_that_never_ends_its_body_is_closed() -> None:
    """The patience is that of `LINGERING_TIME`."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 100") + event_line(1))
        await reader.read()
        assert now() == pytest.approx(LINGERING_TIME, abs=0.1)


@in_virtual_time
async def test_a_backend_that_ends_waits_for_no_rest_of_a_body() -> None:
    """Neither does one whose client leaves: no task stays behind to read it."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"))
    async with FakeBackend(faults=[rule]) as backend:
        async with connected(backend) as (reader, writer):
            writer.write(request_head(backend, "Content-Length: 100"))
            await reader.readuntil(b"}")
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        async with connected(backend) as (reader, writer):
            writer.write(request_head(backend, "Content-Length: 100"))
            await reader.readuntil(b"}")
            await backend.go_down()
            assert asyncio.all_tasks() == {asyncio.current_task()}
    assert now() < 1.0


@pytest.mark.parametrize(
    ("status", "headers"), [(307, {"Location": "http://127.0.0.1:1/"}), (503, {"Retry-After": "120"})]
)
@pytest.mark.parametrize("phase", ["before-accept", "after-accept"])
@in_virtual_time
async def test_a_proxy_may_redirect_or_ask_to_wait_before_and_after_accepting(
    status: int, headers: dict[str, str], phase: Phase
) -> None:
    """Its answer says nothing of whether the request was taken."""
    rule = FaultRule(fault=Status(status=status, headers=headers, body="", phase=phase))
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, event_lines(1, 2)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        for name, value in headers.items():
            assert f"\r\n{name}: {value}\r\n".encode() in head
        assert backend.run("run").last_accepted_seq == (2 if phase == "after-accept" else 0)
