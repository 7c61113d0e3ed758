"""A sender on the stage: what a script asks of it, and what it says, goes into the history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from conformance.evidence.history import EnqueueCalled, StopCalled, StopCancelled, StopOverdue, StopReturned

if TYPE_CHECKING:
    from conformance.evidence.history import Report
    from conformance.evidence.settings import Settings
    from conformance.harness.recording import Recording
    from conformance.harness.sender import SenderUnderTest
    from fake_backend import FakeBackend

_PATIENCE_WITH_STOP = 1.5


class StagedSender:
    """A sender on the stage: what is asked of it, and what it says, goes into the history."""

    def __init__(
        self, sender: SenderUnderTest, number: int, *, recording: Recording, backend: FakeBackend, settings: Settings
    ) -> None:
        self._recording = recording
        self._backend = backend
        self._settings = settings
        self._sender = sender
        self._number = number
        self.run_id = settings.run_id
        self._burst = 0
        self._enqueues = 0
        self._stops = 0

    async def enqueue(self, *events: dict[str, Any]) -> list[str]:
        """Enqueue events without a pause between them; gives the outcomes."""
        self._burst = self._recording.next_burst()
        with self._recording.wait_for(f"the answer to enqueue of sender {self._number}"):
            return await self._sender.enqueue(events, self)

    async def enqueue_unserializable(self, event: Any, what: str) -> str:
        """Enqueue something that JSON can't carry: `event`, or, behind an adapter, whatever is such in its language."""
        self._burst = self._recording.next_burst()
        return await self._sender.enqueue_unserializable(event, what, self)

    def called(self, event: dict[str, Any] | None, unserializable: str | None = None) -> int:
        """Write down that `enqueue` is called; gives the place of the record, which `returned` completes."""
        self._enqueues += 1
        now = self._recording.now()
        return self._recording.write(
            EnqueueCalled(
                time=now,
                sender=self._number,
                call=self._enqueues,
                burst=self._burst,
                returned=now,
                outcome="",
                event=event,
                unserializable=unserializable,
            )
        )

    def returned(self, place: int, outcome: str, blocked_for: float = 0.0) -> str:
        """Write down the outcome of a call, and the real seconds that it blocked, where those are watched."""
        blocked_for = blocked_for if self._recording.watches_real_time else 0.0
        self._recording.complete(place, returned=self._recording.now(), outcome=outcome, blocked_for=blocked_for)
        return outcome

    async def stop(self, *, complete: bool = True) -> None:
        """Stop it, and wait for that; but not for ever."""
        self._stops += 1
        call = self._stops
        self._recording.write(StopCalled(time=self._recording.now(), sender=self._number, call=call, complete=complete))
        stopping = asyncio.ensure_future(self._sender.stop(complete=complete))
        patience = _PATIENCE_WITH_STOP * self._settings.stop_timeout + self._recording.seconds(5.0)
        try:
            with self._recording.wait_for(f"sender {self._number} to stop"):
                await asyncio.wait({stopping}, timeout=patience)
        except asyncio.CancelledError:
            stopping.cancel()  # a caller that leaves
            raise
        if not stopping.done():
            self._recording.write(StopOverdue(time=self._recording.now(), sender=self._number, call=call))
            stopping.cancel()
            return
        if stopping.cancelled():
            self._recording.write(StopCancelled(time=self._recording.now(), sender=self._number, call=call))
            return
        report: Report | None = stopping.result()
        self._recording.write(StopReturned(time=self._recording.now(), sender=self._number, call=call, report=report))

    @property
    def capabilities(self) -> frozenset[str]:
        """What the sender claims."""
        return self._sender.capabilities

    async def delivered(self, count: int | None = None, *, within: float = 40.0) -> bool:
        """Wait until the backend has n events of this run (all that were enqueued, unless a number is given)."""
        wanted = self._enqueues if count is None else count
        with self._recording.wait_for(f"sender {self._number} to deliver what it accepted"):
            return await self._recording.until(lambda: len(self._backend.run(self.run_id).events) >= wanted, within)
