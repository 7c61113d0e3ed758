"""DLV: bugs that lose, double and reorder."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from tests.conformance.mutants.plain_sender import OK, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings
    from tests.conformance.mutants.plain_sender import Answer


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DropsInSilenceWhenFull(PlainSender):
    """Says that it has taken an event for which it has no room."""

    def refuse_as_full(self, _payload: bytes) -> str:
        return "accepted"


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DropsTheOldestInSilence(PlainSender):
    """Makes room for an event by dropping the oldest, and counts it nowhere."""

    def refuse_as_full(self, payload: bytes) -> str:
        del self.held[0]
        self.held.append(payload)
        return "accepted"


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class LosesWhatComesWhileAWindowCloses(PlainSender):
    """Empties its buffer when a window with all of it was taken, whatever has come in meanwhile."""

    async def send(self, lines: list[bytes]) -> None:
        is_all = len(lines) == len(self.held)
        await super().send(lines)
        if is_all and self.synced and not self.doubt:
            self.held.clear()


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class BelievesAStaleReplica(PlainSender):
    """Goes back to the number of an answer that is lower than what it was told before."""

    def is_stale(self, _answer: Answer) -> bool:
        return False


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DropsAWindowThatIsRefused(PlainSender):
    """Drops all of a window that is refused without a number, and counts it as dropped."""

    async def refused(self, answer: Answer, count: int) -> None:
        if answer.last is None:
            for _ in range(count):
                self.drop()
            self.synced = False
        else:
            await super().refused(answer, count)


@fails("DLV-2", "an event was accepted twice")
class BlamesTheHeadOfARefusedWindow(PlainSender):
    """Drops the first event of a window that is refused without a number, though it may be taken, and goes on."""

    async def refused(self, answer: Answer, count: int) -> None:
        if answer.last is None:
            self.drop()
            self.synced = False
        else:
            await super().refused(answer, count)


@fails("DLV-1", "the report accounts for")
class CountsDeliveriesTwice(PlainSender):
    """Counts an event as delivered with each answer that covers it, so that its report doesn't add up."""

    def told(self, last: int) -> int:
        taken = super().told(last)
        self.delivered += taken
        return taken


@fails("DLV-2", "an event was accepted twice")
class RenumbersAfterAReset(PlainSender):
    """After a reset it asks where the backend stands, and sends the same batch again from there."""

    async def fail(self) -> None:
        self.doubt, self.synced = 0, False
        await super().fail()


@fails("DLV-2", "an event was accepted twice")
class RenumbersAfterABadGateway(PlainSender):
    """After a 502, which proves nothing, it sends the batch again from where the backend stands."""

    async def post(self, lines: list[bytes]) -> Answer:
        answer = await super().post(lines)
        self.is_bad_gateway = answer.status == 502
        return answer

    async def fail(self) -> None:
        if self.is_bad_gateway:
            self.doubt, self.synced = 0, False
        await super().fail()


@fails("DLV-2", "an event was accepted twice")
class ReplaysWhatWasAcknowledged(PlainSender):
    """After a 409 it sends everything again from the first event on, behind the number that it was told."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.ever: list[bytes] = []

    def enqueue(self, event: object) -> str:
        outcome = super().enqueue(event)
        if outcome == "accepted":
            self.ever.append(self.held[-1])
        return outcome

    async def rebase(self, last: int) -> None:
        await super().rebase(last)
        self.held[:] = self.ever


@fails("DLV-3", "and accepted after it")
class ReordersOnRetry(PlainSender):
    """Puts the event that failed behind the others, to give them a chance."""

    async def fail(self) -> None:
        self.held.append(self.held.pop(0))
        await super().fail()


@fails("DLV-4", "was accepted, and its event is sent again as")
class ResendsTheWholeBatch(PlainSender):
    """Sends all of a window again, under new numbers, when only a prefix was taken."""

    def told(self, last: int) -> int:
        if last < self.doubt:
            self.doubt = 0
        return super().told(last)


@fails("DLV-4", "and the next window starts at")
class GivesUpTheRest(PlainSender):
    """Takes a 200 for an acknowledgement of the whole window, whatever number it says."""

    async def post(self, lines: list[bytes]) -> Answer:
        answer = await super().post(lines)
        if answer.status in OK and answer.last is not None and self.held:
            return replace(answer, last=max(answer.last, self.base + len(lines)))
        return answer


@fails("DLV-5", "was answered as a duplicate, and its event was sent again")
class TakesADuplicateForAFailure(PlainSender):
    """Counts only what an answer says was accepted."""

    def read_last(self, body: str) -> int | None:
        last, answer = super().read_last(body), self.read_object(body)
        return self.base + answer["accepted"] if last is not None and answer.get("duplicate") else last


@fails("DLV-6", "was taken for an acknowledgement")
class TakesAnySuccessForAnAcknowledgement(PlainSender):
    """Looks at the status of an answer alone."""

    async def post(self, lines: list[bytes]) -> Answer:
        answer = await super().post(lines)
        return replace(answer, last=self.base + len(lines)) if answer.status in OK and self.held else answer


@fails("DLV-6", "was taken for an acknowledgement")
class ReadsNumbersGenerously(PlainSender):
    """Takes "8" and 8.0 for the number 8."""

    def read_last(self, body: str) -> int | None:
        try:
            return int(json.loads(body)["last_accepted_seq"])
        except (TypeError, ValueError, LookupError):
            return None


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DiesOfADeepAnswer(PlainSender):
    """Expects of its JSON parser no other error than that something isn't JSON."""

    def read_last(self, body: str) -> int | None:
        if body.startswith("[[["):
            raise RecursionError
        return super().read_last(body)


@fails("DLV-7", "events were never sent at all")
class TrustsAnyAcknowledgement(PlainSender):
    """Discards as many events as the answer's number says, sent or not."""

    def told(self, last: int) -> int:
        if self.doubt:
            self.doubt = self.base + len(self.held)
        return super().told(last)


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, list[bytes]] = WeakKeyDictionary()


@fails("DLV-8", "went out for run")
class MixesRuns(PlainSender):
    """Has one buffer for all runs of a process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.held = _SHARED.setdefault(asyncio.get_running_loop(), [])
