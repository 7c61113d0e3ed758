"""RTY: bugs in how long a sender waits, and in what ends the wait."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tests.conformance.mutants.plain_sender import Answer, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings


@fails("RTY-1", "failed in a way that may pass, and it was never tried again")
class DiesOfANonsensicalRetryAfter(PlainSender):
    """Takes every `Retry-After` that isn't a number for a date."""

    def read_retry_after(self, value: str | None) -> float:
        if value is not None and not value.isdigit():
            parsedate_to_datetime(value)
        return super().read_retry_after(value)


@fails("RTY-1", "failed in a way that may pass, and it was never tried again")
class WaitsForInfinity(PlainSender):
    """Reads `Retry-After` as any number that Python knows, and waits for it."""

    def read_retry_after(self, value: str | None) -> float:
        try:
            return min(float(value or "0"), 1e9)
        except ValueError:
            return super().read_retry_after(value)


@fails("RTY-2", "at most 10 are allowed")
class LetsRetryAfterReplaceItsDelay(PlainSender):
    """Waits for as long as `Retry-After` says, be it no time at all."""

    asked = False

    def read_retry_after(self, value: str | None) -> float:
        self.asked = value is not None
        return super().read_retry_after(value)

    def delay(self) -> float:
        return 0.001 if self.asked else super().delay()


@fails("RTY-3", "an answer asked to wait 2 s")
class CapsRetryAfter(PlainSender):
    """Never waits for longer than its own longest delay, whoever asks."""

    def read_retry_after(self, value: str | None) -> float:
        return min(super().read_retry_after(value), self.settings.max_retry_delay)


@fails("RTY-3", "an answer asked to wait 2 s")
class CompletesWithoutWaiting(PlainSender):
    """Doesn't heed `Retry-After` once it is stopped."""

    def read_retry_after(self, value: str | None) -> float:
        return 0.0 if self.closed else super().read_retry_after(value)


class WaitsInterruptibly(PlainSender):
    """Can be woken out of a wait by the next event."""

    async def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until something is enqueued."""
        self.news.clear()
        try:
            await asyncio.wait_for(self.news.wait(), timeout=seconds)
        except TimeoutError:
            return


@fails("RTY-3", "an answer asked to wait 2 s")
class IsWokenFromRetryAfter(WaitsInterruptibly):
    """Sends at once what is enqueued while it was asked to wait."""

    async def pause(self) -> None:
        self.failures += 1
        await self.sleep(max(self.delay(), self.retry_after))


@fails("RTY-2", "at most 10 are allowed")
class IsWokenFromItsBackoff(WaitsInterruptibly):
    """Waits out what it is asked for, and tries again with each event otherwise."""

    async def pause(self) -> None:
        self.failures += 1
        await asyncio.sleep(self.retry_after)
        await self.sleep(self.delay())


@fails("RTY-2", "at most 10 are allowed")
class IsHotBetweenSyncs(PlainSender):
    """Asks where the backend stands after each failure, and forgets the failure if it is answered."""

    async def fail(self) -> None:
        self.synced = False

    def told(self, last: int) -> int:
        self.failures = 0
        return super().told(last)

    async def pause(self) -> None:
        self.failures += 1
        if self.failures > 1:
            await asyncio.sleep(self.delay())


@fails("RTY-2", "at most 10 are allowed")
class IsHotAfterAnUnreadableSuccess(PlainSender):
    """Sends a window again at once that was answered 200 by someone who doesn't say how far it got."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.status = 0

    async def post_to(self, url: str, lines: list[bytes]) -> Answer:
        answer = await super().post_to(url, lines)
        self.status = answer.status
        return answer

    async def pause(self) -> None:
        if self.status != 200:
            await super().pause()


@fails("RTY-5", "as if none had been")
class WaitsAsLongAsItWasOnceAsked(PlainSender):
    """Takes a Retry-After for the least that it has to wait, from then on and after every failure."""

    longest = 0.0

    async def pause(self) -> None:
        self.failures += 1
        self.longest = max(self.longest, self.retry_after)
        await asyncio.sleep(max(self.delay(), self.longest))


@fails("RTY-3", "an answer asked to wait 2 s")
class HeedsProxiesAlone(PlainSender):
    """Takes `Retry-After` from 429 and 503, which proxies add, and from nothing else."""

    async def post_to(self, url: str, lines: list[bytes]) -> Answer:
        answer = await super().post_to(url, lines)
        if answer.status not in {429, 503}:
            self.retry_after = 0.0
        return answer


@fails("RTY-3", "and the next attempt came after")
class ReadsDatesAsLocalTime(PlainSender):
    """Takes the date in `Retry-After` for one of the time zone that it is in."""

    def read_date(self, value: str) -> float:
        try:
            at = datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007 - this is the bug
        except ValueError:
            return 0.0
        return at.timestamp() - time.time()


@fails("LIV-2", "nothing prevented its delivery")
class WaitsForTheLastOfAWindow(PlainSender):
    """Waits for one more event if just one is missing to a full window."""

    async def idle(self) -> None:
        await super().idle()
        if len(self.held) == self.settings.max_window_events - 1:
            await asyncio.sleep(0.5)


@fails("RTY-3", "and the next attempt came after")
class IsImpatientWhileItDrains(PlainSender):
    """Cuts what it is asked to wait to its own longest delay, once it is stopped."""

    async def pause(self) -> None:
        if self.closed:
            self.retry_after = min(self.retry_after, self.settings.max_retry_delay)
        await super().pause()
