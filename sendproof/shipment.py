"""Ships one input into one run: reads, skips what is no event, and drains, whatever gets in the way."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, assert_never

import orjson

from reference.sender import (
    AnotherWriter,
    DrainReport,
    DropReason,
    EventDropped,
    EventHeldUp,
    EventStreamSender,
    Health,
    HealthChanged,
    NotDeliveredError,
    Outcome,
    PositionLost,
)
from sendproof.lines import BadLineError, LineSplitter, most_event_bytes, read_event
from sendproof.messages import Messages, excerpt
from sendproof.resume import LineNumbers, Passed, Start, StartError, new_run_only, numbers_that_say_nothing
from sendproof.run_note import RunNote
from sendproof.shipped import Shipped

if TYPE_CHECKING:
    from reference.sender import Notice, SenderConfig
    from sendproof.progress import ShippingProgress
    from sendproof.source import Source

_BETWEEN_FRAMES = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Phase(Enum):
    ASKING = auto()
    READING = auto()
    DRAINING = auto()


class Shipment:
    """Ships the lines of a source, in order. `run` is called once.

    Args:
        config: Where to, and within which limits. `stop_timeout` bounds the drain, also after a signal.
        source: What to ship.
        progress: Where it is shown, and lines that are skipped are reported.
        complete: Complete the run at the end of the source. It is left open if the end wasn't reached.
        start: What to do with a run that holds events already.
    """

    def __init__(
        self,
        config: SenderConfig,
        source: Source,
        progress: ShippingProgress,
        *,
        complete: bool,
        start: Start = Start.NEW,
    ) -> None:
        self._config = config
        self._source = source
        self._progress = progress
        self._complete = complete
        self._start = start
        self._passed = Passed(0)
        self._most_event_bytes = most_event_bytes(config)
        self._line_numbers = LineNumbers()
        self._sender = EventStreamSender(config, on_notice=self._on_notice)
        self._lines = 0
        self._bytes = 0
        self._skipped = 0
        self._messages = Messages(progress)
        self._last_trouble = ""
        self._dropped: Counter[DropReason] = Counter()
        self._lost = 0
        self._numbers_match = start is not Start.APPEND  # the run's numbers, and those of the input's events
        self._note = RunNote(config.url)
        self._signal: int | None = None
        self._deadline: float | None = None
        self._phase = _Phase.ASKING
        self._step: asyncio.Task[Any]  # what `run` waits for in this phase
        self._quits = False

    async def run(self) -> Shipped:
        """Ship everything, and say what became of it.

        SIGINT and SIGTERM end the reading, and what was read is drained; the second one ends that, too.

        Raises:
            StartError: The run isn't where the start would have it; nothing was sent.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        drawing = loop.create_task(self._draw(began)) if self._progress.is_visible else None
        for number in _SIGNALS:
            # Where loops know no signals (Windows), Ctrl-C ends the command all the same, at once.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, self._on_signal, number)
        try:
            trouble = await self._find_beginning() or await self._read_all()
            report = await self._drain(complete=self._complete and trouble is None)
        except StartError:
            await self._sender.stop(0.0, complete=False)
            raise
        finally:
            for number in _SIGNALS:
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
            if drawing is not None:
                drawing.cancel()
        self._messages.end()
        if report.completed:
            self._note.clear()
        return Shipped(
            lines=self._lines,
            before=self._passed.events,
            delivered=report.delivered,
            undelivered=report.undelivered,
            unconfirmed=report.unconfirmed,
            skipped=self._skipped,
            dropped=self._dropped,
            contested=report.contested,
            lost=self._lost,
            completed=report.completed,
            last_accepted_seq=self._sender.stats().last_accepted_seq,
            seconds=loop.time() - began,
            why=trouble if self._phase is _Phase.ASKING else "; ".join(filter(None, [trouble, report.why])) or None,
            signal=self._signal,
            go_on=self._how_to_go_on(report) if trouble or report.undelivered else None,
        )

    # Beginning.

    async def _find_beginning(self) -> str | None:
        """Ask how far the run is; return what prevented it, None if nothing did. Raises StartError."""
        if self._start is Start.APPEND:
            return None  # the sender asks for itself
        self._step = asyncio.create_task(self._sender.ask_position())
        giving_up = asyncio.create_task(self._cancel_after_the_end(self._step))
        await asyncio.wait({self._step})
        giving_up.cancel()
        if self._signal is not None:
            return f"ended by {signal.Signals(self._signal).name} before the first line"
        try:
            position: int = self._step.result()
        except asyncio.CancelledError:
            return f"the backend didn't say how far the run is; the last trouble was: {self._last_trouble}"
        except NotDeliveredError as error:
            return error.why
        if self._start is Start.NEW:
            new_run_only(position)
            self._note.clear()
        elif position and (mismatch := self._note.read()) is not None:
            raise StartError(numbers_that_say_nothing(position, mismatch, self._note.path))
        self._passed = Passed(position)
        return None

    async def _cancel_after_the_end(self, step: asyncio.Task[Any]) -> None:
        """There is no hurry while there is more to read than was read ahead; what is all there isn't held for ever."""
        await self._source.end()
        await asyncio.sleep(self._config.stop_timeout)
        step.cancel()

    # Reading.

    async def _read_all(self) -> str | None:
        """Read until the end, or until something ends it; return what, unless the drain's report says it."""
        self._phase = _Phase.READING
        self._step = asyncio.create_task(self._read())
        await asyncio.wait({self._step})
        self._phase = _Phase.DRAINING
        self._source.close()
        where = f"after line {self._lines:,}"
        if self._signal is not None:
            return f"ended by {signal.Signals(self._signal).name} {where}"
        try:
            self._step.result()
        except asyncio.CancelledError:
            return f"reading ended {where}"
        except OSError as error:
            return f"reading failed {where}: {error.strerror or error}"
        return None

    async def _read(self) -> None:
        splitter = LineSplitter(max_line_bytes=self._config.max_event_bytes)
        while chunk := await self._source.read():
            for line in splitter.feed(chunk):
                await self._take(line)
            self._bytes += len(chunk)
            self._line_numbers.keep(self._sender.stats().undelivered)
            # Chunks that are there already are had without waiting; the sender wants its turn between them.
            await asyncio.sleep(0)
        if self._signal is None:
            for line in splitter.end():
                await self._take(line)
            self._passed.end()

    async def _take(self, line: bytes) -> None:
        self._lines += 1
        if len(line) > self._most_event_bytes:
            self._skip(f"larger than {self._most_event_bytes:,} bytes, the most an event may have")
            return
        if not line or line.isspace():
            return
        try:
            event = read_event(line)
        except BadLineError as error:
            self._skip(str(error))
            return
        if self._passed.takes(line, self._lines):
            return
        if await self._sender.enqueue_when_room(event) is Outcome.ACCEPTED:
            self._line_numbers.add(self._lines)

    def _skip(self, why: str) -> None:
        self._skipped += 1
        self._messages.complain(why, line=self._lines)

    # Ending.

    def _how_to_go_on(self, report: DrainReport) -> str | None:
        if not (report.delivered or report.undelivered or self._passed.events):
            return "with the same command: nothing was sent"
        if self._sender.stats().health is Health.FAILED and not report.delivered:
            return None  # such as a run that is complete: the same would happen again
        self._line_numbers.keep(report.undelivered)
        line = self._line_numbers.first or self._lines + 1
        # Once quit, nobody has counted how many of them were sent.
        unconfirmed = report.undelivered if self._quits else report.unconfirmed
        if not self._numbers_match:
            there = f", of which the first {unconfirmed:,} may be there already" if unconfirmed else ""
            return f"with --append, and the input from line {line:,} on{there}"
        behind = ", or one behind it," if unconfirmed or not self._passed.is_over else ""
        return f"with --resume, and the whole input again: line {line:,}{behind} is next"

    async def _drain(self, *, complete: bool) -> DrainReport:
        loop = asyncio.get_running_loop()
        if self._phase is _Phase.ASKING:
            return await self._sender.stop(0.0, complete=False)
        seconds = self._config.stop_timeout if self._deadline is None else max(self._deadline - loop.time(), 0.0)
        self._step = asyncio.create_task(self._sender.stop(0.0 if self._quits else seconds, complete=complete))
        await asyncio.wait({self._step})
        if not self._quits:
            report: DrainReport = self._step.result()
            return report
        stats = self._sender.stats()
        return DrainReport(
            delivered=stats.delivered,
            undelivered=stats.undelivered,
            contested=stats.contested,
            completed=False,
            why="the drain was cut short",
        )

    def _on_signal(self, number: int) -> None:
        if self._signal is not None:
            self._quits = True
            self._step.cancel()
            return
        self._signal = number
        if self._phase is _Phase.ASKING:
            self._step.cancel()
            return
        if self._phase is _Phase.READING:
            self._source.close()
            # What was read ahead may wait for room in the buffer, and has no longer than the drain.
            loop = asyncio.get_running_loop()
            self._deadline = loop.time() + self._config.stop_timeout
            loop.call_at(self._deadline, self._step.cancel)
        self._messages.announce("Ending: sending what was read. Once more (Ctrl-C) quits at once.")

    # Telling.

    def _on_notice(self, notice: Notice) -> None:
        match notice:
            case HealthChanged(health=health, detail=detail):
                self._last_trouble = detail
                self._messages.show_health(notice)
                if health is Health.FAILED and self._phase is _Phase.READING:
                    self._step.cancel()
            case EventDropped(reason=DropReason.CLOSED):
                # The sender broke, by a bug of its own. It has said so, and there is no use in reading on.
                self._step.cancel()
            case EventDropped(event=orjson.Fragment(), detail=detail):
                self._skip(detail)
            case EventDropped(reason=reason, detail=detail, event=event):
                self._dropped[reason] += 1
                line = self._line_numbers.keep(self._sender.stats().undelivered)
                self._lose_count(
                    "the backend refused an event" if line is None else f"the backend refused line {line:,}"
                )
                self._messages.complain(f"{reason} by the backend: {detail}: {excerpt(event)}", line=line)
            case EventHeldUp(detail=detail, event=event, behind=behind):
                self._line_numbers.keep(self._sender.stats().undelivered)
                what = f"the backend fails on this event again and again, and {behind:,} wait behind it: {detail}"
                self._messages.complain(f"{what}: {excerpt(event)}", line=self._line_numbers.first)
            case AnotherWriter(detail=detail):
                self._lose_count("another writer was on this run")
                self._messages.complain(f"another writer is on this run, which is for one: {detail}")
            case PositionLost(before=before, now=now):
                self._lost += before - now
                self._lose_count("the backend lost events")
                self._messages.complain(
                    f"the backend lost events: its last number went back from {before:,} to {now:,}"
                )
            case other:
                assert_never(other)

    def _lose_count(self, why: str) -> None:
        self._numbers_match = False
        self._note.write(why)

    async def _draw(self, began: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            stats = self._sender.stats()
            settled = 1 - stats.undelivered / stats.enqueued if stats.enqueued else 0.0
            self._progress.show(
                lines=self._lines,
                delivered=stats.delivered,
                done=self._bytes * settled,
                seconds=loop.time() - began,
            )
            await asyncio.sleep(_BETWEEN_FRAMES)
