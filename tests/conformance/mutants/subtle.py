"""Bugs that a sceptic got past the suite: each shows only where two things meet."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tests.conformance.mutants.plain_sender import OK, Answer, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings
    from tests.conformance.mutants.plain_sender import Report


@fails("RTY-3", "an answer asked to wait 300 s")
class CapsRetryAfterAtAMinute(PlainSender):
    """Waits for as long as it is asked to, but a minute at the most."""

    def read_retry_after(self, value: str | None) -> float:
        return min(super().read_retry_after(value), 60.0)


@fails("DLV-6", "was taken for an acknowledgement")
class TakesNoContentForDelivery(PlainSender):
    """Takes a 202 or 204, which says nothing more, for the delivery of all that it sent."""

    sending = 0

    async def send(self, lines: list[bytes]) -> None:
        self.sending = len(lines)
        await super().send(lines)
        self.sending = 0

    async def post(self, lines: list[bytes]) -> Answer:
        answer = await super().post(lines)
        is_bare = answer.status in {202, 204} and answer.last is None and self.sending
        return replace(answer, last=self.base + self.sending) if is_bare else answer


class _Measured(bytes):
    size = 0


@fails("WIN-1", "bytes; max_window_bytes is")
class MeasuresALineOnce(PlainSender):
    """Remembers the size of a line, and under which number it was measured is forgotten."""

    def serialize(self, event: Any) -> bytes:
        return _Measured(super().serialize(event))

    def window(self) -> list[bytes]:
        lines: list[bytes] = []
        size = 0
        for seq, payload in enumerate(self.held, start=self.base + 1):
            line = self.line(seq, payload)
            assert isinstance(payload, _Measured)
            payload.size = payload.size or len(line) + 1
            size += payload.size
            if lines and (self.alone or self.is_too_much(len(lines) + 1, size)):
                break
            lines.append(line)
        return lines


@fails("DRN-3", "stop never returned")
class TakesItsDeadlineFromTheWallClock(PlainSender):
    """Compares `time.time()` with the time at which it has to be done."""

    async def drain(self) -> Report:
        self.news.set()
        until = time.time() + self.settings.stop_timeout
        while not self.worker.done() and time.time() < until:
            await asyncio.wait({self.worker}, timeout=0.25)
        await self.end()
        return self.report()


@fails("RTY-3", "an answer asked to wait 3 s, and the next attempt came after 1")
class WaitsByTheWallClock(PlainSender):
    """Compares `time.time()` with the time at which it may try again."""

    async def pause(self) -> None:
        self.failures += 1
        await self.until(time.time() + max(self.delay(), self.retry_after))

    async def until(self, end: float) -> None:
        """Wait until the wall clock says so."""
        while (left := end - time.time()) > 0:  # noqa: ASYNC110 - a clock sets no event
            await asyncio.sleep(min(left, 0.05))


@fails("RTY-1", "it was never tried again")
class BacksOffByTheWallClock(WaitsByTheWallClock):
    """Waits for as long as it is asked to, and by the wall clock where it isn't asked."""

    async def pause(self) -> None:
        self.failures += 1
        if self.retry_after:
            await asyncio.sleep(max(self.delay(), self.retry_after))
        else:
            await self.until(time.time() + self.delay())


@fails("WIRE-4", "never enqueued in this form")
class FormatsItsEvents(PlainSender):
    """Puts the number into a template that holds the event already."""

    def line(self, seq: int, payload: bytes) -> bytes:
        template = b'{"seq":%d,"event":' + payload + b"}"
        return template.replace(b"%d", str(seq).encode())


@fails("WIRE-1", "a line is not one JSON object")
class SplitsWhatItSendsAgain(PlainSender):
    """Keeps a window that failed as a text, and splits it into lines wherever Unicode sees an end of a line."""

    text = ""
    base_of_text = 0

    async def send(self, lines: list[bytes]) -> None:
        sending, base = b"\n".join(lines).decode(), self.base
        self.text = ""
        failures = self.failures
        await super().send(lines)
        if self.failures > failures and self.base == base:
            self.text, self.base_of_text = sending, base

    def window(self) -> list[bytes]:
        if self.text and self.base_of_text == self.base:
            return [line.encode() for line in self.text.splitlines()]
        return super().window()


_POSITIONS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, int]] = WeakKeyDictionary()


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class RemembersWhereARunStood(PlainSender):
    """Keeps the number of each run for as long as the process lives, and asks only where it has none."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        known = _POSITIONS.setdefault(asyncio.get_running_loop(), {})
        if settings.url in known:
            self.told(known[settings.url])

    def told(self, last: int) -> int:
        _POSITIONS[asyncio.get_running_loop()][self.settings.url] = last
        return super().told(last)


@fails("WIN-4", "was answered 'raised RecursionError")
class LetsARecursionErrorOut(PlainSender):
    """Catches what its serializer is documented to raise."""

    def enqueue(self, event: Any) -> str:
        if not self.is_closed():
            try:
                self.serialize(event)
            except (TypeError, ValueError):
                return "unserializable"
        return super().enqueue(event)


@fails("WIRE-4", "was never enqueued in this form")
class NormalizesText(PlainSender):
    """Brings all text into the same form of Unicode."""

    def serialize(self, event: Any) -> bytes:
        return unicodedata.normalize("NFC", super().serialize(event).decode()).encode()


@fails("LIV-3", "an idle sender sent a request")
class PollsAfterTrouble(PlainSender):
    """Asks every fifteen seconds whether all is well, once something has failed."""

    is_wary = False

    async def pause(self) -> None:
        self.is_wary = True
        await super().pause()

    async def idle(self) -> None:
        self.news.clear()
        try:
            await asyncio.wait_for(self.news.wait(), timeout=15.0 if self.is_wary else None)
        except TimeoutError:
            await self.sync()


@fails("LIV-3", "an idle sender sent a request")
class PollsAfterAConflict(PollsAfterTrouble):
    """Asks every fifteen seconds whether another writer has come again, once one has."""

    async def pause(self) -> None:
        was_wary = self.is_wary
        await super().pause()
        self.is_wary = was_wary

    async def rebase(self, last: int) -> None:
        await super().rebase(last)
        self.is_wary = True


@fails("LIV-2", "an event waited for")
class ClearsItsSignalTooLate(PlainSender):
    """Looks whether there is something to send, and clears the signal one turn of the loop later."""

    async def idle(self) -> None:
        await asyncio.sleep(0)
        await super().idle()


@fails("RTY-3", "and the next attempt came after")
class KnowsOneFormOfDates(PlainSender):
    """Reads the date in `Retry-After` in the form that HTTP prefers, and in no other."""

    def read_date(self, value: str) -> float:
        try:
            at = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError:
            return 0.0
        return at.timestamp() - time.time()


@fails("RTY-3", "and the next attempt came after")
class TakesADateWithoutAZoneForLocalTime(PlainSender):
    """Reads the date in `Retry-After` as Python gives it, which in the oldest form has no zone."""

    def read_date(self, value: str) -> float:
        try:
            return parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DropsEqualNeighbors(PlainSender):
    """Takes an event that is equal to the one before it for the same one, enqueued twice by mistake."""

    def enqueue(self, event: Any) -> str:
        if not self.is_closed() and self.held and isinstance(event, dict) and len(event) == 1:
            payload = self.serialize(event)
            if payload == self.held[-1]:
                return "accepted"
        return super().enqueue(event)


@fails("RTY-6", "it went on asking")
class AsksAgainForACompletionThatIsForbidden(PlainSender):
    """Knows that a 403 to a window is final, and takes one to a completion for a passing trouble."""

    async def finish(self) -> None:
        answer = await self.post([self.completion(self.base)])
        if answer.status in OK and answer.last is not None:
            self.completed = self.over = True
        elif answer.status == 409 and answer.last is not None and answer.last != self.base:
            await self.rebase(answer.last)
        elif answer.status == 409:
            self.over = True
        else:
            await self.pause()


@fails("DRN-3", "stop returned after")
class GivesEachStopADeadlineOfItsOwn(PlainSender):
    """Drains for as long as the last call of stop may take."""

    until = 0.0

    async def stop(self, *, complete: bool = True) -> Report | None:
        self.until = asyncio.get_running_loop().time() + self.settings.stop_timeout
        return await super().stop(complete=complete)

    async def drain(self) -> Report:
        loop = asyncio.get_running_loop()
        self.news.set()
        while not self.worker.done() and loop.time() < self.until:
            await asyncio.wait({self.worker}, timeout=self.until - loop.time())
        await self.end()
        return self.report()
