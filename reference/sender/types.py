"""The types that the sender's parts exchange, and those that its caller gets.

Three vocabularies. For the caller: `Outcome`, `EventDropped`, `HealthChanged`, `SenderStats`, `DrainReport`.
Inputs of the core, in the past tense: `Answered`, `AttemptFailed`. Its output, in the imperative: the members of
`Command`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """What `enqueue` says about an event. Anything but `ACCEPTED` is final for it, and is counted as dropped."""

    ACCEPTED = "accepted"
    FULL = "full"
    OVERSIZED = "oversized"
    UNSERIALIZABLE = "unserializable"
    CLOSED = "closed"


class DropReason(StrEnum):
    """Why an event was dropped: refused by `enqueue` (the first four), or singled out later."""

    FULL = "full"
    OVERSIZED = "oversized"
    UNSERIALIZABLE = "unserializable"
    CLOSED = "closed"
    REJECTED = "rejected"
    """The backend refuses this very event again and again, alone, while it answers otherwise (RTY-7)."""


class Health(StrEnum):
    """How delivery goes."""

    HEALTHY = "healthy"
    RETRYING = "retrying"
    """The last attempt failed; the events are held, and it is tried again."""
    FAILED = "failed"
    """Nothing more can be delivered to this run by this sender; what is undelivered is reported by `stop`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDropped:
    """An event will not be delivered.

    `event` is the caller's object where `enqueue` refused it, and decoded from what would have been sent where it was
    dropped later. `detail` says in words what was wrong with it.
    """

    reason: DropReason
    detail: str
    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChanged:
    """Delivery goes better or worse than before; `detail` says why.

    `retry_in` are the seconds until the next attempt, None where none is due. While the sender is retrying, it is
    reported again when a `Retry-After` makes it wait for longer than all that was reported.
    """

    health: Health
    detail: str
    retry_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHeldUp:
    """The backend fails on one event, alone, again and again, while nothing else was tried.

    It may be the event, or the backend. The event is not dropped, and `behind` others wait for it.
    """

    detail: str
    event: Any
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnotherWriter:
    """Somebody else writes this run: the backend has numbers that this sender never sent. One run is for one writer.

    `contested` counts the events so far that the backend ignored as duplicates of theirs. Reported the first time,
    the second, the fourth, and so on. A single writer never gets this, whatever the network does, unless a proxy
    delivers several of its requests twice.
    """

    detail: str
    contested: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLost:
    """The backend's last number went back from `before` to `now`: it lost its state, or the run expired.

    What is undelivered goes on from there. What the backend lost it doesn't get again.
    """

    before: int
    now: int

    @property
    def detail(self) -> str:
        """The same in words, as every notice has it."""
        return f"the backend's last number went back from {self.before} to {self.now}"


Notice: TypeAlias = EventDropped | EventHeldUp | HealthChanged | AnotherWriter | PositionLost


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStats:
    """The counters of a sender at one moment.

    `enqueued == delivered + undelivered + sum(dropped.values())` holds at every moment (DLV-1). `enqueued` counts
    every event that was handed to `enqueue`, also those it refused.
    """

    enqueued: int
    delivered: int
    undelivered: int
    dropped: Mapping[DropReason, int]
    requests: int
    failed_requests: int
    last_accepted_seq: int | None
    """The last number that the backend confirmed; None before it was first asked."""
    contested: int
    """Of the delivered events, those whose numbers the backend had before this sender first sent them."""
    health: Health


_NO_DROPS: Mapping[DropReason, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """What became of everything that was enqueued, as `stop` returns it.

    `undelivered` events were accepted by `enqueue` and not acknowledged by the backend. Of these, `unconfirmed` were
    sent in an attempt whose outcome is unknown: the backend may have them. Of the `delivered` ones, `contested` were
    taken for duplicates although their numbers had never been sent before: another writer's events are there in their
    place, or a proxy delivered them twice. `why` is None if all went as asked, and otherwise says what prevented it.
    """

    delivered: int
    undelivered: int
    unconfirmed: int = 0
    contested: int = 0
    dropped: Mapping[DropReason, int] = field(default_factory=lambda: _NO_DROPS)
    completed: bool
    why: str | None = None

    @property
    def all_delivered(self) -> bool:
        """Whether every event that was handed to `enqueue` was delivered."""
        return self.undelivered == 0 and not any(self.dropped.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The backend, or a proxy before it, answered an attempt with a whole answer.

    `last_accepted_seq` and `accepted` are None unless the body says them beyond doubt (DLV-6). `retry_after` is in
    seconds from now. `is_backends_own` is whether an error has the protocol's own form, a JSON object with a string
    `error`; anything else is a proxy's.
    """

    status: int
    last_accepted_seq: int | None = None
    accepted: int | None = None
    is_backends_own: bool = True
    retry_after: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt ended without a whole answer: nobody knows how much of it was taken.

    `was_sent` is False where that is certain: no connection came about, so nothing left.
    """

    detail: str
    was_sent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing until a time, or until n events are buffered, or until `stop` or `flush` is called."""

    until: float
    until_buffered: int


@dataclass(frozen=True, slots=True)
class AskPosition:
    """Ask the backend for the last number it accepted, with an empty request."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """Open a request and send what `fill` returns, until it returns `None`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRun:
    """Tell the backend that nothing follows `final_seq`."""

    final_seq: int


@dataclass(frozen=True, slots=True)
class Finish:
    """There is nothing more to do, ever."""


Attempt: TypeAlias = AskPosition | OpenWindow | CompleteRun
Command: TypeAlias = Attempt | Wait | Finish
