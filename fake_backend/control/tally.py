"""What is known of each run from its records: counts, what is under way, how fast, and when something last happened."""

from collections import OrderedDict, deque
from itertools import takewhile
from typing import Final

from fake_backend.history import Entry
from fake_backend.protocol.access import DEFAULT_WORKSPACE, workspace_of_path
from fake_backend.records import (
    AnswerSent,
    BackendRecord,
    FaultStruck,
    LineReceived,
    RequestBroken,
    RequestStarted,
)

RATE_SECONDS: Final = 5.0
"""Over how many seconds a rate is measured."""

_BUCKETS_A_SECOND: Final = 4


class RunTally:
    """The counts of one run. They cost the same however long it goes on."""

    __slots__ = (
        "_recent",
        "accepted",
        "began",
        "changed",
        "duplicates",
        "faults",
        "in_flight",
        "last_time",
        "requests",
        "workspace",
    )

    def __init__(self, began: int) -> None:
        self.began = began
        """The id of its first record."""
        self.requests = 0
        self.in_flight = 0
        self.accepted = 0
        self.duplicates = 0
        self.faults = 0
        self.last_time = 0.0
        self.changed = began
        """The id of its last record."""
        self.workspace = DEFAULT_WORKSPACE
        """That of the last request that named the run."""
        self._recent: deque[tuple[int, int]] = deque()

    def note(self, entry_id: int, record: BackendRecord) -> None:
        """Count a record of the run."""
        self.changed = entry_id
        self.last_time = record.time
        match record:
            case LineReceived(decision="accepted"):
                self.accepted += 1
                self._count_recent(record.time)
            case LineReceived(decision="duplicate"):
                self.duplicates += 1
            case RequestStarted(path=path):
                self.workspace = workspace_of_path(path)
                self.requests += 1
                self.in_flight += 1
            case AnswerSent() | RequestBroken():
                self.in_flight -= 1
            case FaultStruck():
                self.faults += 1
            case _:
                pass

    def rate(self, now: float) -> float:
        """Events accepted a second over the last `RATE_SECONDS`."""
        self._forget_old(now)
        return sum(count for _, count in self._recent) / RATE_SECONDS

    def _count_recent(self, now: float) -> None:
        bucket = int(now * _BUCKETS_A_SECOND)
        count = self._recent.pop()[1] if self._recent and self._recent[-1][0] == bucket else 0
        self._recent.append((bucket, count + 1))
        self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        oldest = int((now - RATE_SECONDS) * _BUCKETS_A_SECOND)
        while self._recent and self._recent[0][0] <= oldest:
            self._recent.popleft()


class Tally:
    """All runs that a record was about, in the order in which they were first heard of."""

    __slots__ = ("_by_change", "runs")

    def __init__(self) -> None:
        self.runs: dict[str, RunTally] = {}
        self._by_change: OrderedDict[str, RunTally] = OrderedDict()

    def note(self, entry: Entry, record: BackendRecord) -> None:
        """Count a record, if it is about a run."""
        run_id = entry.run_id
        if run_id is not None:
            run = self.runs.get(run_id)
            if run is None:
                run = self.runs[run_id] = self._by_change[run_id] = RunTally(entry.id)
            self._by_change.move_to_end(run_id)
            run.note(entry.id, record)

    def changed_after(self, entry_id: int) -> list[str]:
        """Give the runs that a record with an id above `entry_id` was about, without a look at the others."""
        return list(takewhile(lambda run_id: self.runs[run_id].changed > entry_id, reversed(self._by_change)))

    def forget(self, run_id: str) -> None:
        """Forget a run."""
        self.runs.pop(run_id, None)
        self._by_change.pop(run_id, None)
