"""A small correct sender, written for the suite alone: it keeps every rule, and is what the mutants are mutants of.

It shares no code with the reference sender and is built otherwise: no core, no state machine, one task that does one
thing after another. Each decision is a method, so that a mutant can take it differently.

The i-th held event is number `base + 1 + i`. Two things change `base`: an answer that says where the backend stands,
and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp

from tests.conformance.mutants.plain_http import BAD_REQUEST, CONFLICT, FINAL, OK, TOO_LARGE, Answer, PlainHttp

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings

__all__ = ["FINAL", "OK", "Answer", "PlainSender", "Report", "create_sender"]

Report: TypeAlias = dict[str, Any]

CLEAR = frozenset({429, 500, 503})
"""What a backend says that is done with a window, whatever it took; after others it may still be taking lines."""


class PlainSender(PlainHttp):
    """Holds events as JSON, oldest first, and has one task that sends them."""

    capabilities = frozenset({"drain-report", "handoff"})

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.held: list[bytes] = []
        self.base = 0
        self.synced = False
        self.unsettled = False  # what was sent may still be being taken, so that one answer isn't enough
        self.last_seen: int | None = None  # what the last answer said meanwhile
        self.doubt = 0  # the highest number that may have been taken without our having been told
        self.alone = False  # the oldest event goes out alone, since a window with it was refused
        self.suspected = 0  # how many events were in a window that was refused, until it is known how far it got
        self.refusals = 0  # of the oldest event, alone
        self.failures = 0
        self.delivered = 0
        self.dropped: dict[str, int] = {}
        self.completed = False
        self.closed = False
        self.completing = True
        self.over = False
        self.draining: asyncio.Future[Report] | None = None
        self.news = asyncio.Event()
        self.worker = asyncio.ensure_future(self.work())

    # What the caller sees.

    def enqueue(self, event: Any) -> str:
        """Take an event, or say why not."""
        if self.is_closed():
            return "closed"
        try:
            payload = self.serialize(event)
        except (TypeError, ValueError, RecursionError):
            return "unserializable"
        if self.is_oversized(payload):
            return "oversized"
        if self.is_full(payload):
            return self.refuse_as_full(payload)
        self.held.append(payload)
        self.news.set()
        return "accepted"

    async def stop(self, *, complete: bool = True) -> Report | None:
        """Deliver what is held, complete the run if asked to, and say what has become of everything."""
        if self.draining is None:
            self.closed = True
            self.completing = complete
            self.draining = asyncio.ensure_future(self.drain())
        return await asyncio.shield(self.draining)

    async def drain(self) -> Report:
        """Let the task come to its end, but no longer than until the deadline."""
        self.news.set()
        await asyncio.wait({self.worker}, timeout=self.deadline())
        await self.end()
        return self.report()

    async def end(self) -> None:
        """End the task, whatever it is at."""
        self.worker.cancel()
        await asyncio.wait({self.worker})

    # What is decided about the caller's events.

    def is_closed(self) -> bool:
        """Whether nothing more is taken."""
        return self.closed or self.over

    def serialize(self, event: Any) -> bytes:
        """Give an event as JSON, as it is now."""
        return json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def is_oversized(self, payload: bytes) -> bool:
        """Whether the line of an event, under the number that it is about to get, is too large."""
        return self.is_too_long(self.base + len(self.held) + 1, payload)

    def is_too_long(self, seq: int, payload: bytes) -> bool:
        """Whether the line of an event is too large under a number."""
        return len(self.line(seq, payload)) > self.settings.max_event_bytes

    def is_full(self, payload: bytes) -> bool:
        """Whether there is no room for one more event."""
        return (
            len(self.held) >= self.settings.max_buffered_events
            or sum(map(len, self.held)) + len(payload) > self.settings.max_buffered_bytes
        )

    def refuse_as_full(self, _payload: bytes) -> str:
        """Refuse an event for which there is no room."""
        return "full"

    def deadline(self) -> float | None:
        """How long a drain may take."""
        return self.settings.stop_timeout

    def report(self) -> Report:
        """Say what has become of everything."""
        return {
            "delivered": self.delivered,
            "undelivered": len(self.held),
            "dropped": self.dropped,
            "completed": self.completed,
        }

    # What it does, one thing after another.

    async def work(self) -> None:
        """Send what there is to send, until it is over."""
        async with aiohttp.ClientSession(timeout=self.timeout(), trace_configs=self.traces()) as self.session:
            while not self.over:
                if self.held or self.closed:
                    await self.step()
                else:
                    await self.idle()

    async def idle(self) -> None:
        """Wait for something to do, and then for company."""
        self.news.clear()
        await self.news.wait()
        await asyncio.sleep(self.settings.flush_delay)

    async def step(self) -> None:
        """Do the next thing."""
        if not self.synced:
            await self.sync()
        elif self.held:
            await self.send(self.window())
        elif self.completing:
            await self.finish()
        else:
            self.over = True

    async def sync(self) -> None:
        """Ask where the backend stands."""
        answer = await self.post([])
        if self.is_the_end(answer, None):
            self.over = True
        elif answer.status in OK and answer.last is not None:
            if not self.stands_still(answer.last):
                await self.settle()
            elif self.suspected:
                self.judge_refusal(answer.last)
            else:
                self.told(answer.last)
        else:
            self.last_seen = None
            await self.pause()

    async def settle(self) -> None:
        """Leave the backend time for what it is still at."""
        await asyncio.sleep(self.settings.settle_delay)

    def stands_still(self, last: int) -> bool:
        """Whether the backend takes nothing more of what was sent: it says the same twice, or has it all."""
        is_settled = not self.unsettled or last == self.last_seen or last >= self.doubt
        self.last_seen = last
        return is_settled

    def window(self) -> list[bytes]:
        """Give the lines of the next window."""
        lines: list[bytes] = []
        size = 0
        for seq, payload in enumerate(self.held, start=self.base + 1):
            line = self.line(seq, payload)
            size += self.measure(line) + 1
            if lines and (self.alone or self.is_too_much(len(lines) + 1, size)):
                break
            lines.append(line)
        return lines

    def measure(self, line: bytes) -> int:
        """Give for how many bytes of a window a line counts."""
        return len(line)

    def is_too_much(self, events: int, size: int) -> bool:
        """Whether a window of so many events and bytes is over a limit."""
        return events > self.settings.max_window_events or size > self.settings.max_window_bytes

    def line(self, seq: int, payload: bytes) -> bytes:
        """Give an event as it goes out."""
        return b'{"seq":%d,"event":%b}' % (seq, payload)

    async def send(self, lines: list[bytes]) -> None:
        """Send a window, and heed what is said to it."""
        base, highest = self.base, self.base + len(lines)
        answer = await self.post(lines)
        if self.is_the_end(answer, base):
            self.over = True
        elif answer.status == CONFLICT and answer.last is not None:
            if base < answer.last <= highest:
                self.in_doubt(answer.last)
            await self.rebase(answer.last)
        elif answer.status in {BAD_REQUEST, TOO_LARGE}:
            self.in_doubt(highest)
            await self.refused(answer, len(lines))
        elif self.is_stale(answer):
            self.in_doubt(highest)
            self.synced = False
            await self.pause()
        elif answer.status in OK and answer.last is not None:
            self.in_doubt(highest)
            if self.told(answer.last):
                self.succeed()
            else:
                await self.pause()
        else:
            self.in_doubt(highest)
            if answer.status not in CLEAR:
                self.synced, self.unsettled, self.last_seen = False, True, None
            await self.fail()

    def is_the_end(self, answer: Answer, base: int | None) -> bool:
        """Whether nothing more will ever be taken: no right to send, or a 409 that asks for just what it got."""
        if answer.status in FINAL:
            return answer.is_backends_own
        return answer.status == CONFLICT and answer.last is not None and answer.last == base

    def is_stale(self, answer: Answer) -> bool:
        """Whether a success says less than was told before, so that it can't be about what was sent."""
        return answer.status in OK and answer.last is not None and answer.last < self.base

    def succeed(self) -> None:
        """Forget earlier trouble."""
        self.failures = 0
        self.alone = False

    async def fail(self) -> None:
        """Heed that a window failed: the same goes out again, once it is known where the backend stands."""
        await self.pause()

    async def rebase(self, last: int) -> None:
        """Go on from where the backend stands."""
        self.told(last)
        await self.pause()

    async def refused(self, answer: Answer, count: int) -> None:
        """Find out which event was refused, once it is known how far the window got."""
        self.suspected = count
        if answer.last is None:
            self.synced = False
        else:
            self.judge_refusal(answer.last)
        await self.pause()

    def judge_refusal(self, last: int) -> None:
        """Drop the oldest event if it was refused alone, and not for the first time; else send it alone next."""
        count, self.suspected = self.suspected, 0
        if self.told(last):
            return
        self.refusals += count == 1
        self.alone = True
        if self.refusals > 1:
            self.alone = False
            self.drop()

    def drop(self) -> None:
        """Drop the oldest event, which will never be taken."""
        del self.held[0]
        self.dropped["refused"] = self.dropped.get("refused", 0) + 1
        self.doubt = self.refusals = 0

    def in_doubt(self, highest: int) -> None:
        """Note that numbers up to the highest may have been taken."""
        self.doubt = max(self.doubt, highest)

    def told(self, last: int) -> int:
        """Note where the backend stands; gives how many events are delivered by that."""
        taken = max(min(last, self.doubt) - self.base, 0)
        del self.held[:taken]
        self.delivered += taken
        if taken:
            self.refusals = 0
        is_moved = last != self.base + taken
        self.base, self.doubt, self.synced, self.unsettled = last, 0, True, False
        if is_moved:
            self.drop_outgrown()
        return taken

    def drop_outgrown(self) -> None:
        """Drop what is too large under its number of now, which may be longer than the one that it was to get."""
        kept: list[bytes] = []
        for payload in self.held:
            if self.is_too_long(self.base + len(kept) + 1, payload):
                self.dropped["oversized"] = self.dropped.get("oversized", 0) + 1
            else:
                kept.append(payload)
        self.held[:] = kept

    async def finish(self) -> None:
        """Complete the run."""
        answer = await self.post([self.completion(self.base)])
        if self.is_the_end(answer, self.base):
            self.over = True
        elif answer.status == CONFLICT and answer.last is not None:
            await self.rebase(answer.last)
        elif answer.status in OK and answer.last is not None:
            self.completed = self.over = True
        else:
            await self.pause()

    def completion(self, final_seq: int) -> bytes:
        """Give the line that completes the run."""
        return b'{"type":"_posthog/stream_complete","final_seq":%d}' % final_seq

    async def pause(self) -> None:
        """Wait before the next attempt."""
        self.failures += 1
        await asyncio.sleep(max(self.delay(), self.retry_after))

    def delay(self) -> float:
        """Give the next delay: it grows up to a cap, with jitter."""
        grown = self.settings.retry_delay * 2.0 ** min(self.failures - 1, 30)
        return min(grown, self.settings.max_retry_delay) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def create_sender(settings: Settings) -> PlainSender:
    """Make a sender for one run of a scenario."""
    return PlainSender(settings)
