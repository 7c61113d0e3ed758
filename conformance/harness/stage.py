"""A sender on the stage: what a script asks of it, and what it says, goes into the history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from conformance.errors import AdapterError
from conformance.evidence.history import EnqueueCalled, StopCalled, StopCancelled, StopOverdue, StopReturned
from conformance.harness.in_process import PluggedSender, snapshot

if TYPE_CHECKING:
    from conformance.adapters import RemoteSender
    from conformance.evidence.history import Report
    from conformance.harness.scenario import Stage

_PATIENCE_WITH_STOP = 1.5


class StagedSender:
    """A sender on the stage: what is asked of it, and what it says, goes into the history."""

    def __init__(self, stage: Stage, sender: PluggedSender | RemoteSender, number: int, run_id: str) -> None:
        self._stage = stage
        self._sender = sender
        self._number = number
        self.run_id = run_id
        self._enqueues = 0
        self._stops = 0

    async def enqueue(self, *events: dict[str, Any]) -> list[str]:
        """Enqueue events without a pause between them; gives the outcomes."""
        burst = self._stage.next_burst()
        if isinstance(self._sender, PluggedSender):
            return [self._enqueue(self._sender, event, snapshot(event), None, burst) for event in events]
        calls = [self._called(snapshot(event), None, burst) for event in events]
        with self._stage.wait_for(f"the answer to enqueue of sender {self._number}"):
            outcomes = await self._sender.enqueue(events)
        return [self._returned(call, outcome) for call, outcome in zip(calls, outcomes, strict=True)]

    async def enqueue_unserialisable(self, event: Any, what: str) -> str:
        """Enqueue something that JSON can't carry: `event`, or, behind an adapter, whatever is such in its language."""
        burst = self._stage.next_burst()
        if isinstance(self._sender, PluggedSender):
            return self._enqueue(self._sender, event, None, what, burst)
        call = self._called(None, "something of the adapter's language", burst)
        return self._returned(call, await self._sender.enqueue_unserialisable())

    def _enqueue(
        self, sender: PluggedSender, event: Any, as_it_is: dict[str, Any] | None, what: str | None, burst: int
    ) -> str:
        call = self._called(as_it_is, what, burst)
        outcome, blocked_for = sender.enqueue(event)
        self._returned(call, outcome, blocked_for if self._stage.watches_real_time else 0.0)
        if as_it_is is not None and outcome.startswith("raised"):
            raise AdapterError(f"enqueue {outcome}, for an event that JSON can carry: {as_it_is!r:.200}")
        return outcome

    def _called(self, event: dict[str, Any] | None, what: str | None, burst: int) -> int:
        """Write down that `enqueue` is called; gives the place of the record, which `_returned` completes."""
        self._enqueues += 1
        now = self._stage.now()
        return self._stage.write(
            EnqueueCalled(
                time=now,
                sender=self._number,
                call=self._enqueues,
                burst=burst,
                returned=now,
                outcome="",
                event=event,
                unserializable=what,
            )
        )

    def _returned(self, place: int, outcome: str, blocked_for: float = 0.0) -> str:
        self._stage.complete(place, returned=self._stage.now(), outcome=outcome, blocked_for=blocked_for)
        return outcome

    async def stop(self, *, complete: bool = True) -> None:
        """Stop it, and wait for that; but not for ever."""
        self._stops += 1
        call = self._stops
        self._stage.write(StopCalled(time=self._stage.now(), sender=self._number, call=call, complete=complete))
        stopping = asyncio.ensure_future(self._sender.stop(complete=complete))
        patience = _PATIENCE_WITH_STOP * self._stage.settings.stop_timeout + self._stage.seconds(5.0)
        try:
            with self._stage.wait_for(f"sender {self._number} to stop"):
                await asyncio.wait({stopping}, timeout=patience)
        except asyncio.CancelledError:
            stopping.cancel()  # a caller that leaves
            raise
        if not stopping.done():
            self._stage.write(StopOverdue(time=self._stage.now(), sender=self._number, call=call))
            stopping.cancel()
            return
        if stopping.cancelled():
            self._stage.write(StopCancelled(time=self._stage.now(), sender=self._number, call=call))
            return
        report: Report | None = stopping.result()
        self._stage.write(StopReturned(time=self._stage.now(), sender=self._number, call=call, report=report))

    @property
    def capabilities(self) -> frozenset[str]:
        """What the sender claims."""
        return self._sender.capabilities

    async def delivered(self, count: int | None = None, *, within: float = 40.0) -> bool:
        """Wait until the backend has so many events of this run (all that were enqueued, if not told otherwise)."""
        wanted = self._enqueues if count is None else count
        with self._stage.wait_for(f"sender {self._number} to deliver what it accepted"):
            return await self._stage.until(lambda: len(self._stage.backend.run(self.run_id).events) >= wanted, within)
