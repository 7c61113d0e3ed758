"""DRN: bugs in drain and completion."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.conformance.mutants.plain_sender import OK, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from tests.conformance.mutants.plain_sender import Answer, Report


@fails("DRN-1", "stop returned, and the run is not complete")
class NeverCompletes(PlainSender):
    """Delivers everything, and leaves the run open."""

    async def finish(self) -> None:
        self.over = True


@fails("DRN-1", "stop returned, and the run is not complete")
class CompletesAtTheWrongNumber(PlainSender):
    """Says the number of the next event as the final one."""

    def completion(self, final_seq: int) -> bytes:
        return super().completion(final_seq + 1)


@fails("DRN-1", "not at the backend, though buffered")
class ForgetsItsBufferWhenStopped(PlainSender):
    """Sends what is under way, and drops the rest."""

    async def drain(self) -> Report:
        del self.held[self.settings.max_window_events :]
        return await super().drain()


@fails("DRN-2", "events had been sent")
class CompletesBeforeItHasDrained(PlainSender):
    """Completes the run as soon as it is stopped, and sends the rest behind that."""

    async def step(self) -> None:
        if self.synced and self.closed:
            await self.finish()
        else:
            await super().step()


@fails("DRN-3", "its deadline was 3 s")
class StopIgnoresItsDeadline(PlainSender):
    """Drains for as long as it takes."""

    def deadline(self) -> float | None:
        return None


@fails("DRN-3", "its deadline was 3 s")
class DrainsForTheDeadlineTwice(PlainSender):
    """Gives one deadline to the events, and another to the completion."""

    def deadline(self) -> float | None:
        return 2 * self.settings.stop_timeout


@fails("DRN-4", "the report claims")
class LiesInItsReport(PlainSender):
    """Reports everything as delivered and the run as complete."""

    def report(self) -> Report:
        delivered = self.delivered + len(self.held)
        return {**super().report(), "delivered": delivered, "undelivered": 0, "completed": True}


@fails("DRN-4", "the report denies completion, and the backend confirmed it")
class DeniesCompletion(PlainSender):
    """Never reports a run as complete."""

    def report(self) -> Report:
        return {**super().report(), "completed": False}


@fails("DRN-5", "after stop had returned")
class SendsAfterStop(PlainSender):
    """Leaves its task alone when the deadline has passed."""

    async def end(self) -> None:
        await asyncio.sleep(0)


@fails("DRN-6", "an event was enqueued after stop had been called, and answered 'accepted'")
class AcceptsAfterStop(PlainSender):
    """Takes events while it drains."""

    def is_closed(self) -> bool:
        return self.over


@fails("DRN-6", "an event that was enqueued after stop had been called was sent")
class SaysClosedAndSends(PlainSender):
    """Refuses events while it drains, and sends them all the same."""

    def enqueue(self, event: object) -> str:
        outcome = super().enqueue(event)
        if outcome == "closed" and not self.over:
            self.held.append(self.serialize(event))
        return outcome


@fails("DRN-7", "the run was completed once for each call of stop")
class DrainsAgain(PlainSender):
    """Starts all over when it is stopped again."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        if self.worker.done():
            self.over, self.draining = False, None
            self.worker = asyncio.ensure_future(self.work())
        return await super().stop(complete=complete)


@fails("DRN-7", "two calls of stop returned different reports")
class AnswersTheFirstCallerAlone(PlainSender):
    """Says nothing to those who stop it again."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        if self.draining is not None:
            return None
        return await super().stop(complete=complete)


@fails("DRN-8", "a sender that never sent was stopped, and the run is not complete")
class CompletesOnlyWhatItBegan(PlainSender):
    """Has nothing to complete where it sent nothing."""

    async def drain(self) -> Report:
        if not self.synced and not self.held:
            self.over = True
            return self.report()
        return await super().drain()


@fails("DRN-9", "the answer to the completion was lost, and the sender never asked again")
class NeverRetriesACompletion(PlainSender):
    """Says the completion once, and ends."""

    async def finish(self) -> None:
        self.over = True
        answer = await self.post([self.completion(self.base)])
        self.completed = answer.status in OK


@fails("DRN-10", "was answered 409, and the run was never completed")
class GivesUpARefusedCompletion(PlainSender):
    """Takes a 409 to its completion for the end."""

    async def rebase(self, last: int) -> None:
        self.over = not self.held
        await super().rebase(last)


@fails("DRN-11", "the run was complete already, and")
class SpinsOnACompleteRun(PlainSender):
    """Doesn't see that a window which begins where its 409 asks for it will never be taken."""

    def is_the_end(self, answer: Answer, _base: int | None) -> bool:
        return super().is_the_end(answer, None)


@fails("DRN-12", "stop(complete=False) completed the run")
class CompletesAtAHandoff(PlainSender):
    """Completes the run whatever it was asked for."""

    async def stop(self, *, complete: bool = True) -> Report | None:  # noqa: ARG002 - that is the bug
        return await super().stop(complete=True)


@fails("DRN-12", "which were to be drained before the handoff")
class HandsOffWithoutDraining(PlainSender):
    """Leaves what it holds to its successor, which knows nothing of it."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        if not complete:
            self.held.clear()
        return await super().stop(complete=complete)
