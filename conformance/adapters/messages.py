"""The messages of the adapter protocol: each request, and the answer to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from conformance.evidence.settings import TIMES, Settings

PROTOCOL = 1
"""The version of the protocol that is spoken here."""

OutcomeWord = Literal["accepted", "full", "oversized", "unserializable", "closed"]


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a sender: times in milliseconds, sizes in bytes; `conformance.Settings` says what is what."""

    url: str
    token: str
    run_id: str
    max_buffered_events: int
    max_buffered_bytes: int
    max_window_events: int
    max_window_bytes: int
    max_event_bytes: int
    window_age_ms: float
    flush_delay_ms: float
    retry_delay_ms: float
    max_retry_delay_ms: float
    request_timeout_ms: float
    settle_delay_ms: float
    stop_timeout_ms: float

    @classmethod
    def of(cls, settings: Settings) -> RemoteSettings:
        """Return the same settings, as they are sent to an adapter."""
        told = msgspec.structs.asdict(settings)
        for name in TIMES:
            told[f"{name}_ms"] = round(told.pop(name) * 1_000, 3)
        return cls(**told)


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the suite asks of an adapter. Every request has an `id`, which its answer repeats."""

    id: int


class Hello(Request, frozen=True, kw_only=True, tag="hello"):
    """The first request: the version of the protocol, and who are you?"""

    protocol: int = PROTOCOL


class Open(Request, frozen=True, kw_only=True, tag="open"):
    """Make a sender for a run. Later requests name it by its number, `sender`."""

    sender: int
    settings: RemoteSettings


class Enqueue(Request, frozen=True, kw_only=True, tag="enqueue"):
    """Enqueue events, one after the other, without a pause."""

    sender: int
    events: list[Any]


class EnqueueUnserializable(Request, frozen=True, kw_only=True, tag="enqueue-unserializable"):
    """Enqueue one thing that JSON can't carry; only where the adapter claims that there is such a thing."""

    sender: int


class Stop(Request, frozen=True, kw_only=True, tag="stop"):
    """Stop a sender; answered when it has returned."""

    sender: int
    deadline_ms: float
    complete: bool


class Exit(Request, frozen=True, kw_only=True, tag="exit"):
    """Answer, and end with status 0."""


AnyRequest = Hello | Open | Enqueue | EnqueueUnserializable | Stop | Exit


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every answer has: the `id` of its request."""

    id: int


class Refused(Answer, frozen=True, kw_only=True):
    """The answer to a request that the adapter can't do; `error` says why."""

    error: str


class Introduced(Answer, frozen=True, kw_only=True):
    """The answer to `hello`."""

    protocol: int
    name: str
    capabilities: list[str]
    version: str = ""
    language: str = ""


class Done(Answer, frozen=True, kw_only=True):
    """The answer to `open` and `exit`."""


class Offered(Answer, frozen=True, kw_only=True):
    """The answer to `enqueue`: what became of each event, in the order of the events."""

    outcomes: list[OutcomeWord]


Count = Annotated[int, msgspec.Meta(ge=0)]


class RemoteReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of everything, by the sender's own account; `dropped` is counted by reason."""

    delivered: Count
    undelivered: Count
    completed: bool
    dropped: dict[str, Count] = {}
    unconfirmed: Count = 0


class Stopped(Answer, frozen=True, kw_only=True):
    """The answer to `stop`; a sender that doesn't claim `drain-report` gives no report."""

    report: RemoteReport | None = None


AnyAnswer = Introduced | Done | Offered | Stopped | Refused

EXPECTED: dict[type[Answer], str] = {
    Introduced: '{"id": …, "protocol": 1, "name": "…", "version": "…", "language": "…", "capabilities": ["…", …]}',
    Done: '{"id": …}',
    Offered: '{"id": …, "outcomes": ["accepted" | "full" | "oversized" | "unserializable" | "closed", …]}',
    Stopped: (
        '{"id": …, "report": {"delivered": …, "undelivered": …, "dropped": {"reason": count, …}, "completed": …}}, '
        'or {"id": …} without a report'
    ),
}
"""How each answer looks, for people."""
