"""What the sender counts, and what it has to tell the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference.sender.messages import EventDropped, Health, HealthChanged

if TYPE_CHECKING:
    from reference.sender.messages import DropReason, Notice


class Tally:
    """Counts drops and requests, and collects notices until they are taken."""

    def __init__(self) -> None:
        self.dropped: dict[DropReason, int] = {}
        self.dropped_after_all = 0
        """How many of the dropped events `enqueue` had accepted."""
        self.requests = 0
        self.failed_requests = 0
        self.health = Health.HEALTHY
        self._notices: list[Notice] = []

    def count_refusal(self, reason: DropReason) -> None:
        """Count an event that `enqueue` refused, or that never got as far (DLV-1)."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def drop(self, reason: DropReason, detail: str, payload: bytes) -> None:
        """Count and tell an event that had been accepted, and will not be delivered after all."""
        self.count_refusal(reason)
        self.dropped_after_all += 1
        self._notices.append(EventDropped(reason=reason, detail=detail, event=payload))

    def change_health(self, health: Health, detail: str) -> None:
        """Tell a health that is not the one of before."""
        if health is not self.health:
            self.health = health
            self._notices.append(HealthChanged(health=health, detail=detail))

    def take_notices(self) -> list[Notice]:
        """What has happened since the last call that the caller wants to hear of."""
        notices, self._notices = self._notices, []
        return notices
