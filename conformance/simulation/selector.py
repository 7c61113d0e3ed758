"""A selector that never waits: asked to, it moves the clock.

asyncio calls `select` once an iteration, with the time until the next timer, with zero if something is ready, or with
None if only the outside world could wake it. There is no outside world, so that this is also the place to notice that
nothing can ever happen again, or that time has stopped passing.
"""

from __future__ import annotations

import selectors
import sys
from typing import TYPE_CHECKING, Any

from conformance.simulation.errors import DeadlockError, LivelockError, NotSimulatedError, TimeLimitError

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.simulation.clock import VirtualClock


class VirtualSelector(selectors.BaseSelector):
    """Stands for the waiting of an event loop, and moves `clock` instead.

    `max_time` is in seconds of virtual time, `max_iterations` is how many may pass between two moves of the clock, and
    `describe` says who waits for what; it is called for the message of an error only.
    """

    def __init__(
        self, clock: VirtualClock, *, max_time: float, max_iterations: int, describe: Callable[[], str]
    ) -> None:
        self.clock = clock
        self.failure: NotSimulatedError | None = None
        """What the program reached for and didn't get; it ends the run at the next iteration."""
        self._max_time = max_time
        self._deadline = max_time
        self._max_iterations = max_iterations
        self._iterations = 0
        self._describe = describe

    def start_over(self) -> None:
        """Grant the limits anew and forget the failure: for tearing down after a run that broke one."""
        self.failure = None
        self._iterations = 0
        self._deadline = self.clock.now + self._max_time

    def raise_failure(self) -> None:
        """Raise the failure, if there is one."""
        if self.failure is not None:
            raise self.failure

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Move the clock by `timeout` seconds and return nothing.

        Raises a `SimulationError` if the program can't go on; asyncio lets it out of `run_until_complete`.
        """
        if self.failure is not None:
            raise self.failure
        if timeout is None:
            raise DeadlockError(
                f"deadlock at {self.clock.now} s: nothing is ready and no timer is pending, but the program "
                f"hasn't finished\n{self._describe()}"
            )
        if timeout > 0:
            if self.clock.now + timeout > self._deadline:
                raise TimeLimitError(
                    f"the program hasn't finished by {self._deadline} s of virtual time (max_time)\n{self._describe()}"
                )
            self._iterations = 0
            self.clock.advance(timeout)
        else:
            self._iterations += 1
            if self._iterations > self._max_iterations:
                raise LivelockError(
                    f"livelock at {self.clock.now} s: {self._max_iterations} iterations of the loop, and time hasn't "
                    f"moved\n{self._describe()}"
                )
        return []

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise NotSimulatedError(f"the file {fileobj!r} can't be watched in a simulation")

    @override
    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise KeyError(fileobj)

    @override
    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}
