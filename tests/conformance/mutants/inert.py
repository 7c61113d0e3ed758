"""Senders that do nothing: what they pass shows what the suite lets through for lack of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings


@fails("DLV-1", "never reached the backend, although nothing prevented it")
class DoesNothing:
    """Takes every event, sends none, and says so honestly."""

    capabilities = frozenset({"drain-report", "handoff"})

    def __init__(self, _settings: Settings) -> None:
        self.taken = 0

    def enqueue(self, _event: Any) -> str:
        """Take an event, whatever and whenever."""
        self.taken += 1
        return "accepted"

    async def stop(self, *, complete: bool = True) -> dict[str, Any] | None:  # noqa: ARG002 - the contract's signature
        """Do nothing once more."""
        return {"delivered": 0, "undelivered": self.taken, "completed": False}


@fails("DRN-4", "delivered, and 0 are at the backend")
class ClaimsEverythingAndDoesNothing(DoesNothing):
    """Takes every event, sends none, and reports all as delivered and the run as complete."""

    async def stop(self, *, complete: bool = True) -> dict[str, Any] | None:
        """Boast."""
        return {"delivered": self.taken, "undelivered": 0, "completed": complete}


@fails("DRN-1", "stop returned, and the run is not complete")
class RefusesEverything(DoesNothing):
    """Has no room for any event, and so nothing to lose."""

    def enqueue(self, _event: Any) -> str:
        """Refuse an event."""
        return "full"
