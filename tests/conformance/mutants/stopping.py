"""DRN: bugs of senders that are stopped at odd moments."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from tests.conformance.mutants.plain_sender import OK, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings
    from tests.conformance.mutants.plain_sender import Answer, Report


@fails("DRN-1", "stop returned in time, and")
class SleepsUntilItsDeadline(PlainSender):
    """Gives up what it holds when it is stopped, and returns when its deadline has come."""

    async def drain(self) -> Report:
        await self.end()
        await asyncio.sleep(self.settings.stop_timeout)
        return self.report()


@fails("DRN-1", "the run is not complete")
class SleepsInsteadOfCompleting(PlainSender):
    """Delivers everything, and then waits for its deadline."""

    async def finish(self) -> None:
        await asyncio.sleep(self.settings.stop_timeout)


@fails("DLV-1", "nothing prevented it")
class GivesUpAtTheFirstTroubleOfADrain(PlainSender):
    """Waits for its deadline after the first failure of a drain, and tries nothing more."""

    async def pause(self) -> None:
        await super().pause()
        if self.closed:
            await asyncio.sleep(self.settings.stop_timeout)


@fails("DRN-4", "the report claims")
class ReportsWhatItSentAsDelivered(PlainSender):
    """Counts a window as delivered that is under way when the deadline comes."""

    under_way = 0

    async def send(self, lines: list[bytes]) -> None:
        self.under_way = len(lines)
        await super().send(lines)
        self.under_way = 0

    def report(self) -> Report:
        report = super().report()
        delivered = report["delivered"] + self.under_way
        return {**report, "delivered": delivered, "undelivered": report["undelivered"] - self.under_way}

    async def end(self) -> None:
        self.worker.cancel()


@fails("DRN-5", "after stop had returned")
class LeavesItsHeartbeatBehind(PlainSender):
    """Asks every fifteen seconds where the backend stands, and goes on with that when it is stopped."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.heartbeat = asyncio.ensure_future(self.beat())

    async def beat(self) -> None:
        """Ask now and then, over a connection that nobody closes but itself."""
        while True:
            await asyncio.sleep(15.0)
            async with aiohttp.ClientSession() as session, session.post(self.settings.url, headers=self.headers([])):
                pass


@fails("DRN-7", "a later one had it completed")
class HeedsTheLastCallOfStop(PlainSender):
    """Does what the last caller of stop asked for."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        stopping = asyncio.ensure_future(super().stop(complete=complete))
        await asyncio.sleep(0)
        self.completing = complete
        return await stopping


@fails("DRN-1", "stop returned")
class DiesWithItsFirstCaller(PlainSender):
    """Drains in the task of whoever stops it first."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        if self.draining is None:
            self.closed, self.completing = True, complete
            self.draining = asyncio.ensure_future(self.drain())
        try:
            return await asyncio.shield(self.draining)
        except asyncio.CancelledError:
            await self.end()
            raise


@fails("DRN-10", "was answered 409, and the run was never completed")
class AsksBeforeItCompletes(PlainSender):
    """Asks where the run stands before it completes it, and takes a 409 after that for the end."""

    async def finish(self) -> None:
        self.synced = False
        await self.sync()
        if not self.synced or self.held:
            return
        answer = await self.post([self.completion(self.base)])
        if answer.status in OK and answer.last is not None:
            self.completed = self.over = True
        elif answer.status == 409:
            self.over = True
        else:
            await self.pause()


@fails("DRN-9", "the answer to the completion was lost, and the sender never asked again")
class RetriesACompletionOnce(PlainSender):
    """Says the completion twice, and ends."""

    said = 0

    async def finish(self) -> None:
        self.said += 1
        await super().finish()
        self.over = self.over or self.said > 1


@fails("DRN-7", "raised CancelledError, though only other callers were cancelled")
class CancelsItsDrainWithItsFirstCaller(PlainSender):
    """Has all callers of stop wait for one future, which whoever leaves cancels for the others."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        if self.draining is None:
            self.closed = True
            self.completing = complete
            self.draining = asyncio.ensure_future(self.drain())
        return await self.draining


@fails("DRN-9", "what it confirmed is reported as undelivered")
class DeniesWhatTheCompletionConfirmed(PlainSender):
    """Reports an event as undelivered whenever a completion had to be tried again."""

    retried = False

    async def finish(self) -> None:
        await super().finish()
        self.retried = self.retried or not self.over

    def report(self) -> Report:
        report = super().report()
        if not self.retried:
            return report
        return {**report, "delivered": report["delivered"] - 1, "undelivered": report["undelivered"] + 1}


@fails("DRN-11", "the run was complete already, and stop spun until its deadline")
class WaitsForACompleteRunToOpen(PlainSender):
    """Knows that the run is complete, and waits for its deadline all the same."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return answer.status != 409 and super().is_the_end(answer, base)

    async def rebase(self, last: int) -> None:
        await super().rebase(last)
        if self.held and last == self.base:
            await asyncio.sleep(self.settings.stop_timeout)
