"""The sender for asyncio: a thin shell that does what the core says, and owns tasks, timers and the callback."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Self, assert_never

from reference.sender import wire
from reference.sender.config import check_time
from reference.sender.core import SenderCore
from reference.sender.encoding import encode_event
from reference.sender.errors import NotDeliveredError, UnserializableError
from reference.sender.http import HttpAttempts
from reference.sender.notifier import Notifier
from reference.sender.types import (
    AskPosition,
    CompleteRun,
    DropReason,
    Finish,
    OpenWindow,
    Outcome,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType

    from reference.sender.config import SenderConfig
    from reference.sender.http import PeerClock
    from reference.sender.types import Answered, AttemptFailed, DrainReport, Notice, SenderStats

_log = logging.getLogger("sendproof.sender")

# Python 3.11 looks up a member of an enum slowly, which each `enqueue` would pay for.
_ACCEPTED = Outcome.ACCEPTED
_GRACE_TO_CLOSE = 0.1


class EventStreamSender:
    """Streams the events of one run to its backend: in order, none lost, none twice, and never makes `enqueue` wait.

    One task does all the sending. It is started by the first `enqueue` inside a running event loop (or by `flush`
    or `stop`), and ends with `stop`, which must be awaited: a process that ends without it loses what is buffered.

    As an async context manager it stops on the way out. If the body raised, the run is drained but not completed, so
    that a successor can go on with it.

        async with EventStreamSender(SenderConfig(url=url, token=token)) as sender:
            sender.enqueue({"type": "turn.started", "turn": 1})

    Guarantees: what the page "What a sender must guarantee" of the documentation lists as MUST and SHOULD. Limits: the
    events are held in memory; a second writer of the same run can't be told apart; all methods belong to the thread of
    one event loop.

    Args:
        config: Where to send, as whom, and within which limits.
        on_notice: Called with every `Notice`, as it happens, in the thread of the event loop; what it raises is logged
            and otherwise ignored. It must not block. Of an event that is refused while it runs, for instance since it
            enqueues into a full buffer itself, it isn't called: `enqueue` says so, and it is counted.

    Raises:
        ConfigError: `on_notice` can't be called, or is a coroutine function, which nobody would await.
    """

    def __init__(self, config: SenderConfig, *, on_notice: Callable[[Notice], None] | None = None) -> None:
        self._config = config
        self._notifier = Notifier(config, on_notice)
        self._core = SenderCore(config, draw=random.random)
        self._pump: asyncio.Task[None] | None = None
        self._drain: asyncio.Task[DrainReport] | None = None
        self._waker: asyncio.Future[None] | None = None
        # How many buffered events wake the sending task. 0: it isn't running yet. None: it isn't waiting for any.
        self._wake_at: int | None = 0
        # How many more events may be taken without a look; see `NumberedBuffer`.
        self._credit = 0
        self._credit_bytes = self._core.credit_bytes
        self._take_on_credit = self._core.take_on_credit
        self._watchers: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"<EventStreamSender {self._config.url} {self._core.stats().health}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(complete=error is None)

    def enqueue(self, event: Any) -> Outcome:
        """Take an event for delivery; return at once, without waiting for anything (LIV-1).

        The event is serialized here and now, so that later changes to the object don't show (WIRE-4). Anything but
        `Outcome.ACCEPTED` means that this event will not be sent; it is counted, and reported to `on_notice`.

        Args:
            event: A dict that JSON can carry. NaN and infinities are refused; integers of any size are taken.
        """
        try:
            payload = encode_event(event)
        except UnserializableError as error:
            if self._core.closed:
                return self._refuse(Outcome.CLOSED, event)
            return self._refuse(Outcome.UNSERIALIZABLE, event, str(error))
        if self._credit and len(payload) <= self._credit_bytes:
            self._credit -= 1
            self._take_on_credit(payload)
            return _ACCEPTED
        return self._enqueue_with_a_look(payload, event)

    def _enqueue_with_a_look(self, payload: bytes, event: Any) -> Outcome:
        outcome = self._core.enqueue(payload)
        if outcome is not Outcome.ACCEPTED:
            if outcome is Outcome.FULL:
                self._wake()
            return self._refuse(outcome, event)
        if self._wake_at is not None and self._core.buffered >= self._wake_at:
            self._wake()
        if self._wake_at is None:
            # Until the sending task runs again, nobody waits for events, and nothing changes but by `enqueue`.
            self._credit = self._core.credit()
        return outcome

    async def enqueue_when_room(self, event: Any) -> Outcome:
        """Like `enqueue`, but where the buffer is full wait until there is room: for sources that can be held back.

        Several callers may wait at the same time; which of them goes first is not promised.
        """
        # Where the largest event would be taken, nobody needs to know how large this one is.
        if self._core.has_room_for(self._config.max_event_bytes):
            return self.enqueue(event)
        try:
            size = len(encode_event(event))
        except UnserializableError:
            return self.enqueue(event)
        # An event over the limit never fits; `enqueue` says so.
        while not self._core.closed and not self._core.has_room_for(min(size, self._config.max_event_bytes)):
            # An open window holds what takes up the room.
            self._core.flush()
            self._wake()
            await self._something_changed()
        return self.enqueue(event)

    async def flush(self) -> None:
        """Wait until all that was enqueued before this call is acknowledged, or dropped and reported as such.

        Windows are closed early for it. It waits as long as it takes: put it in `asyncio.timeout` to bound it.

        Raises:
            NotDeliveredError: That will never be: the run is closed to this sender, or the sender was stopped.
        """
        target = self._core.flush()
        self._wake()
        while self._core.settled < target:
            if self._core.finished:
                report = self._core.report()
                raise NotDeliveredError(target - self._core.settled, report.why or "the sender was stopped")
            await self._something_changed()

    async def ask_position(self) -> int:
        """Return the last number that the backend accepted of this run, for who goes on with it.

        It is asked until two answers, `settle_delay` apart, agree, since requests of a sender before this one may still
        be under way; a backend that is down is waited for. Call it before the first `enqueue`, and bound it by
        `asyncio.timeout`.

        Raises:
            NotDeliveredError: That will never be known: the run is closed to this sender, or the sender was stopped.
        """
        self._core.ask_position()
        self._wake()
        while (last := self._core.asked_position) is None:
            if self._core.finished:
                report = self._core.report()
                raise NotDeliveredError(report.undelivered, report.why or "the sender was stopped")
            await self._something_changed()
        return last

    async def stop(self, timeout: float | None = None, *, complete: bool = True) -> DrainReport:
        """Take no more events, deliver what is buffered, complete the run, and close. Say what became of everything.

        It returns by its deadline whatever the backend does (DRN-3), at once where no attempt may begin before it, and
        nothing is sent after it has returned (DRN-5). Calling it again, also at the same time, starts no second drain:
        all callers get the report of the first call, whose arguments count (DRN-7). Cancelling a caller doesn't end the
        drain.

        Args:
            timeout: The deadline in seconds from now; None takes `stop_timeout` of the configuration.
            complete: Tell the backend that nothing follows. False leaves the run open for a successor (DRN-12).

        Raises:
            ConfigError: `timeout` is no time. Nothing has happened then, and the sender goes on.
        """
        if self._drain is None:
            seconds = self._config.stop_timeout if timeout is None else timeout
            check_time("timeout", seconds, zero_allowed=True)
            self._credit = 0
            self._core.stop(complete=complete, deadline=asyncio.get_running_loop().time() + seconds)
            self._wake()
            self._drain = asyncio.create_task(self._drain_until(seconds), name="sendproof-drain")
        return await asyncio.shield(self._drain)

    def stats(self) -> SenderStats:
        """Return the counters now. `enqueued == delivered + undelivered + sum(dropped.values())`, always (DLV-1)."""
        return self._core.stats()

    # The sending task.

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        core = self._core
        http = HttpAttempts(self._config)
        try:
            now = loop.time()
            while True:
                happened: Answered | AttemptFailed
                self._credit = 0
                match core.next_command(now):
                    case Finish():
                        return
                    case Wait() as wait:
                        now = await self._park(wait)
                        continue
                    case AskPosition():
                        happened = await http.send(b"")
                    case OpenWindow():
                        happened = await self._send_window(http, now)
                    case CompleteRun(final_seq=final_seq):
                        happened = await http.send(wire.completion_line(final_seq))
                    case other:
                        assert_never(other)
                now = loop.time()
                self._credit = 0
                core.handle(happened, now)
                self._tell()
        except asyncio.CancelledError:
            core.give_up("the sending task was cancelled")
            raise
        except Exception:  # noqa: BLE001 - logged, and reported to the caller
            # A bug of ours. The caller must hear of it: what is buffered will not be delivered.
            _log.exception("the sending task broke")
            core.give_up("the sending task broke; see the log")
        finally:
            self._credit = 0
            self._tell()
            await http.close()

    async def _send_window(self, http: HttpAttempts, now: float) -> Answered | AttemptFailed:
        blocks: list[bytes] = []
        while isinstance(more := self._core.fill(now), bytes):
            blocks.append(more)
        if more is None:
            # It is closed before it is sent, so it has a length, which every backend and proxy understands.
            return await http.send(blocks)
        return await http.stream(partial(self._window, blocks), answer_began=self._core.close_window)

    async def _window(self, blocks: list[bytes], clock: PeerClock) -> AsyncGenerator[bytes, None]:
        for block in blocks:
            yield block
        now = asyncio.get_running_loop().time()
        while True:
            self._credit = 0
            match self._core.fill(now):
                case None:
                    return
                case Wait() as wait:
                    clock.stand_still()
                    now = await self._park(wait)
                    clock.run()
                case lines:
                    yield lines

    async def _drain_until(self, seconds: float) -> DrainReport:
        pump = self._pump
        if pump is not None and not pump.done():
            _, running = await asyncio.wait({pump}, timeout=max(seconds, 0.0))
            if running:
                self._core.give_up(f"the deadline of {seconds:g} s passed")
                pump.cancel()
                await asyncio.wait({pump}, timeout=_GRACE_TO_CLOSE)
        self._tell()
        return self._core.report()

    # Waiting and waking.

    async def _park(self, wait: Wait) -> float:
        """Wait as `wait` says; return the time after it."""
        loop = asyncio.get_running_loop()
        self._waker = waker = loop.create_future()
        self._wake_at = wait.until_buffered
        is_due = False

        def ring() -> None:
            nonlocal is_due
            is_due = True
            _set(waker)

        timer = loop.call_at(wait.until, ring) if math.isfinite(wait.until) else None
        try:
            await waker
        finally:
            # The window of an attempt that is over may be cancelled when the sending task waits elsewhere already.
            if self._waker is waker:
                self._wake_at = None
            if timer is not None:
                timer.cancel()
        # A timer may fire early, by half a millisecond on uvloop. Its time has come all the same, or it would be set
        # again and again.
        return wait.until if is_due else loop.time()

    def _wake(self) -> None:
        if self._waker is not None:
            _set(self._waker)
            self._wake_at = None
        elif self._pump is None:
            self._start()

    def _start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # held until there is one
        self._wake_at = None
        # It outlives whoever enqueued first, whose context variables (a request, a trace) it is not to keep.
        self._pump = loop.create_task(self._send_all(), name="sendproof-sender", context=Context())

    async def _something_changed(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await watcher
        finally:
            self._watchers.discard(watcher)

    # Telling the caller.

    def _tell(self) -> None:
        for watcher in self._watchers:
            _set(watcher)
        for notice in self._core.take_notices():
            self._notifier.tell(notice)

    def _refuse(self, outcome: Outcome, event: Any, detail: str | None = None) -> Outcome:
        reason = DropReason(outcome)
        self._core.count_refusal(reason)
        self._notifier.tell_refusal(reason, event, detail)
        return outcome


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
