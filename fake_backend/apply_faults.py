"""What each fault does when it strikes at a point of a request."""

from random import Random
from typing import Final, assert_never

from aiohttp import hdrs

from fake_backend.faults import (
    CompletedElsewhere,
    Down,
    ExpireToken,
    Fence,
    ForeignWriter,
    Forget,
    Latency,
    Phase,
    PhasedFault,
    ResetPeer,
    Stall,
    Status,
    Timeout,
)
from fake_backend.faults.plan import RequestFaults
from fake_backend.open_request import AnsweredInsteadError, OpenRequest, RequestEnded
from fake_backend.protocol import answers
from fake_backend.protocol.access import refuse_epoch
from fake_backend.protocol.ingest import RequestIngest, Run

EPOCH_HEADER: Final = "Producer-Epoch"


class Striker:
    """Has the faults of one request strike, at the points that the request comes to."""

    __slots__ = ("_faults", "_ingest", "_open", "_run")

    def __init__(self, open_request: OpenRequest, faults: RequestFaults, ingest: RequestIngest, run: Run) -> None:
        self._open = open_request
        self._faults = faults
        self._ingest = ingest
        self._run = run

    async def strike(self, phase: Phase, *, lines: int = 0) -> None:
        """Let all faults of a point strike.

        Raises RequestEnded when that ends the request, AnsweredInsteadError when it is answered because of it.
        """
        for place, fault in enumerate(self._faults.at(phase, lines=lines)):
            self._open.record_fault(fault)
            await self._perform(fault, where=f"{phase} {lines} {place}")

    async def _perform(self, fault: PhasedFault, *, where: str) -> None:
        open_request, connection = self._open, self._open.connection
        match fault:
            case Latency():
                # A slow backend goes on with what it has read, although the client may have left meanwhile.
                await open_request.wait(connection.cut, self._seconds_of(fault, where))
            case Stall(seconds=seconds):
                await open_request.wait(connection.lost, seconds)
            case Timeout(seconds=seconds):
                await open_request.wait(connection.lost, seconds)
                await open_request.hang_up()
            case ResetPeer():
                open_request.reset()
            case Down(seconds=seconds):
                open_request.services.go_down_for(seconds)
                raise RequestEnded
            case Status():
                raise AnsweredInsteadError(
                    answers.of_fault(
                        fault,
                        accepted=self._ingest.accepted,
                        duplicate=self._ingest.duplicate,
                        last_accepted_seq=self._run.last_accepted_seq,
                    )
                )
            case Forget() | ForeignWriter() | CompletedElsewhere():
                self._change_run(fault)
            case ExpireToken():
                open_request.services.access.expire(open_request.request.headers.get(hdrs.AUTHORIZATION))
                raise AnsweredInsteadError(answers.bad_token())
            case Fence(epoch=epoch):
                self._run.epoch = max(self._run.epoch, epoch)
                refusal = refuse_epoch(self._run, open_request.request.headers.get(EPOCH_HEADER))
                if refusal is not None:
                    raise AnsweredInsteadError(refusal)
            case _:
                assert_never(fault)

    def _seconds_of(self, fault: Latency, where: str) -> float:
        if not fault.jitter:
            return fault.seconds
        # By text, which seeds the same on every Python: not by a hash, and not by what was drawn before.
        source = Random(f"{self._open.services.seed} {self._open.number} {where}")  # noqa: S311 - no secret hangs on it
        return max(0.0, fault.seconds + fault.jitter * (2 * source.random() - 1))

    def _change_run(self, fault: Forget | ForeignWriter | CompletedElsewhere) -> None:
        run, set_run = self._run, self._open.services.set_run
        match fault:
            case Forget(last_accepted_seq=last):
                last = min(last, run.last_accepted_seq)
                set_run(run.run_id, last_accepted_seq=last, complete=False, why="a fault: the backend lost its state")
            case ForeignWriter(numbers=numbers):
                if not run.complete:
                    last = run.last_accepted_seq + numbers
                    set_run(run.run_id, last_accepted_seq=last, why=f"a fault: another writer took {numbers} numbers")
            case CompletedElsewhere():
                set_run(run.run_id, complete=True, why="a fault: the run was completed by someone else")
            case _:
                assert_never(fault)
