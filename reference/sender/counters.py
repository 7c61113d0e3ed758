"""Counts what becomes of events, and keeps the notices for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference.sender.types import (
    AnotherWriter,
    EventDropped,
    EventHeldUp,
    Health,
    HealthChanged,
    PositionLost,
)

if TYPE_CHECKING:
    from reference.sender.types import DropReason, Notice


class Counters:
    """Counts drops and requests, and collects notices until they are taken."""

    def __init__(self, *, ordinary_wait: float) -> None:
        self.dropped: dict[DropReason, int] = {}
        self.dropped_after_all = 0
        """How many of the dropped events `enqueue` had accepted."""
        self.requests = 0
        self.failed_requests = 0
        self.health = Health.HEALTHY
        self._ordinary_wait = ordinary_wait  # what nobody needs to know of
        self._longest_wait_reported = 0.0
        self._signs_of_another_writer = 0
        self._notices: list[Notice] = []

    def count_refusal(self, reason: DropReason) -> None:
        """Count an event that `enqueue` refused, or that never got as far (DLV-1)."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def drop(self, reason: DropReason, detail: str, payload: bytes) -> None:
        """Count and tell an event that had been accepted, and will not be delivered after all."""
        self.count_refusal(reason)
        self.dropped_after_all += 1
        self._notices.append(EventDropped(reason=reason, detail=detail, event=payload))

    def change_health(self, health: Health, detail: str, *, retry_in: float | None = None) -> None:
        """Report a health that is not the one of before, or a wait that is longer than all reported since then."""
        is_longer = retry_in is not None and retry_in > self._longest_wait_reported
        if health is not self.health:
            self._longest_wait_reported = max(retry_in or 0.0, self._ordinary_wait)
        elif is_longer:
            self._longest_wait_reported = retry_in or 0.0
        else:
            return
        self.health = health
        self._notices.append(HealthChanged(health=health, detail=detail, retry_in=retry_in))

    def report_held_up(self, detail: str, payload: bytes, *, behind: int) -> None:
        """Report which event holds up the others."""
        self._notices.append(EventHeldUp(detail=detail, event=payload, behind=behind))

    def report_position_lost(self, before: int, now: int) -> None:
        """Report that the backend's last number went back."""
        self._notices.append(PositionLost(before=before, now=now))

    def report_another_writer(self, detail: str, *, contested: int) -> None:
        """Report that somebody else writes the run: the first time, the second, the fourth, and so on."""
        self._signs_of_another_writer += 1
        if self._signs_of_another_writer.bit_count() == 1:
            self._notices.append(AnotherWriter(detail=detail, contested=contested))

    def take_notices(self) -> list[Notice]:
        """Return what has happened since the last call that the caller wants to know."""
        notices, self._notices = self._notices, []
        return notices
