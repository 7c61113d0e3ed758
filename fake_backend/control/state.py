"""What the control API tells of, and what it changes: the history, what follows from it, and the backend."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from fake_backend.control.api import FaultEntry, Faults, Health, Kept, RuleTable, RunState
from fake_backend.control.event_logs import ALL_RUNS, Accepted, EventLogs
from fake_backend.control.tally import RunTally, Tally
from fake_backend.control.wakeup import News
from fake_backend.faults import FaultRule
from fake_backend.faults.plan import ActiveFault
from fake_backend.history import Entry, NumberedHistory
from fake_backend.installed import installed_version
from fake_backend.protocol.access import Access
from fake_backend.protocol.ingest import Run
from fake_backend.records import BackendRecord, LineReceived, RequestStarted


class Controlled(Protocol):
    """What a backend lets be done to it; see `FakeBackend`."""

    @property
    def faults(self) -> tuple[ActiveFault, ...]:
        """The rules that are there."""
        ...

    def add_fault(self, rule: FaultRule) -> int:
        """Add a rule; give its number."""
        ...

    def remove_fault(self, rule: FaultRule | int) -> None:
        """Take a rule away."""
        ...

    def clear_faults(self) -> None:
        """Take all rules away."""
        ...

    def set_run(
        self, run_id: str, *, last_accepted_seq: int | None = None, complete: bool | None = None, why: str
    ) -> None:
        """Change the state of a run."""
        ...

    def reset(self, *, faults: bool = True) -> None:
        """Forget all that happened."""
        ...


class ControlState:
    """What the control API, the page and reading back know of one backend: its `history` and what follows from it.

    `find_run` gives the state of a run that has one, `uptime` for how many seconds the backend has listened. `closing`
    is set when no stream should go on.
    """

    def __init__(
        self,
        backend: Controlled,
        *,
        history: NumberedHistory,
        most_events: int | None,
        access: Access,
        find_run: Callable[[str], Run | None],
        uptime: Callable[[], float],
    ) -> None:
        self.backend = backend
        self.history = history
        history.on_entry = self._note
        self.access = access
        self.tally = Tally()
        self.news = News()
        self.run_logs = EventLogs(most=most_events)
        self.workspace_logs = EventLogs(most=most_events)
        self.all_logs = EventLogs(most=most_events)
        self.closing = False
        self.find_run = find_run
        self._requests = 0
        self._uptime = uptime

    def open(self) -> None:
        """Let streams go on, as the backend listens."""
        self.closing = False

    def close(self) -> None:
        """Have every stream end."""
        self.closing = True
        self.news.tell()

    def _note(self, entry: Entry, record: BackendRecord) -> None:
        """Keep what follows from a record."""
        self.tally.note(entry, record)
        match record:
            case LineReceived(decision="accepted"):
                self._log(record, entry.written)
            case RequestStarted():
                self._requests += 1
            case _:
                pass
        self.news.tell()

    def forget(self) -> None:
        """Forget what followed from the history, which was reset."""
        self.tally = Tally()
        self.run_logs.clear()
        self.workspace_logs.clear()
        self.all_logs.clear()
        self._requests = 0
        self.news.tell()

    def may_forget(self, run_id: str) -> bool:
        """Whether nothing goes on in a run, and nothing was accepted in it."""
        tally = self.tally.runs.get(run_id)
        return tally is None or not (tally.accepted or tally.in_flight)

    def forget_run(self, run_id: str) -> None:
        """Forget a run of which no record is left."""
        self.tally.forget(run_id)

    # What there is to say.

    def health(self) -> Health:
        """That the backend is there, and how much it holds."""
        return Health(
            status="ok",
            version=installed_version() or "unknown",
            uptime=self._uptime(),
            requests=self._requests,
            runs=len(self.tally.runs),
            history=Kept(kept=len(self.history), forgotten=self.history.forgotten()),
        )

    def faults(self) -> Faults:
        """The rules that are there."""
        return Faults(faults=[_entry(active) for active in self.backend.faults])

    def fault(self, number: int) -> FaultEntry | None:
        """One of the rules, or None."""
        return next((_entry(active) for active in self.backend.faults if active.number == number), None)

    def run(self, run_id: str) -> RunState | None:
        """A run as it is now, or None for one that was never heard of."""
        tally = self.tally.runs.get(run_id)
        return None if tally is None else self.state_of(run_id, tally)

    def runs(self) -> list[RunState]:
        """All runs as they are now."""
        return [self.state_of(run_id, tally) for run_id, tally in self.tally.runs.items()]

    def state_of(self, run_id: str, tally: RunTally) -> RunState:
        """A run as it is now."""
        now = asyncio.get_running_loop().time()
        run = self.find_run(run_id)
        return RunState(
            run_id=run_id,
            last_accepted_seq=0 if run is None else run.last_accepted_seq,
            complete=run is not None and run.complete,
            requests=tally.requests,
            in_flight=tally.in_flight,
            accepted=tally.accepted,
            duplicates=tally.duplicates,
            faults=tally.faults,
            rate=tally.rate(now),
            idle=max(0.0, now - tally.last_time),
        )

    def _log(self, line: LineReceived, written: bytes) -> None:
        accepted = Accepted(written=written, time=line.time, timestamp=time.time())
        self.run_logs.append(line.run_id, accepted)
        self.workspace_logs.append(self.tally.runs[line.run_id].workspace, accepted)
        self.all_logs.append(ALL_RUNS, accepted)


def _entry(active: ActiveFault) -> FaultEntry:
    return FaultEntry(id=active.number, rule=RuleTable(active.rule), struck=active.struck)
