"""What a benchmark says: a figure, the yardstick beside it, and whether their ratio meets the goal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The bounds, both included, within which a ratio must be."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        match self.at_least, self.at_most:
            case None, most:
                return f"≤ {most}"
            case least, None:
                return f"≥ {least}"
            case least, most:
                return f"{least} to {most}"

    def met_by(self, ratio: float) -> bool:
        """Whether a ratio is within the bounds."""
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table.

    Args:
        what: What was measured, in words.
        beside: What the yardstick is, in words.
        unit: Of `measured` and of `yardstick`.
        measured: The figure, usually a median.
        yardstick: The figure beside it, of the same unit.
        ratio: What is judged. Not always one of the two divided by the other: see the benchmark.
        goal: What the ratio must be.
        samples: The figures that went into it, by name, in the order in which they were measured.
    """

    what: str
    beside: str
    unit: str
    measured: float
    yardstick: float
    ratio: float
    goal: Goal
    samples: dict[str, list[float]]

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.goal.met_by(self.ratio)
