"""A shipment inside of one event loop: signals, sources that fail, and what a person sees meanwhile."""

import asyncio
import io
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO

import pytest
from rich.console import Console

from fake_backend import BackendRecord, FakeBackend, FaultRule, FaultStruck, LineReceived, Stall, Status
from reference.sender import SenderConfig
from reference.sender.core import SenderCore
from sendproof.progress import ShippingProgress
from sendproof.report import report_text
from sendproof.shipment import Shipment, Shipped
from sendproof.source import Source


@contextmanager
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Both ends of a pipe, the one to read from first."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as reader, os.fdopen(write_end, "wb", buffering=0) as writer:
        yield reader, writer


class Moments:
    """What a test waits for at the backend."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[BackendRecord], bool], asyncio.Event]] = []

    def __call__(self, record: BackendRecord) -> None:
        """Take note of what happens at the backend."""
        for matches, event in self._waiting:
            if matches(record):
                event.set()

    def of(self, matches: Callable[[BackendRecord], bool]) -> asyncio.Event:
        """An event that is set once a record matches."""
        event = asyncio.Event()
        self._waiting.append((matches, event))
        return event


def is_line(record: BackendRecord) -> bool:
    """Whether a line arrived."""
    return isinstance(record, LineReceived)


def is_fault(record: BackendRecord) -> bool:
    """Whether a fault struck."""
    return isinstance(record, FaultStruck)


class Screen(io.StringIO):
    """What a person sees, who can wait for something to appear."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def write(self, text: str) -> int:
        """Show it."""
        self._changed.set()
        return super().write(text)

    async def shows(self, text: str) -> None:
        """Wait until a text is there."""
        async with asyncio.timeout(10):
            while text not in self.getvalue():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def backend_with(*faults: FaultRule) -> AsyncIterator[tuple[FakeBackend, Moments]]:
    """A backend, and what happens there."""
    moments = Moments()
    async with FakeBackend(faults=faults, on_record=moments) as backend:
        yield backend, moments


def shipment(url: str, stream: IO[bytes], *, out: io.StringIO | None = None, **limits: float) -> Shipment:
    """A shipment to a URL."""
    source = Source(stream)
    console = Console(file=out or io.StringIO(), force_terminal=out is not None, width=100, highlight=False)
    config = SenderConfig(url=url, token="any", window_age=0.0, retry_delay=0.01, **limits)  # type: ignore[arg-type]
    return Shipment(config, source, ShippingProgress(console, size=source.size), complete=True)


def interrupt() -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


async def test_a_line_is_sent_while_the_next_is_not_there() -> None:
    """A producer that sleeps holds nothing up."""
    async with backend_with() as (backend, moments):
        with pipe() as (reader, writer):
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader).run())
            for _ in range(3):
                arrived = moments.of(is_line)
                writer.write(b"{}\n")
                await asyncio.wait_for(arrived.wait(), 10)
            writer.close()
            shipped = await shipping
    assert shipped.all_delivered
    assert shipped.delivered == 3


async def test_a_pipe_that_someone_made_non_blocking_has_not_ended() -> None:
    """What reads as "nothing there" is waited for, not taken for the end."""
    async with backend_with() as (backend, moments):
        with pipe() as (reader, writer):
            os.set_blocking(reader.fileno(), False)
            arrived = moments.of(is_line)
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader).run())
            await asyncio.sleep(0.01)
            writer.write(b"{}\n")
            await asyncio.wait_for(arrived.wait(), 10)
            writer.close()
            assert (await shipping).delivered == 1


async def test_ctrl_c_drains_what_was_read_and_leaves_the_run_open() -> None:
    """Also what was read ahead of a full buffer; an unfinished line isn't sent."""
    async with backend_with() as (backend, moments):
        with pipe() as (reader, writer):
            arrived = moments.of(is_line)
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader, max_buffered_events=10).run())
            writer.write(b"{}\n" * 500 + b"{")
            await asyncio.wait_for(arrived.wait(), 10)
            interrupt()
            shipped = await shipping
            view = backend.run("run")
    assert shipped.signal == signal.SIGINT
    assert shipped.why == "ended by SIGINT after line 500"
    assert (shipped.delivered, shipped.undelivered) == (500, 0)
    assert view.last_accepted_seq == 500
    assert not view.complete


async def test_after_ctrl_c_a_full_buffer_holds_nothing_up_past_the_deadline() -> None:
    """What was read ahead has no longer than the drain, of which nothing is left then."""
    async with backend_with(FaultRule(fault=Status(status=503))) as (backend, _):
        with pipe() as (reader, writer):
            limits = {"max_buffered_events": 10, "stop_timeout": 0.05}
            out = Screen()
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader, out=out, **limits).run())
            writer.write(b"{}\n" * 100)
            await out.shows("retrying")
            interrupt()
            shipped = await shipping
    assert shipped.undelivered == 10
    assert shipped.why is not None
    assert shipped.why.startswith(
        "ended by SIGINT after line 11; the deadline of 0 s passed; the last trouble was: 503"
    )


async def test_ctrl_c_twice_quits_at_once() -> None:
    """While reading: nothing is waited for, however long the drain might have been."""
    async with backend_with(FaultRule(fault=Stall(phase="before-read"))) as (backend, moments):
        with pipe() as (reader, writer):
            started = moments.of(is_fault)
            out = Screen()
            shipping = asyncio.create_task(
                shipment(backend.ingest_url("run"), reader, out=out, max_buffered_events=10).run()
            )
            writer.write(b"{}\n" * 100)
            await asyncio.wait_for(started.wait(), 10)
            interrupt()
            await out.shows("quits at once")
            interrupt()
            shipped = await asyncio.wait_for(shipping, 5)
    assert shipped.why is not None
    assert shipped.why.endswith("the drain was cut short")
    assert not shipped.completed


async def test_ctrl_c_twice_in_the_drain_quits_at_once() -> None:
    """The input has ended, and the run is about to be completed; the first one only tells about the second."""
    async with backend_with(FaultRule(fault=Stall(phase="before-accept"), of="completion")) as (backend, moments):
        completing = moments.of(is_fault)
        out = Screen()
        shipping = asyncio.create_task(shipment(backend.ingest_url("run"), io.BytesIO(b"{}\n"), out=out).run())
        await asyncio.wait_for(completing.wait(), 10)
        interrupt()
        await out.shows("quits at once")
        interrupt()
        shipped = await asyncio.wait_for(shipping, 5)
    assert shipped.why == "the drain was cut short"
    assert (shipped.delivered, shipped.completed, shipped.signal) == (1, False, signal.SIGINT)


async def test_a_source_that_breaks_is_reported_and_the_run_left_open() -> None:
    """What was read before is delivered."""

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            chunk = super().read(size)
            if not chunk:
                raise OSError(5, "Input/output error")
            return chunk

    async with backend_with() as (backend, _):
        shipped = await shipment(backend.ingest_url("run"), Breaking(b"{}\n")).run()
        assert not backend.run("run").complete
    assert shipped.delivered == 1
    assert shipped.why == "reading failed after line 1: Input/output error"
    assert not shipped.all_delivered


async def test_a_bug_in_reading_is_not_hidden() -> None:
    """It is raised, not reported."""
    stream = io.BytesIO(b"{}\n")
    stream.close()
    broken = shipment("http://127.0.0.1:1/", io.BytesIO())
    broken._source._stream = stream
    with pytest.raises(ValueError, match="closed file"):
        await broken.run()


async def test_a_sender_that_breaks_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no use in reading on, however much there is."""

    class Endless(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            return b"{}\n" * 100

    def fail(_core: SenderCore, _happened: object, _now: float) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SenderCore, "handle", fail)
    async with backend_with() as (backend, _):
        shipped = await shipment(backend.ingest_url("run"), Endless()).run()
    assert shipped.why is not None
    assert shipped.why.startswith("reading ended after line ")
    assert "the sending task broke" in shipped.why
    assert shipped.undelivered


def test_a_source_whose_loop_is_gone_ends_its_thread() -> None:
    """A process that doesn't wait for its input can end."""

    async def begin(source: Source) -> None:
        reading = asyncio.create_task(source.read())
        await asyncio.sleep(0)
        reading.cancel()

    with pipe() as (reader, writer):
        source = Source(reader)
        asyncio.run(begin(source))
        writer.write(b"too late")
        assert source._thread is not None
        source._thread.join(10)
        assert not source._thread.is_alive()


async def test_a_closed_source_ends_its_thread_though_nobody_took_what_it_read() -> None:
    """No thread is left waiting for room."""
    source = Source(io.BytesIO(b"x" * 1_000_000))
    assert await source.read()
    source.close()
    assert source._thread is not None
    await asyncio.to_thread(source._thread.join, 10)
    assert not source._thread.is_alive()


@pytest.mark.parametrize("size", [1000, None])
def test_the_bar_shows_what_was_read_and_delivered(size: int | None) -> None:
    """With a percentage where the size is known; messages go above it."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, highlight=False, color_system=None)
    with ShippingProgress(console, size=size) as progress:
        progress.show(lines=1500, delivered=1200, done=500.0, seconds=2.0)
        progress.say("line 7: [not] markup")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "1,500 read  1,200 delivered  600/s" in shown
    assert ("50%" in shown) is (size is not None)
    assert "line 7: [not] markup" in shown


def test_without_a_terminal_there_is_nothing_but_messages() -> None:
    """A log file holds no bars."""
    out = io.StringIO()
    with ShippingProgress(Console(file=out), size=10) as progress:
        assert not progress.is_visible
        progress.say("a message")
    assert out.getvalue() == "a message\n"


def test_the_rate_of_no_time_is_nothing() -> None:
    """A clock may stand still for so short a run."""
    shipped = Shipped(
        lines=1,
        delivered=1,
        undelivered=0,
        unconfirmed=0,
        skipped=1,
        completed=True,
        last_accepted_seq=1,
        seconds=0.0,
        why=None,
        signal=None,
    )
    text = report_text(shipped).plain
    assert "0.00 s, 0 events a second" in text
    assert "skipped    1 line, see above" in text
    out = io.StringIO()
    with ShippingProgress(Console(file=out, force_terminal=True, width=100), size=None) as progress:
        progress.show(lines=0, delivered=0, done=0.0, seconds=0.0)
    assert "0/s" in out.getvalue()
