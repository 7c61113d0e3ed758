"""What all faults have in common: the points of a request, and the checks of their values."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

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

BEFORE_NUMBERS: Final = "events is given for a fault that strikes before the numbers are seen; choose by requests"
"""Why some faults aren't chosen by `events`."""

LONGEST: Final = 366 * 24 * 3600
"""How many seconds a fault may last: a year. Nobody waits for more, and a backend that is down can't be told so."""

_TIMES: Final = ("seconds", "jitter", "delay")


TAKES_TIME: Final = 0
CHANGES_STATE: Final = 1
MAY_END_THE_REQUEST: Final = 2


class FaultBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """A thing that goes wrong with one request.

    A kind says of itself, by its class, what others need to know of it; what is said here holds where it says nothing.
    Its docstring and `example`, a rule of a file with a comment that says what happens by it, are what people are told.
    """

    example: ClassVar[str]

    order: ClassVar[int] = MAY_END_THE_REQUEST
    """Among the faults of one point: what ends the request comes last, or the others would never strike."""

    takes_time: ClassVar[bool] = True
    """Whether a request that is struck may be slow for it."""

    loses_answer: ClassVar[bool] = False
    """Whether a request that is struck is never answered."""

    is_of_network: ClassVar[bool] = False
    """Whether its client sees it as the network's doing, not the backend's, or that of a proxy before it."""

    @property
    def severity(self) -> float:
        """Of several of a kind that can't hold at once, the one with the most does: of equals, the first."""
        return 0.0

    @property
    def piece(self) -> int | None:
        """How many bytes it lets pass at once; None if it doesn't care."""
        return None

    @property
    def shapes_answer(self) -> bool:
        """Whether the answer goes out in another way than at once and whole."""
        return False

    def refuse_events(self) -> str | None:
        """Tell why no rule can choose it by `events`, None if one can: it may strike before the numbers are seen."""
        if getattr(self, "phase", None) == "before-read":
            return (
                "events is given for phase 'before-read', before the numbers are seen; choose by requests, "
                "or a later phase, such as 'before-accept'"
            )
        return None

    def scaled(self, factor: float) -> Self:
        """Give the fault for a world in which time takes `factor` as long: durations times that."""
        times = {name: getattr(self, name) for name in _TIMES if name in self.__struct_fields__}
        changes = {name: seconds * factor for name, seconds in times.items() if seconds is not None}
        return msgspec.structs.replace(self, **changes)


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
