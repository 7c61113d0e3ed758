"""A schedule: all that decides what happens in one performance of the random search, as data.

It is frozen, comparable and printable, so that it can be shrunk, stored in a file, and performed again. All times are
seconds of virtual time, all sizes are bytes.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import msgspec

from conformance.evidence.settings import Settings
from fake_backend import FaultRule, Limits

Direction: TypeAlias = Literal["backend", "sender", "both"]
"""Which end of the connections: the backend's, the sender's, or both."""

_GIVEN_BY_THE_STAGE = {"url", "token", "run_id"}
_SETTINGS = {name for name in Settings.__struct_fields__ if name not in _GIVEN_BY_THE_STAGE}


class ScheduleError(ValueError):
    """A file that holds no schedule, or one that can't be performed; the message names the wrong value."""


def _check_seconds(name: str, value: float) -> None:
    _check(math.isfinite(value) and value >= 0, name, value, "a number of seconds from 0")


def _check(is_right: bool, name: str, value: object, wanted: str) -> None:  # noqa: FBT001 - the condition itself
    if not is_right:
        raise ScheduleError(f"{name} is {value!r}; it is {wanted}")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a schedule."""


class Burst(_Part, frozen=True, kw_only=True, tag="burst"):
    """So many events are enqueued without a pause, each with a text of `size` characters.

    The text of a `poison` begins with that word, which the fault of that name can look for.
    """

    events: int
    size: int = 0
    text: Literal["ascii", "two-bytes", "escapes", "poison"] = "ascii"

    def __post_init__(self) -> None:
        _check(self.events >= 0, "events", self.events, "a count")
        _check(self.size >= 0, "size", self.size, "a count")


class Trickle(_Part, frozen=True, kw_only=True, tag="trickle"):
    """`events` small events are enqueued, one every `every` seconds."""

    events: int
    every: float

    def __post_init__(self) -> None:
        _check(self.events >= 0, "events", self.events, "a count")
        _check_seconds("every", self.every)


class Unserializable(_Part, frozen=True, kw_only=True, tag="unserializable"):
    """Something is enqueued that JSON can't carry."""


class Pause(_Part, frozen=True, kw_only=True, tag="pause"):
    """Nothing is asked of the sender for `seconds`."""

    seconds: float

    def __post_init__(self) -> None:
        _check_seconds("seconds", self.seconds)


class Settle(_Part, frozen=True, kw_only=True, tag="settle"):
    """Nothing is asked of the sender until all that it accepted is delivered, or for `within` seconds."""

    within: float = 20.0

    def __post_init__(self) -> None:
        _check_seconds("within", self.within)


class Stop(_Part, frozen=True, kw_only=True, tag="stop"):
    """`stop` is called; the steps behind it go on while it drains.

    Where the sender doesn't claim the capability `handoff`, it is always asked to complete the run.
    """

    complete: bool = True


Step: TypeAlias = Burst | Trickle | Unserializable | Pause | Settle | Stop


class Reset(_Part, frozen=True, kw_only=True, tag="reset"):
    """`at` seconds in, each connection is reset, as seen by one end or both."""

    at: float
    seen_by: Direction = "both"

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)


class StallLink(_Part, frozen=True, kw_only=True, tag="stall_link"):
    """From `at` on, for `seconds`, nothing arrives at an end or both, and nothing closes."""

    at: float
    seconds: float
    toward: Direction = "both"

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)
        _check_seconds("seconds", self.seconds)


class Refuse(_Part, frozen=True, kw_only=True, tag="refuse"):
    """From `at` on, for `seconds`, new connections are refused; open ones aren't touched."""

    at: float
    seconds: float

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)
        _check_seconds("seconds", self.seconds)


class Down(_Part, frozen=True, kw_only=True, tag="down"):
    """From `at` on, for `seconds`, the backend is down: connections are reset, and new ones refused."""

    at: float
    seconds: float

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)
        _check_seconds("seconds", self.seconds)


class Unreachable(_Part, frozen=True, kw_only=True, tag="unreachable"):
    """From `at` on, for `seconds`, the backend's host is gone: nothing moves, and connecting gets no answer."""

    at: float
    seconds: float

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)
        _check_seconds("seconds", self.seconds)


class HalfClose(_Part, frozen=True, kw_only=True, tag="half_close"):
    """`at` seconds in, one end of each connection sees the end of what the other sends; its own way stays open."""

    at: float
    seen_by: Literal["backend", "sender"] = "sender"

    def __post_init__(self) -> None:
        _check_seconds("at", self.at)


NetworkEvent: TypeAlias = Reset | HalfClose | StallLink | Refuse | Down | Unreachable


LATENCY = 0.005_003_7
"""Seconds of latency of which no other time is a multiple.

What happens at the very same instant comes in an order that asyncio doesn't promise, and that differs from release to
release. So nothing should by accident.
"""


class Wire(_Part, frozen=True, kw_only=True):
    """What the way between the sender and the backend is like; the attributes are those of `LinkConditions`."""

    latency: float = LATENCY
    jitter: float = 0.0
    bandwidth: int | None = None
    slice: int | None = None

    def __post_init__(self) -> None:
        _check_seconds("latency", self.latency)
        _check_seconds("jitter", self.jitter)
        for name in ("bandwidth", "slice"):
            value = getattr(self, name)
            _check(value is None or value > 0, name, value, "a number of bytes from 1, or nothing")


class Schedule(_Part, frozen=True, kw_only=True):
    """All that decides what happens.

    Attributes:
        runs: What is asked of each sender, a list of steps each; the senders are at work at the same time, each on a
            run of its own. One that isn't stopped by its steps is stopped after them.
        faults: What the backend does wrong.
        network: What happens to the connections.
        wire: What the way to the backend is like.
        settings: What differs from the default `Settings`.
        limits: The backend's limits, where they are not the usual.
        stands_at: The number up to which the backend has accepted each run before the sender begins.
        seed: What randomness there is in the sender, the network and the faults is drawn from this.
    """

    runs: tuple[tuple[Step, ...], ...]
    faults: tuple[FaultRule, ...] = ()
    network: tuple[NetworkEvent, ...] = ()
    wire: Wire = Wire()
    settings: dict[str, int | float] = {}
    limits: Limits = Limits()
    stands_at: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _check(bool(self.runs), "runs", self.runs, "one list of steps at least")
        _check(self.stands_at >= 0, "stands_at", self.stands_at, "0 or the number of an event")
        for name, value in self.settings.items():
            _check(name in _SETTINGS, "settings", name, f"one of {', '.join(sorted(_SETTINGS))}")
            _check(math.isfinite(value) and value >= 0, name, value, "a number from 0")

    @property
    def events(self) -> int:
        """How many events it enqueues."""
        return sum(step.events for steps in self.runs for step in steps if isinstance(step, Burst | Trickle))

    @property
    def troubles(self) -> int:
        """How many faults it holds, of the backend and of the network."""
        return len(self.faults) + len(self.network)
