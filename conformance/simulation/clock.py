"""Virtual time, and the order of what is due at the same instant.

Time is kept in whole nanoseconds and told in seconds, so that two hundred times 0.005 s is 1.0 s, to the last bit, and
a trace reads `0.015` and not `0.015000000000000001`.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Self, SupportsFloat

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

NANOSECONDS = 1_000_000_000

TICK = 1 / NANOSECONDS

HALF_A_TICK = 0.5 / NANOSECONDS
"""Seconds between any instant and the point from which on a timer belongs to the next one."""

LONGEST_TIME = 30 * 86_400.0
"""Seconds up to which a float tells two instants apart that are a tick away from each other, with a margin."""


def on_a_tick(seconds: float) -> float:
    """Round a time in seconds to the tick of the clock; what isn't finite stays as it is."""
    return round(seconds * NANOSECONDS) / NANOSECONDS if math.isfinite(seconds) else seconds


class Instant(float):
    """A time in seconds that, among equal ones, comes in the order in which it was asked for.

    asyncio keeps its timers in a heap and compares them by their time alone, so that those of one instant come out in
    an order of the heap's own: always the same, but nobody's intention. A time that breaks the tie itself makes the
    heap a queue, with nothing of asyncio replaced.
    """

    __slots__ = ("order",)

    order: int

    def __new__(cls, seconds: SupportsFloat, order: int) -> Self:
        """Make the instant at `seconds` that comes `order`-th among its equals."""
        instant = super().__new__(cls, seconds)
        instant.order = order
        return instant

    @override
    def __lt__(self, other: float) -> bool:
        # By their difference, since it is called some twenty times a request: to compare floats that aren't plain
        # ones, they would have to be made into such.
        difference = self - other
        if difference or not isinstance(other, Instant):
            return difference < 0.0
        return self.order < other.order


class VirtualClock:
    """A clock that stands still until it is moved. It starts at 0.0."""

    __slots__ = ("_nanoseconds", "now", "on_advance")

    def __init__(self) -> None:
        self._nanoseconds = 0
        self.now = 0.0
        """Seconds since the simulation began."""
        self.on_advance: Callable[[float], object] | None = None
        """Told the seconds by which the clock moves, after it has."""

    def step_wall_clock(self, seconds: float) -> None:
        """Report an advance of `seconds`, forward or back, that the time itself doesn't make."""
        if self.on_advance is not None:
            self.on_advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, rounded to a tick."""
        self._nanoseconds += round(seconds * NANOSECONDS)
        self.now = self._nanoseconds / NANOSECONDS
        if self.on_advance is not None:
            self.on_advance(seconds)
