"""What a backend keeps of what happens: every record, none, or the last ones.

A `NumberedHistory` may forget the oldest, and can be read while it grows. Each of its records has a number, its id,
from 1 in the order of happening, and belongs to the run that it is about, if it is about one. A reader comes with a
cursor, the id of the last record it has seen, whenever it likes, and is told what was forgotten meanwhile. So a reader
holds nothing up, and no memory grows for it however slow it is.

Its records are kept as they are written, since JSON takes what it weighs: an event of many small values, parsed, takes
up to thirty times as much. Besides, it is as JSON that most of them are read.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from fake_backend.records import (
    AnswerSent,
    BackendCameUp,
    BackendRecord,
    BackendWentDown,
    CompletionReceived,
    LineReceived,
    RequestBroken,
    RequestStarted,
    StateSet,
    decode_record,
    encode_record,
)
from fake_backend.ring import Ring


# A ring holds very many, and what they hold is no part of a cycle: as for records.
class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record under its id, with the run that it is about (None for one about no run).

    `written` is the record as one line of JSON. `ends` is the request that it ended, None where it ended none.
    """

    id: int
    run_id: str | None
    written: bytes
    ends: int | None = None

    @property
    def record(self) -> BackendRecord:
        """The record, read again each time."""
        return decode_record(self.written)


MOST_BYTES: Final = 2**26
"""How many bytes of records a history holds that is bounded."""


class _Entries(Ring[Entry]):
    """Entries with rising ids."""

    __slots__ = ("forgotten", "last_forgotten")

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = 0
        """How many were forgotten."""
        self.last_forgotten = 0
        """The id of the last one that was."""

    def forget_oldest(self) -> Entry:
        oldest = super().forget_oldest()
        self.forgotten += 1
        self.last_forgotten = oldest.id
        return oldest

    def after(self, since: int, limit: int | None) -> list[Entry]:
        return self.items(bisect_right(self._items, since, lo=self._head, key=_id) - self._head, limit)

    def missed(self, since: int) -> int:
        return max(0, min(self.forgotten, self.last_forgotten - since))


class History(Protocol):
    """The records of a backend."""

    def append(self, record: BackendRecord) -> object:
        """Keep a record, as far as records are kept."""
        ...

    def records(self) -> list[BackendRecord]:
        """Give those that are kept."""
        ...

    def events(self, run_id: str) -> Iterable[dict[str, Any]]:
        """Give the events in them that were accepted in a run."""
        ...

    def forgotten(self) -> int:
        """How many records were forgotten since the beginning, or the last reset."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


class NoHistory:
    """Keeps nothing."""

    __slots__ = ()

    def append(self, record: BackendRecord) -> None:
        """Leave a record to itself."""

    def records(self) -> list[BackendRecord]:
        """Give none."""
        return []

    def events(self, run_id: str) -> Iterable[dict[str, Any]]:  # noqa: ARG002 - as in each History
        """Give none."""
        return ()

    def forgotten(self) -> int:
        """Tell of none, since none was ever known."""
        return 0

    def reset(self) -> None:
        """Forget nothing."""


class WholeHistory:
    """Every record, as it is: for tests, which look at them again and again."""

    __slots__ = ("_events", "_records")

    def __init__(self) -> None:
        self._records: list[BackendRecord] = []
        self._events: dict[str, list[dict[str, Any]]] = {}

    def append(self, record: BackendRecord) -> None:
        """Keep a record."""
        self._records.append(record)
        if isinstance(record, LineReceived) and record.decision == "accepted" and record.event is not None:
            self._events.setdefault(record.run_id, []).append(record.event)

    def records(self) -> list[BackendRecord]:
        """Give the records; the list grows as the backend goes on."""
        return self._records

    def events(self, run_id: str) -> Iterable[dict[str, Any]]:
        """Give the events that were accepted in a run."""
        return self._events.get(run_id, ())

    def forgotten(self) -> int:
        """Tell of none."""
        return 0

    def reset(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._events.clear()


class NumberedHistory:
    """The last `keep_last` records (None: all), numbered, and an index of them by run.

    Where it is bounded, its records are together no larger than `MOST_BYTES` (but for the last one).

    A head that names no run that `is_run` knows was turned away, and begins none here. Once the last record of a run is
    forgotten, `on_unheard` is called with the run, and tells whether its index may be forgotten too. `on_entry` may be
    set: it is called with each entry that is kept, and its record.

    Ids rise by one over the whole life of the backend. `reset` forgets everything, uses up an id of its own
    (`began`), and counts anew what was forgotten: a cursor below `began` is one from before.
    """

    __slots__ = (
        "_all",
        "_bytes",
        "_is_run",
        "_keep_last",
        "_on_unheard",
        "_run_of_request",
        "_runs",
        "began",
        "last_id",
        "on_entry",
    )

    def __init__(
        self,
        keep_last: int | None = None,
        *,
        is_run: Callable[[str], bool] = lambda _: True,
        on_unheard: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._keep_last = keep_last
        self._is_run = is_run
        self._on_unheard = on_unheard
        self.on_entry: Callable[[Entry, BackendRecord], object] | None = None
        self.last_id = 0
        self._begin()

    def reset(self) -> None:
        """Forget everything."""
        self.last_id += 1
        self._begin()

    def _begin(self) -> None:
        self.began = self.last_id
        self._all = _Entries()
        self._bytes = 0
        self._runs: dict[str, _Entries] = {}
        self._run_of_request: dict[int, str] = {}

    def __len__(self) -> int:
        """How many records are kept."""
        return len(self._all)

    def append(self, record: BackendRecord) -> Entry:
        """Keep a record, and forget the oldest if that is too much."""
        self.last_id += 1
        ends = record.request if isinstance(record, AnswerSent | RequestBroken) else None
        written = bytes(memoryview(encode_record(record)))  # a copy: what msgspec gives has room to grow behind it
        entry = Entry(self.last_id, self._run_of(record), written, ends)
        self._all.append(entry)
        if entry.run_id is not None:
            run = self._runs.get(entry.run_id)
            if run is None:
                run = self._runs[entry.run_id] = _Entries()
            run.append(entry)
        if self._keep_last is not None:
            self._bytes += len(entry.written)
            while len(self._all) > self._keep_last or (self._bytes > MOST_BYTES and len(self._all) > 1):
                self._forget_oldest()
        if self.on_entry is not None:
            self.on_entry(entry, record)
        return entry

    def records(self) -> list[BackendRecord]:
        """Give the records that are kept at this moment."""
        return [entry.record for entry in self.after(0)]

    def events(self, run_id: str) -> Iterable[dict[str, Any]]:
        """Give the events in them that were accepted in a run."""
        for entry in self.after(0, run_id=run_id):
            record = entry.record
            if isinstance(record, LineReceived) and record.decision == "accepted" and record.event is not None:
                yield record.event

    def after(self, since: int, limit: int | None = None, *, run_id: str | None = None) -> list[Entry]:
        """Give the oldest `limit` entries (None: all) with an id above `since`, of all runs or of one."""
        ring = self._ring(run_id)
        return [] if ring is None else ring.after(since, limit)

    def forgotten(self, run_id: str | None = None) -> int:
        """How many records were forgotten since the beginning, or the last reset."""
        ring = self._ring(run_id)
        return 0 if ring is None else ring.forgotten

    def last_forgotten(self, run_id: str | None = None) -> int:
        """The id of the last record that was forgotten; where none was, that of the reset, or 0."""
        ring = self._ring(run_id)
        return self.began if ring is None else max(self.began, ring.last_forgotten)

    def missed(self, since: int, run_id: str | None = None) -> int:
        """How many records with ids above `since` were forgotten; for one run, this many at the most."""
        ring = self._ring(run_id)
        return 0 if ring is None else ring.missed(since)

    def _ring(self, run_id: str | None) -> _Entries | None:
        return self._all if run_id is None else self._runs.get(run_id)

    def _forget_oldest(self) -> None:
        oldest = self._all.forget_oldest()
        self._bytes -= len(oldest.written)
        if oldest.run_id is not None:
            run = self._runs[oldest.run_id]
            run.forget_oldest()  # the oldest of all is the oldest of its run
            if not len(run) and self._on_unheard(oldest.run_id):
                del self._runs[oldest.run_id]
        if oldest.ends is not None:
            self._run_of_request.pop(oldest.ends, None)

    def _run_of(self, record: BackendRecord) -> str | None:
        match record:
            case LineReceived(run_id=run_id) | CompletionReceived(run_id=run_id) | StateSet(run_id=run_id):
                return run_id
            case RequestStarted(request=number, run_id=run_id):
                if run_id is None or not self._is_run(run_id):
                    return None
                self._run_of_request[number] = run_id
                return run_id
            case BackendWentDown() | BackendCameUp():
                return None
            case _:
                return self._run_of_request.get(record.request)


def _id(entry: Entry) -> int:
    return entry.id
