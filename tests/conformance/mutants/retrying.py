"""RTY: bugs in retry."""

from __future__ import annotations

import asyncio
import random

import aiohttp

from tests.conformance.mutants.plain_sender import FINAL, Answer, PlainSender
from tests.conformance.mutants.registry import fails


@fails("RTY-1", "failed in a way that may pass, and it was never tried again")
class NeverRetries(PlainSender):
    """Takes the first failure of a window for the end."""

    async def fail(self) -> None:
        self.over = True


@fails("RTY-1", "failed in a way that may pass, and it was never tried again")
class TakesARequestTimeoutForTheEnd(PlainSender):
    """Takes all of 4xx for final, 408 and 429 included."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return super().is_the_end(answer, base) or answer.status in {408, 429}


@fails("RTY-2", "at most 10 are allowed")
class RetriesHotly(PlainSender):
    """Tries again at once."""

    def delay(self) -> float:
        return 0.001


@fails("RTY-3", "an answer asked to wait")
class IgnoresRetryAfter(PlainSender):
    """Never reads `Retry-After`."""

    def read_retry_after(self, _value: str | None) -> float:
        return 0.0


@fails("RTY-3", "an answer asked to wait")
class KnowsNoDates(PlainSender):
    """Reads `Retry-After` in seconds alone."""

    def read_retry_after(self, value: str | None) -> float:
        return super().read_retry_after(value if value is None or value.isdigit() else None)


@fails("RTY-4", "the delays don't grow")
class WaitsAlwaysTheSame(PlainSender):
    """Never waits for longer than the first delay."""

    def delay(self) -> float:
        return self.settings.retry_delay * random.uniform(0.99, 1.0)  # noqa: S311 - jitter


@fails("RTY-4", "the delays are not jittered")
class HasNoJitter(PlainSender):
    """Waits for times that double, to the millisecond."""

    def delay(self) -> float:
        return min(self.settings.retry_delay * 2.0 ** min(self.failures - 1, 30), self.settings.max_retry_delay)


@fails("RTY-5", "as if none had been")
class NeverForgetsAFailure(PlainSender):
    """Goes on with the longest delay after a success."""

    def succeed(self) -> None:
        self.alone = False


@fails("RTY-6", "after a 401 it went on asking")
class RetriesWithABadToken(PlainSender):
    """Takes a 401 for a failure that may pass."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return answer.status != 401 and super().is_the_end(answer, base)


@fails("RTY-6", "after a 410 it went on asking")
class RetriesWhatIsGone(PlainSender):
    """Knows of the final answers all but 410."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return answer.status != 410 and super().is_the_end(answer, base)


@fails("RTY-1", "it was never tried again")
class TakesAProxysWordForTheBackends(PlainSender):
    """Ends for good at a 404 of a load balancer that has no backend just now."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return answer.status in FINAL or super().is_the_end(answer, base)


@fails("RTY-7", "one event is refused again and again")
class IsStuckBehindPoison(PlainSender):
    """Sends an event that will never be taken for ever."""

    def drop(self) -> None:
        self.alone = True


@fails("DLV-1", "the report accounts for 15 events")
class DropsPoisonInSilence(PlainSender):
    """Drops an event that will never be taken, and counts it nowhere."""

    def drop(self) -> None:
        super().drop()
        self.dropped.clear()


@fails("RTY-8", "a request that stalled")
class HasNoTimeout(PlainSender):
    """Waits for an answer for as long as it takes."""

    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None)


@fails("RTY-8", "a request that stalled in-answer")
class TimesTheHeadAlone(PlainSender):
    """Has a timeout until the head of the answer is there, and none for its body."""

    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None)

    async def post_to(self, url: str, lines: list[bytes]) -> Answer:
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                response = await self.session.post(url, data=b"\n".join(lines), headers=self.headers(lines))
        except (aiohttp.ClientError, TimeoutError):
            return Answer()
        async with response:
            try:
                return Answer(status=response.status, last=self.read_last(await response.text()))
            except aiohttp.ClientError:
                return Answer()


@fails("RTY-8", "a request that met slicer")
class TimesEachPieceOfABodyAnew(PlainSender):
    """Has a timeout until the head of the answer is there, and another for each piece of its body."""

    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None)

    async def post_to(self, url: str, lines: list[bytes]) -> Answer:
        seconds, body = self.settings.request_timeout, b""
        try:
            async with asyncio.timeout(seconds):
                response = await self.session.post(url, data=b"\n".join(lines), headers=self.headers(lines))
            async with response:
                while piece := await asyncio.wait_for(response.content.readany(), seconds):
                    body += piece
        except (aiohttp.ClientError, TimeoutError):
            return Answer()
        return Answer(status=response.status, last=self.read_last(body.decode(errors="replace")))


@fails("RTY-9", "the backend came up again, and")
class GivesUpAfterFiveRetries(PlainSender):
    """Drops what it holds after five failures, and counts it as dropped."""

    async def pause(self) -> None:
        await super().pause()
        if self.failures >= 5 and self.held:
            self.dropped["given up"] = self.dropped.get("given up", 0) + len(self.held)
            self.held.clear()
            self.failures = self.doubt = 0


@fails("RTY-9", "the backend came up again, and")
class GivesUpAfterAThousandRetries(PlainSender):
    """Ends after a thousand failures."""

    async def pause(self) -> None:
        await super().pause()
        self.over = self.failures >= 1_000


@fails("RTY-9", "the backend came up again, and")
class OverflowsItsDelay(PlainSender):
    """Doubles its delay without a bound before it caps it, which floats can't for long."""

    def delay(self) -> float:
        return min(self.settings.retry_delay * float(2**self.failures), self.settings.max_retry_delay)


@fails("RTY-7", "one event is refused again and again")
class DropsOnePoisonAlone(PlainSender):
    """Knows of one event that is never taken, and not of a second one."""

    def drop(self) -> None:
        if self.dropped:
            self.alone = True
        else:
            super().drop()


@fails("DLV-1", "never reached the backend")
class DropsTheOneBehindPoisonToo(PlainSender):
    """Drops two events where one was refused."""

    def drop(self) -> None:
        super().drop()
        if self.held:
            super().drop()


@fails("RTY-8", "a request that met slicer")
class TimesEachByteAnew(PlainSender):
    """Has a timeout that starts again with each byte that comes."""

    def timeout(self) -> aiohttp.ClientTimeout:
        seconds = self.settings.request_timeout
        return aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)


@fails("RTY-8", "the network lost what was sent until")
class WaitsForAConnectionForEver(PlainSender):
    """Has a timeout once it is connected, and none for connecting."""

    def timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None, sock_read=self.settings.request_timeout)
