"""What goes into a history while a scenario is performed, and the time of it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.evidence.history import AnyRecord

_LOOK_AGAIN = 0.02
_LOOK_AGAIN_SHARE = 0.01
"""The share of the time waited so far after which to look again, so that what never comes isn't looked for so often."""


class Recording:
    """The records so far, and the clock that gives them their times.

    Args:
        scale: Seconds of this world for each second of a script.
        watches_real_time: Whether the real time that calls take is recorded, which then differs from run to run.
    """

    def __init__(self, *, scale: float, watches_real_time: bool) -> None:
        self.watches_real_time = watches_real_time
        self.records: list[AnyRecord] = []
        self.waiting_for: list[str] = []
        """What the script waits for at this moment, in words."""
        self._scale = scale
        self._bursts = 0
        self._time: Callable[[], float] | None = None

    def now(self) -> float:
        """The time on the clock of the records."""
        if self._time is None:  # the first time the loop runs; asking asyncio for it is slow, and enqueue asks often
            self._time = asyncio.get_running_loop().time
        return self._time()

    def seconds(self, nominal: float) -> float:
        """So many seconds of a script, in seconds of this world."""
        return nominal * self._scale

    async def pause(self, nominal: float) -> None:
        """Let time pass."""
        await asyncio.sleep(self.seconds(nominal))

    @contextmanager
    def wait_for(self, what: str) -> Iterator[None]:
        """Tell what the script waits for meanwhile."""
        self.waiting_for.append(what)
        try:
            yield
        finally:
            self.waiting_for.remove(what)

    async def until(self, condition: Callable[[], bool], within: float = 60.0) -> bool:
        """Wait until something is so; return whether it came to be within n seconds of the script."""
        began = self.now()
        deadline = began + self.seconds(within)
        while not condition():
            if self.now() >= deadline:
                return False
            await asyncio.sleep(max(self.seconds(_LOOK_AGAIN), _LOOK_AGAIN_SHARE * (self.now() - began)))
        return True

    def next_burst(self) -> int:
        """A number for enqueues that are made without a pause between them."""
        self._bursts += 1
        return self._bursts

    def write(self, record: AnyRecord) -> int:
        """Put a record into the history; gives its place there."""
        self.records.append(record)
        return len(self.records) - 1

    def complete(self, place: int, **fields: Any) -> None:
        """Add to a record what is known only now."""
        self.records[place] = msgspec.structs.replace(self.records[place], **fields)
