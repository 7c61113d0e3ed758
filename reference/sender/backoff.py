"""Decides when the next attempt may begin: full jitter under a ceiling that doubles, and not before the peer allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.sender.config import SenderConfig

_MOST_DOUBLINGS = 64  # so that the power stays finite for ever


class Backoff:
    """The delays of one sender. `draw` returns numbers drawn evenly from [0, 1)."""

    def __init__(self, config: SenderConfig, *, draw: Callable[[], float]) -> None:
        self._config = config
        self._draw = draw
        self._failures = 0
        self.not_before = -math.inf
        """No attempt begins earlier than this."""
        self.asked_until = -math.inf
        """Until when the peer asked to be left alone, by a `Retry-After`."""

    def fail(self, now: float, retry_after: float | None) -> float:
        """Count a failure; return the seconds until the next attempt (RTY-3, RTY-4).

        A longer `retry_after` than `max_retry_after` counts as that: a proxy that says milliseconds for seconds would
        silence the sender for years.
        """
        config = self._config
        ceiling = min(config.max_retry_delay, config.retry_delay * 2.0 ** min(self._failures, _MOST_DOUBLINGS))
        self._failures += 1
        asked = min(retry_after or 0.0, config.max_retry_after)
        self.asked_until = now + asked if asked else -math.inf
        delay = max(ceiling * self._draw(), asked)
        self.pause(now, delay)
        return delay

    def pause(self, now: float, seconds: float) -> None:
        """Begin no attempt for a time. It is no failure."""
        self.not_before = now + seconds

    def reset(self) -> None:
        """Let the next failure be the first again (RTY-5)."""
        self._failures = 0
