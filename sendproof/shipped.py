"""What became of an input that was shipped into a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference.sender import DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What became of an input.

    `before` is how many of its events the run held already, which were passed over. `skipped` lines were no event and
    `dropped` events were refused by the backend later. Of the `delivered` ones, `contested` are another writer's by
    their numbers, and `lost` were confirmed by a backend that lost its state. `why` says what prevented the rest, None
    if nothing did; `signal` is the number of the signal that ended it early. `go_on` says how to send the rest, None if
    there is none.
    """

    lines: int
    before: int = 0
    delivered: int
    undelivered: int
    unconfirmed: int
    skipped: int
    dropped: Mapping[DropReason, int] = field(default_factory=dict)
    contested: int = 0
    lost: int = 0
    completed: bool
    last_accepted_seq: int | None
    seconds: float
    why: str | None
    signal: int | None
    go_on: str | None = None

    @property
    def all_delivered(self) -> bool:
        """Whether every line that isn't blank was an event, and was delivered."""
        return self.why is None and not self.is_any_missing

    @property
    def is_any_missing(self) -> bool:
        """Whether there are lines that were read, and are not in the run for certain."""
        return bool(self.undelivered or self.skipped or self.dropped or self.contested or self.lost)
