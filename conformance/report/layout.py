"""Lays out a timeline: how far down each row is, and how far each span reaches. The template draws it.

Time goes downward. Rows have a height of their own, so that a burst can be read; between them up to a second is drawn
as long as it took, and what is longer is a break that says how long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.report.model import Moment

if TYPE_CHECKING:
    from conformance.report.model import Omission, Span, Timeline

LANES = {"sender": 24, "network": 56, "backend": 89}
"""Where the lanes are, in percent of the width: a picture is as wide as there is room, and its text stays as large."""
_HEAD = 34
_ROW = 30
_A_SECOND = 40
_BREAK = 42
_BREAK_AT = 25
_OMISSION = 46
_END = 16
_A_LONG_TIME = 1.0
_STEP = 5
"""By how much requests that overlap are moved aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A stretch in which nothing happened, drawn shorter than it was."""

    y: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedMoment:
    """A moment, and how far down it is; `repeats` the time of the row before."""

    y: float
    moment: Moment
    repeats: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOmission:
    """Rows that are left out, and how far down they would be."""

    y: float
    omission: Omission


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSpan:
    """What lasted: from where to where, and how far aside."""

    top: float
    height: float
    aside: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A timeline with all its places, in pixels from the top."""

    height: float
    rows: tuple[PlacedMoment | PlacedOmission, ...]
    breaks: tuple[Break, ...]
    spans: tuple[PlacedSpan, ...]
    timeline: Timeline


def picture_of(timeline: Timeline) -> Picture:
    """Lay a timeline out."""
    y: float = _HEAD
    ended = 0.0
    told: str | None = None
    rows: list[PlacedMoment | PlacedOmission] = []
    breaks: list[Break] = []
    for row in timeline.rows:
        passed = max(row.at - ended, 0.0)
        if passed > _A_LONG_TIME:
            breaks.append(Break(y=y + _BREAK_AT, seconds=passed))
            y += _BREAK
        else:
            y += passed * _A_SECOND
        ended = max(row.until, ended)
        if isinstance(row, Moment):
            y += _ROW
            time = seconds(row.at)
            rows.append(PlacedMoment(y=y, moment=row, repeats=time == told))
            told = time
        else:
            y += _OMISSION
            rows.append(PlacedOmission(y=y - _OMISSION / 2 + _END / 2, omission=row))
            told = None
    return Picture(
        height=y + _END, rows=tuple(rows), breaks=tuple(breaks), spans=_placed(timeline, rows), timeline=timeline
    )


def seconds(time: float) -> str:
    """Return a time as it is written in a report: seconds, to the millisecond."""
    return f"{time:.3f}"


def _placed(timeline: Timeline, rows: list[PlacedMoment | PlacedOmission]) -> tuple[PlacedSpan, ...]:
    placed = []
    reaching: list[int] = []
    """By how far aside a request is: the last row that one there reaches."""
    for span in timeline.spans:
        aside = 0
        if span.kind == "request":
            aside = next((place for place, last in enumerate(reaching) if last < span.first), len(reaching))
            reaching[aside : aside + 1] = [span.last]
        top = rows[span.first].y
        placed.append(PlacedSpan(top=top, height=rows[span.last].y - top, aside=min(aside, 3) * _STEP, span=span))
    return tuple(placed)
