"""SEQ: bugs in numbers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings
    from tests.conformance.mutants.plain_sender import Answer


@fails("SEQ-1", "the first event went out as number 1, and the backend's last was 42")
class NeverSyncs(PlainSender):
    """Begins at 1, wherever the backend stands."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.synced = True


@fails("SEQ-1", "the first event went out as number 42, and the backend's last was 42")
class BeginsAtTheLastNumber(PlainSender):
    """Takes the last accepted number for the next free one."""

    async def sync(self) -> None:
        await super().sync()
        self.base = max(self.base - 1, 0)


@fails("SEQ-2", "as the last number, the next window starts at")
class IgnoresConflicts(PlainSender):
    """Sends a window that was answered 409 again, under the same numbers."""

    async def rebase(self, _last: int) -> None:
        await self.pause()


@fails("SEQ-2", "as the last number, the next window starts at")
class RebasesBackOnly(PlainSender):
    """Heeds a 409 from behind, and takes one from ahead for an error of the backend."""

    async def rebase(self, last: int) -> None:
        if last <= self.base:
            await super().rebase(last)
        else:
            await self.pause()


@fails("SEQ-3", "after an attempt with an unknown outcome")
class CountsOnAfterAReset(PlainSender):
    """Gives new numbers to the events of a window whose outcome it doesn't know, and asks nobody."""

    async def fail(self) -> None:
        self.base, self.doubt, self.synced, self.unsettled = self.doubt, 0, True, False
        await super().fail()


@fails("SEQ-4", "began before that of request")
class Hedges(PlainSender):
    """Sends each window twice at the same time, and takes the first answer, to be quick."""

    async def post(self, lines: list[bytes]) -> Answer:
        one = asyncio.ensure_future(super().post(lines))
        other = asyncio.ensure_future(super().post(lines))
        done, late = await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*late)
        return done.pop().result()


@fails("SEQ-4", "began before that of request")
class DoesNotWait(PlainSender):
    """Sends a window again before the answer is there, and goes by the second."""

    async def post(self, lines: list[bytes]) -> Answer:
        first = asyncio.ensure_future(super().post(lines))
        await asyncio.wait({first}, timeout=0.008)
        if first.done():
            return first.result()
        answer = await super().post(lines)
        await first
        return answer


@fails("SEQ-4", "began before that of request")
class SendsTwoWindowsAtOnce(PlainSender):
    """Sends the halves of a window at the same time, to be quick."""

    async def post(self, lines: list[bytes]) -> Answer:
        half = len(lines) // 2
        if half == 0:
            return await super().post(lines)
        answers = await asyncio.gather(super().post(lines[:half]), super().post(lines[half:]))
        return max(answers, key=lambda each: each.last or 0)


@fails("SEQ-5", "the backend could not have got past")
class LeavesANumberFree(PlainSender):
    """Counts the answer's number as the first of the next window, plus one, so that each window leaves a gap."""

    def told(self, last: int) -> int:
        taken = super().told(last)
        if taken:
            self.base += 1
        return taken


@fails("SEQ-1", "the first event went out as number")
class CountsInFloatingPoint(PlainSender):
    """Takes numbers through a double, which is wrong past 2**53."""

    def told(self, last: int) -> int:
        return super().told(int(float(last)))
