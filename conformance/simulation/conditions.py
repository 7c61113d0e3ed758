"""What a link does to everything that passes it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConditions:
    """What a link does to everything that passes it, each way.

    Attributes:
        latency: seconds from one end to the other. A connection takes two of them to make.
        jitter: seconds that the latency may be longer by, drawn anew for each instant of sending. What one connection
            sends stays in order: a chunk that is faster waits for those before it.
        bandwidth: bytes a second; None is without limit. The connections of a link share it, and each chunk is sent
            when those before it have been: it arrives a latency after its last byte has left, a large one in parts of
            16 KiB.
        slice: bytes that a program gets at once, at most; None is as many as there are. The rest comes a
            microsecond later, or by the bandwidth or the jitter if there is one, which then go by the slice.
    """

    latency: float = 0.005
    jitter: float = 0.0
    bandwidth: float | None = None
    slice: int | None = None

    def __post_init__(self) -> None:
        for name in ("latency", "jitter"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name} must be a finite number of seconds from 0 on, not {seconds!r}")
        if self.bandwidth is not None and not (math.isfinite(self.bandwidth) and self.bandwidth > 0):
            raise ValueError(f"bandwidth must be more than 0 bytes a second, or None, not {self.bandwidth!r}")
        if self.slice is not None and self.slice < 1:
            raise ValueError(f"slice must be 1 byte at least, or None, not {self.slice!r}")
