"""What is taken later than its request: timers that end with the backend."""

import asyncio
from collections.abc import Callable


class LateRequests:
    """The requests that proxies gave up on, and that the backend behind them takes all the same, in time."""

    __slots__ = ("_timers",)

    def __init__(self) -> None:
        self._timers: set[asyncio.TimerHandle] = set()

    def add(self, seconds: float, take: Callable[[], None]) -> None:
        """Call `take` after so many seconds, unless all are dropped before."""

        def due() -> None:
            self._timers.discard(timer)
            take()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def drop(self) -> None:
        """Forget them all: the backend goes down."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
