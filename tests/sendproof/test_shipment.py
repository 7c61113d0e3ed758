"""A shipment inside of one event loop: signals, sources that fail, and what a person sees meanwhile."""

import asyncio
import io
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO

import orjson
import pytest
from rich.console import Console

from fake_backend import BackendRecord, FakeBackend, FaultRule, Status
from fake_backend.faults import Stall
from fake_backend.records import FaultStruck, LineReceived
from reference.sender import (
    AnotherWriter,
    DropReason,
    EventDropped,
    EventHeldUp,
    Health,
    HealthChanged,
    PositionLost,
    SenderConfig,
)
from reference.sender.core import SenderCore
from sendproof.progress import ShippingProgress
from sendproof.report import report_text
from sendproof.resume import Start
from sendproof.shipment import Shipment
from sendproof.shipped import Shipped
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


class Breaking(io.BytesIO):
    """A file on a disk that fails at its end."""

    def read(self, size: int | None = -1) -> bytes:
        """Give what is there, and no end."""
        chunk = super().read(size)
        if not chunk:
            raise OSError(5, "Input/output error")
        return chunk


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


def shipment(
    url: str, stream: IO[bytes], *, out: io.StringIO | None = None, start: Start = Start.NEW, **limits: float
) -> Shipment:
    """A shipment to a URL."""
    source = Source(stream)
    console = Console(file=out or io.StringIO(), force_terminal=out is not None, width=100, highlight=False)
    config = SenderConfig(url=url, token="any", window_age=0.0, retry_delay=0.01, **limits)  # type: ignore[arg-type]
    return Shipment(config, source, ShippingProgress(console, size=source.size), complete=True, start=start)


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
    async with backend_with(FaultRule(fault=Status(status=503), of="data")) as (backend, _):
        with pipe() as (reader, writer):
            out = Screen()
            shipping = asyncio.create_task(
                shipment(backend.ingest_url("run"), reader, out=out, max_buffered_events=10, stop_timeout=0.05).run()
            )
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
    async with backend_with(FaultRule(fault=Stall(phase="before-read"), of="data")) as (backend, moments):
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


async def test_ctrl_c_before_the_first_line_ends_it_at_once() -> None:
    """The backend doesn't answer how far the run is, and nothing is there to drain."""
    async with backend_with(FaultRule(fault=Stall(phase="before-read"))) as (backend, moments):
        with pipe() as (reader, _):
            asked = moments.of(is_fault)
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader).run())
            await asyncio.wait_for(asked.wait(), 10)
            interrupt()
            shipped = await asyncio.wait_for(shipping, 5)
    assert shipped.signal == signal.SIGINT
    assert shipped.why == "ended by SIGINT before the first line"
    assert shipped.go_on == "with the same command: nothing was sent"


async def test_a_backend_that_is_down_is_waited_for_while_there_is_more_to_come() -> None:
    """`stop_timeout` begins with the end of the input, also before the first line; here it would be over at once."""
    async with backend_with(FaultRule(fault=Status(status=503), of="sync", times=5)) as (backend, moments):
        with pipe() as (reader, writer):
            arrived = moments.of(is_line)
            shipping = asyncio.create_task(shipment(backend.ingest_url("run"), reader, stop_timeout=0.0).run())
            writer.write(b"{}\n")
            await asyncio.wait_for(arrived.wait(), 10)
            interrupt()
            shipped = await shipping
    assert shipped.lines == 1


@pytest.mark.parametrize(
    ("events", "start", "go_on"),
    [
        (0, Start.NEW, "with --resume, and the whole input again: line 2 is next"),
        (0, Start.RESUME, "with --resume, and the whole input again: line 2 is next"),
        (5, Start.RESUME, "with --resume, and the whole input again: line 2, or one behind it, is next"),
        (5, Start.APPEND, "with --append, and the input from line 2 on"),
    ],
)
async def test_where_to_go_on_is_said_as_well_as_it_is_known(events: int, start: Start, go_on: str) -> None:
    """While lines are passed over, the next one is further on; behind another input, no number says where."""
    async with backend_with() as (backend, _):
        if events:
            await shipment(backend.ingest_url("run"), Breaking(b"{}\n" * events)).run()
        shipped = await shipment(backend.ingest_url("run"), Breaking(b"{}\n"), start=start).run()
    assert shipped.go_on == go_on


async def test_a_source_that_breaks_is_reported_and_the_run_left_open() -> None:
    """What was read before is delivered."""
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
    broken = shipment("http://127.0.0.1:1/", io.BytesIO(), start=Start.APPEND)
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
        shipped = await shipment(backend.ingest_url("run"), Endless(), start=Start.APPEND).run()
    assert shipped.why is not None
    assert shipped.why.startswith("reading ended after line ")
    assert "the sending task broke" in shipped.why
    assert shipped.undelivered


def test_what_the_sender_notices_is_told_with_its_line_and_ends_the_match_of_numbers() -> None:
    """Once another writer, or a loss at the backend, comes between, no number of the run says which line is next."""
    out = io.StringIO()
    telling = shipment("http://127.0.0.1:1/", io.BytesIO(), out=out)
    telling._line_numbers.add(7)
    # Nothing was enqueued, so all lines are settled for the sender.
    telling._on_notice(EventDropped(reason=DropReason.REJECTED, detail="400 no", event={"u": "\u202e", "i": 10**30}))
    telling._on_notice(EventDropped(reason=DropReason.REJECTED, detail="400 no", event='{"as": "text"}'))
    telling._on_notice(EventHeldUp(detail="500 no", event={"i": 1}, behind=1234))
    telling._on_notice(AnotherWriter(detail="5 are not ours", contested=5))
    telling._on_notice(PositionLost(before=1200, now=200))
    telling._on_notice(HealthChanged(health=Health.RETRYING, detail="503", retry_in=3600.0))
    assert [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()] == [
        r'line 7: rejected by the backend: 400 no: {"u":"\u202e","i":1000000000000000000000000000000}',
        'rejected by the backend: 400 no: {"as": "text"}',
        'the backend fails on this event again and again, and 1,234 wait behind it: 500 no: {"i":1}',
        "another writer is on this run, which is for one: 5 are not ours",
        "the backend lost events: its last number went back from 1,200 to 200",
        "retrying: 503; the next attempt is in 3,600 s",
    ]
    assert telling._lost == 1000
    assert not telling._numbers_match


async def test_an_input_that_fails_at_once_may_be_sent_by_the_same_command() -> None:
    """Nothing was sent that could be there twice."""
    async with backend_with() as (backend, _):
        shipped = await shipment(backend.ingest_url("run"), Breaking()).run()
    assert shipped.why == "reading failed after line 0: Input/output error"
    assert shipped.go_on == "with the same command: nothing was sent"


def test_a_line_that_the_sender_refuses_is_skipped_with_its_reason() -> None:
    """Should it be stricter than what lines are checked for here."""
    out = io.StringIO()
    telling = shipment("http://127.0.0.1:1/", io.BytesIO(), out=out)
    refused = EventDropped(reason=DropReason.UNSERIALIZABLE, detail="too deep", event=orjson.Fragment(b"{}"))
    telling._on_notice(refused)
    assert telling._skipped == 1
    assert "line 0: too deep" in out.getvalue()


def test_what_is_not_there_for_certain_is_in_the_report_and_in_the_exit_status() -> None:
    """Events of another writer under our numbers, and those that the backend lost, count as missing."""
    shipped = Shipped(
        lines=9,
        delivered=9,
        undelivered=0,
        unconfirmed=0,
        skipped=0,
        contested=5,
        lost=1000,
        completed=True,
        last_accepted_seq=9,
        seconds=1.0,
        why=None,
        signal=None,
    )
    assert not shipped.all_delivered
    text = report_text(shipped).plain
    assert text.startswith("Not all was delivered.")
    assert "contested  5, another writer's are there under their numbers" in text
    assert "lost       1,000 by the backend, after it had confirmed them" in text


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
