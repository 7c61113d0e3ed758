"""The two clocks of a log: wall time, which readers see, and the time that has passed, by which events age.

A wall clock steps: NTP sets it right, an operator sets it, a virtual machine wakes up. An event stamped before a step
back would look as if it came from the future and stay too long; one stamped before a step forward would be thrown away
young. So age is measured on a clock that doesn't step.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Gives the time in seconds."""


class LogClock:
    """Wall time and time passed, from the clocks that were injected. Not thread-safe: its log reads it under a lock.

    Time passed never runs backwards, whatever the clock below does: a step back counts as no time at all, and time
    goes on from there. Only what a clock says can be known: a step forward of the clock that tells the age is time.

    Args:
        now: wall time in seconds since the Unix epoch; `time.time` if None.
        monotonic: the clock for the age, in seconds from anywhere. If None, it is `now` where that was injected (a
            test moves one clock, and events age with it), and `time.monotonic` otherwise, which no setting of the
            wall clock moves. (On Linux that clock stands still while the machine is suspended, and so does age.)
    """

    __slots__ = ("_latest", "_monotonic", "_now", "_stepped_back")

    def __init__(self, now: Clock | None, monotonic: Clock | None) -> None:
        self._monotonic = time.monotonic if now is None and monotonic is None else monotonic
        self._now = time.time if now is None else now
        self._latest: float | None = None
        self._stepped_back = 0.0

    def wall_and_passed(self) -> tuple[float, float]:
        """Read wall time and time passed, both in seconds; where one clock tells both, it is read once."""
        wall = float(self._now())
        return wall, self._passed_at(wall if self._monotonic is None else float(self._monotonic()))

    def passed(self) -> float:
        """Read the time passed, in seconds from anywhere: only differences mean something."""
        return self._passed_at(float(self._now() if self._monotonic is None else self._monotonic()))

    def _passed_at(self, reading: float) -> float:
        # Steps back are added up, rather than steps forward, so that a clock that never steps back is taken exactly:
        # no rounding gathers over a million readings.
        if self._latest is not None and reading < self._latest:
            self._stepped_back += self._latest - reading
        self._latest = reading
        return reading + self._stepped_back
