"""LIV: bugs that hold up the caller, delay events, or make noise."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.mutants.registry import fails


@fails("LIV-1", "s to return")
class BlocksInEnqueue(PlainSender):
    """Holds up the caller while something is under way; once, as the tests shall be quick."""

    has_blocked = False

    def enqueue(self, event: Any) -> str:
        if self.held and not self.has_blocked:
            self.has_blocked = True
            time.sleep(0.3)
        return super().enqueue(event)


@fails("LIV-2", "an idle sender was given an event, and it arrived")
class WaitsForCompany(PlainSender):
    """Waits a second for more before it sends, whatever the flush delay."""

    async def idle(self) -> None:
        await super().idle()
        await asyncio.sleep(1.0)


@fails("LIV-2", "an idle sender was given an event, and it arrived")
class WaitsForAFullWindow(PlainSender):
    """Sends nothing until a window is full, or it is stopped."""

    async def step(self) -> None:
        while not self.closed and len(self.held) < 3:
            await self.idle()
        await super().step()


@fails("LIV-3", "an idle sender sent a request (sync)")
class PollsWhenIdle(PlainSender):
    """Asks where the backend stands every few seconds, to keep the connection warm."""

    async def idle(self) -> None:
        try:
            await asyncio.wait_for(super().idle(), timeout=3.0)
        except TimeoutError:
            await self.sync()


@fails("LIV-2", "an event waited for")
class LosesAWakeUp(PlainSender):
    """Waits for the next event after each window, though others came while that was under way."""

    async def step(self) -> None:
        had_sent = self.synced and bool(self.held)
        await super().step()
        if had_sent and not self.closed:
            await self.idle()


@fails("LIV-2", "an event waited for")
class LooksIntoItsBufferNowAndThen(PlainSender):
    """Sends by a timer, twice a second."""

    async def step(self) -> None:
        await super().step()
        if not self.closed and self.synced and not self.failures:
            await asyncio.sleep(0.5)


@fails("LIV-2", "an event waited for")
class CountsTheFlushDelayFromTheLastEvent(PlainSender):
    """Waits for company anew with each event that comes."""

    async def idle(self) -> None:
        await self.news.wait()
        while self.news.is_set() and not self.closed:
            self.news.clear()
            await asyncio.sleep(self.settings.flush_delay)
        self.news.clear()


@fails("LIV-3", "an idle sender sent a request (sync)")
class PollsOnceInAWhile(PlainSender):
    """Asks where the backend stands every ten minutes."""

    async def idle(self) -> None:
        try:
            await asyncio.wait_for(super().idle(), timeout=600.0)
        except TimeoutError:
            await self.sync()
