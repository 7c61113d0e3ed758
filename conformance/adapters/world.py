"""The world in which senders behind adapters are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from conformance.evidence.history import AdapterSaid
from conformance.harness.worlds import TcpWorld

if TYPE_CHECKING:
    from conformance.adapters.pool import AdapterPool
    from conformance.evidence.history import History
    from conformance.harness.scenario import Scenario


class AdapterWorld:
    """Real time and real sockets, and for each scenario an adapter that is lent by a pool.

    Between the suite and a sender are pipes, and a process that may have to wait for its turn: times are scaled down
    less than for a sender of this process, and may be later.
    """

    def __init__(self, *, at_a_time: int) -> None:
        self.at_a_time = at_a_time
        self._sockets = TcpWorld(at_a_time=at_a_time, scale=0.35, slack=0.5)
        self.enough = self._sockets.enough

    def perform(self, scenario: Scenario, factory: AdapterPool) -> History:
        """Perform a scenario, and put what its adapter wrote to its standard error into the history.

        Raises:
            CouldNotJudgeError: A sender broke the contract of a factory, or its adapter the protocol; or the backend
                failed.
        """
        with factory.lend() as lent:
            history = self._sockets.perform_with(lent, scenario)
            lines = lent.complaints()
        if not lines:
            return history
        said = AdapterSaid(time=max((each.time for each in history.records), default=history.began), lines=lines)
        return structs.replace(history, records=(*history.records, said))
