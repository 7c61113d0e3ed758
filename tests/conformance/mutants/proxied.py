"""Bugs that show behind proxies and balancers, and at a backend that goes on with a request whose client has gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.conformance.mutants.plain_sender import Answer, PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@fails("DLV-2", "an event was accepted twice")
class AsksOnce(PlainSender):
    """Goes by the first number that it is told after a reset, though it may still be rising."""

    def stands_still(self, _last: int) -> bool:
        return True


@fails("DLV-2", "an event was accepted twice")
class AsksTwiceInOneBreath(PlainSender):
    """Asks until two answers agree, and leaves no time between them."""

    async def settle(self) -> None:
        pass


@fails("DLV-2", "an event was accepted twice")
class LeavesDuplicatesToTheBackend(PlainSender):
    """Sends a window again under its numbers without asking, while the backend is still at the attempt before."""

    async def fail(self) -> None:
        self.synced, self.unsettled = True, False
        await super().fail()


@fails("DLV-1", "never reached the backend")
class TakesAHangUpForAnAnswer(PlainSender):
    """Takes a connection that was closed in good order, and not reset, for the end of a request that went well."""

    sent = 0

    async def post(self, lines: list[bytes]) -> Answer:
        self.sent = len(lines)
        return await super().post(lines)

    def no_answer(self, error: Exception) -> Answer:
        if isinstance(error, aiohttp.ServerDisconnectedError) and self.sent:
            return Answer(status=200, last=self.base + self.sent)
        return super().no_answer(error)


@fails("RTY-1", "failed in a way that may pass, and it was never tried again")
class GivesUpOnAProxy(PlainSender):
    """Takes a 408, and the end of a connection in good order, for a backend that wants no more."""

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        return super().is_the_end(answer, base) or answer.status == 408

    def no_answer(self, error: Exception) -> Answer:
        return Answer(status=408) if isinstance(error, aiohttp.ServerDisconnectedError) else super().no_answer(error)


@fails("LIV-2", "a proxy which holds bodies back threw them away")
class NeverLearnsOfAProxy(PlainSender):
    """Keeps its windows open for what may still come, however many of them were lost by that."""

    sent: list[bytes]

    def body(self, lines: list[bytes]) -> Any:
        self.sent = lines
        if self.settings.window_age and lines and lines[0].startswith(b'{"seq"'):
            return self.stream(lines)
        return super().body(lines)

    async def stream(self, lines: list[bytes]) -> AsyncIterator[bytes]:
        """Give the lines, and those that come while the window is open."""
        now = asyncio.get_running_loop().time
        until = now() + min(self.settings.window_age, 0.9 * self.settings.request_timeout)
        given = 0
        while True:
            for line in lines[given:]:
                yield line + b"\n"
            given = len(lines)
            if self.closed or now() >= until:
                return
            await asyncio.sleep(0.01)
            lines += [self.line(self.base + n, self.held[n - 1]) for n in range(given + 1, len(self.held) + 1)]

    def in_doubt(self, highest: int) -> None:
        super().in_doubt(max(highest, self.base + len(self.sent)))


@fails("LIV-2", "an idle sender was given an event, and it arrived")
class DreadsToConnectAgain(PlainSender):
    """Waits for a second before it makes a connection in the place of one that was cut while nothing was under way."""

    has_connected = False

    def traces(self) -> list[aiohttp.TraceConfig]:
        config = aiohttp.TraceConfig()
        config.on_connection_create_start.append(self.rest)
        return [config]

    async def rest(self, *_: Any) -> None:
        """Rest before any connection but the first."""
        if self.has_connected:
            await asyncio.sleep(1.0)
        self.has_connected = True
