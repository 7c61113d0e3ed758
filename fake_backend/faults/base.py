"""What all faults have in common: the points of a request, and the checks of their values."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

Phase: TypeAlias = Literal["before-read", "before-accept", "after-lines", "after-accept", "in-answer"]
Stream: TypeAlias = Literal["upstream", "downstream"]

PHASES: Final[Mapping[Phase, str]] = {
    "before-read": "the head has arrived; nothing is read of the body, so that the peer's upload backs up",
    "before-accept": "the first line (or the end of an empty body) has arrived; nothing has been taken yet",
    "after-lines": "`lines` lines of the body have been decided; a body with fewer is never struck",
    "after-accept": (
        'everything has been read and taken; the answer has not been sent (so this is "before the answer", and strikes '
        "whatever the answer is)"
    ),
    "in-answer": "the head of the answer and half its body are on the way",
}
"""The points of a request, in order, and what has happened by then."""

PhaseKey: TypeAlias = Annotated[Phase, Meta(description="at which point of the request it strikes")]
LinesKey: TypeAlias = Annotated[int, Meta(description="with phase 'after-lines': after how many lines, from 1")]
StreamKey: TypeAlias = Annotated[
    Stream, Meta(description="which way: upstream is the body of the request, downstream the whole answer")
]

LONGEST: Final = 366 * 24 * 3600
"""How many seconds a fault may last: a year. Nobody waits for more, and a backend that is down can't be told so."""

_TIMES: Final = ("seconds", "jitter", "delay")


class FaultBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """A thing that goes wrong with one request."""


def check_point(phase: Phase, lines: int) -> None:
    """Raise ValueError for a point of a request that there isn't."""
    if phase == "after-lines" and lines < 1:
        raise ValueError(f"lines is {lines}; with phase 'after-lines' it says after how many, from 1")
    if phase != "after-lines" and lines != 0:
        raise ValueError(f"lines is {lines}; it goes with phase 'after-lines' alone, and phase is {phase!r}")


def check_seconds(seconds: float, name: str = "seconds") -> None:
    """Raise ValueError for what is no duration."""
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{name} is {seconds}; it is a duration, from 0 to {LONGEST} seconds (a year)")


def check_moment(seconds: float, name: str) -> None:
    """Raise ValueError for what is no moment since a backend began."""
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"{name} is {seconds}; it is a number of seconds, from 0")


def check_at_least(least: int, value: int, name: str, what: str) -> None:
    """Raise ValueError for a number below the least that makes sense."""
    if value < least:
        raise ValueError(f"{name} is {value}; it is {what}, from {least}")


def scaled_times(fault: FaultBase, factor: float) -> dict[str, Any]:
    """Give the fields of a fault that are durations, multiplied."""
    times = {name: getattr(fault, name) for name in _TIMES if name in fault.__struct_fields__}
    return {name: seconds * factor for name, seconds in times.items() if seconds is not None}
