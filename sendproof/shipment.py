"""One input, shipped into one run: reads, skips what is no event, and drains, whatever gets in the way."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from reference.sender import DrainReport, DropReason, EventDropped, EventStreamSender, Health, HealthChanged
from sendproof.lines import BadLineError, LineSplitter, read_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference.sender import Notice, SenderConfig
    from sendproof.progress import ShippingProgress
    from sendproof.source import Source

_MOST_COMPLAINTS = 20
_EXCERPT = 60
_BETWEEN_FRAMES = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STYLES = {Health.HEALTHY: "green", Health.RETRYING: "yellow", Health.FAILED: "bold red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What became of an input.

    `skipped` lines were no event and `dropped` events were refused by the backend later. `why` says what stood in the
    way, None if nothing did; `signal` is the number of the signal that ended it early.
    """

    lines: int
    delivered: int
    undelivered: int
    unconfirmed: int
    skipped: int
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    completed: bool
    last_accepted_seq: int | None
    seconds: float
    why: str | None
    signal: int | None

    @property
    def all_delivered(self) -> bool:
        """Whether every line that isn't blank was an event, and was delivered."""
        return self.why is None and not (self.undelivered or self.skipped or self.dropped)


class Shipment:
    """Ships the lines of a source, in order. `run` is called once.

    Args:
        config: Where to, and within which limits. `stop_timeout` bounds the drain, also after a signal.
        source: What to ship.
        progress: Where it is shown, and lines that are skipped are told.
        complete: Complete the run at the end of the source. It is left open if the end wasn't reached.
    """

    def __init__(self, config: SenderConfig, source: Source, progress: ShippingProgress, *, complete: bool) -> None:
        self._config = config
        self._source = source
        self._progress = progress
        self._complete = complete
        self._sender = EventStreamSender(config, on_notice=self._on_notice)
        self._lines = 0
        self._bytes = 0
        self._skipped = 0
        self._complaints = 0
        self._health_changes = 0
        self._dropped: Counter[DropReason] = Counter()
        self._signal: int | None = None
        self._deadline: float | None = None
        self._step: asyncio.Task[Any]  # what `run` waits for: the reading, then the drain
        self._is_reading = True
        self._quits = False

    async def run(self) -> Shipped:
        """Ship everything, and say what became of it.

        SIGINT and SIGTERM end the reading, and what was read is drained; the second one ends that, too.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        drawing = loop.create_task(self._draw(began)) if self._progress.is_visible else None
        for number in _SIGNALS:
            # Where loops know no signals (Windows), Ctrl-C ends the command all the same, at once.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, self._on_signal, number)
        try:
            trouble = await self._read_all()
            report = await self._drain(complete=self._complete and trouble is None)
        finally:
            for number in _SIGNALS:
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
            if drawing is not None:
                drawing.cancel()
        if self._complaints > _MOST_COMPLAINTS:
            self._progress.say(f"… and {self._complaints - _MOST_COMPLAINTS:,} more like these")
        if self._health_changes > _MOST_COMPLAINTS:
            self._progress.say(f"… and {self._health_changes - _MOST_COMPLAINTS:,} more changes of health")
        return Shipped(
            lines=self._lines,
            delivered=report.delivered,
            undelivered=report.undelivered,
            unconfirmed=report.unconfirmed,
            skipped=self._skipped,
            dropped=self._dropped,
            completed=report.completed,
            last_accepted_seq=self._sender.stats().last_accepted_seq,
            seconds=loop.time() - began,
            why="; ".join(filter(None, [trouble, report.why])) or None,
            signal=self._signal,
        )

    # Reading.

    async def _read_all(self) -> str | None:
        """Read until the end, or until something ends it; say what, unless that is told by the drain's report."""
        self._step = asyncio.create_task(self._read())
        await asyncio.wait({self._step})
        self._is_reading = False
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
            # Chunks that are there already are had without waiting; the sender wants its turn between them.
            await asyncio.sleep(0)
        if self._signal is None:
            for line in splitter.end():
                await self._take(line)

    async def _take(self, line: bytes) -> None:
        self._lines += 1
        if len(line) > self._config.max_event_bytes:
            self._skip(f"larger than {self._config.max_event_bytes:,} bytes, the most an event may have")
            return
        if not line or line.isspace():
            return
        try:
            event = read_event(line)
        except BadLineError as error:
            self._skip(str(error))
            return
        await self._sender.enqueue_when_room(event)

    def _skip(self, why: str) -> None:
        self._skipped += 1
        self._complain(f"line {self._lines:,}: {why}")

    def _complain(self, message: str) -> None:
        self._complaints += 1
        if self._complaints <= _MOST_COMPLAINTS:
            self._progress.say(message, style="yellow")

    # Ending.

    async def _drain(self, *, complete: bool) -> DrainReport:
        loop = asyncio.get_running_loop()
        seconds = self._config.stop_timeout if self._deadline is None else max(self._deadline - loop.time(), 0.0)
        self._step = asyncio.create_task(self._sender.stop(0.0 if self._quits else seconds, complete=complete))
        await asyncio.wait({self._step})
        if not self._quits:
            report: DrainReport = self._step.result()
            return report
        stats = self._sender.stats()
        return DrainReport(
            delivered=stats.delivered, undelivered=stats.undelivered, completed=False, why="the drain was cut short"
        )

    def _on_signal(self, number: int) -> None:
        if self._signal is not None:
            self._quits = True
            self._step.cancel()
            return
        self._signal = number
        if self._is_reading:
            self._source.close()
            # What was read ahead may wait for room in the buffer, and has no longer than the drain.
            loop = asyncio.get_running_loop()
            self._deadline = loop.time() + self._config.stop_timeout
            loop.call_at(self._deadline, self._step.cancel)
        self._progress.say("Ending: sending what was read. Once more (Ctrl-C) quits at once.", style="bold")

    # Telling.

    def _on_notice(self, notice: Notice) -> None:
        match notice:
            case HealthChanged(health=health, detail=detail):
                self._health_changes += 1
                if self._health_changes <= _MOST_COMPLAINTS or health is Health.FAILED:
                    self._progress.say(f"{health}: {detail}", style=_STYLES[health])
                if health is Health.FAILED and self._is_reading:
                    self._step.cancel()
            case EventDropped(reason=DropReason.CLOSED):
                # The sender broke, by a bug of its own. It has said so, and there is no use in reading on.
                self._step.cancel()
            case EventDropped(event=orjson.Fragment(), detail=detail):
                self._skip(detail)
            case EventDropped(reason=reason, detail=detail, event=event):
                self._dropped[reason] += 1
                text = orjson.dumps(event).decode()
                excerpt = text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
                self._complain(f"{reason} by the backend: {detail}: {excerpt}")

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
