"""Cuts a connection over which nothing has moved for a while: a timer that every byte puts off."""

import asyncio
from collections.abc import Callable

from fake_backend.faults import IdleCut


class IdleWatch:
    """The watch over one connection; nobody watches until a fault asks for it, and then until the connection is gone.

    When the time of the fault has come, the last request that was begun is told.
    """

    __slots__ = ("_cut", "_fault", "_stirred", "_timer")

    def __init__(self) -> None:
        self._cut: Callable[[IdleCut], None] | None = None
        self._fault: IdleCut | None = None
        self._stirred = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin_request(self, cut: Callable[[IdleCut], None]) -> None:
        """Note who cuts the connection, if it comes to that."""
        self._cut = cut

    def obey(self, fault: IdleCut) -> None:
        """Watch from now on, unless somebody less patient does."""
        if self._fault is None or fault.seconds < self._fault.seconds:
            self.stop()
            self._fault = fault
            self.stir()
            self._set_timer(fault)

    def stir(self) -> None:
        """Note that bytes have moved."""
        if self._fault is not None:
            self._stirred = asyncio.get_running_loop().time()

    def stop(self) -> None:
        """End the watch."""
        self._fault = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, fault: IdleCut) -> None:
        due = self._stirred + fault.seconds
        self._timer = asyncio.get_running_loop().call_at(due, self._due, fault, self._stirred)

    def _due(self, fault: IdleCut, stirred: float) -> None:
        # Not each byte sets a timer: this one looks whether any has moved since it was set.
        if self._stirred != stirred:
            self._set_timer(fault)
        elif self._cut is not None:
            self.stop()
            self._cut(fault)
