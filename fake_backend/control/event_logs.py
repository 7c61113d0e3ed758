"""What was accepted, in event logs: one for each run or workspace, bounded one by one and all together; one for all."""

import asyncio
import time
from collections import OrderedDict, deque
from typing import Any, Final

from reference.event_log import InMemoryEventLog, QueryResult

LOG_ENTRIES: Final = 20_000
LOG_SECONDS: Final = 6 * 3600.0
"""What the production system retains of a run."""

ALL_RUNS: Final = "all runs"
"""The name of the one log that holds the events of all runs."""

MOST_BYTES: Final = 2**26
"""How many bytes of events all logs of a kind hold, where they are bounded."""

_NOTHING: Final = QueryResult(events=(), since=None, first_id=1, last_id=0)


class EventLogs:
    """Logs by name, each begun by what is appended to it first.

    A log holds `LOG_ENTRIES` events of `LOG_SECONDS` at the most. All together hold `most` events (None: no bound), and
    then no more than `MOST_BYTES`: to make room, the log that was appended to the longest ago is cleared. The ids of a
    log go on in any case, so that its readers learn what they missed.
    """

    __slots__ = ("_bytes", "_count", "_logs", "_most", "_most_of_one", "_sizes")

    def __init__(self, *, most: int | None) -> None:
        self._most = most
        self._most_of_one = LOG_ENTRIES if most is None else min(LOG_ENTRIES, most)
        self._logs: dict[str, InMemoryEventLog] = {}
        # What each log holds, as if age took nothing; the log that was appended to last is last.
        self._sizes: OrderedDict[str, deque[int]] = OrderedDict()
        self._count = 0
        self._bytes = 0

    def append(self, name: str, kind: str, payload: dict[str, Any], *, size: int) -> None:
        """Add an event of so many bytes to a log."""
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = InMemoryEventLog(
                LOG_SECONDS, self._most_of_one, time.time, monotonic=asyncio.get_running_loop().time
            )
        if self._most is not None:
            self._make_room(name, size, self._most)
        log.append(kind, payload)

    def _make_room(self, name: str, size: int, most: int) -> None:
        sizes = self._sizes.pop(name, None) or deque()
        self._sizes[name] = sizes
        if len(sizes) == self._most_of_one:  # its own oldest goes
            self._count -= 1
            self._bytes -= sizes.popleft()
        while self._count and (self._count >= most or self._bytes + size > MOST_BYTES):
            oldest, gone = self._sizes.popitem(last=False)
            self._logs[oldest].clear()
            self._count -= len(gone)
            self._bytes -= sum(gone)
        self._sizes.setdefault(name, deque()).append(size)
        self._count += 1
        self._bytes += size

    def read(self, name: str, since: int | None = None, limit: int | None = None) -> QueryResult:
        """Read a log; one that was never appended to is empty. A cursor from another life of the log starts over."""
        log = self._logs.get(name)
        if log is None:
            return _NOTHING
        found = log.read(since, limit)
        return log.read(None, limit) if since is not None and since > found.last_id else found

    def clear(self) -> None:
        """Clear every log."""
        for log in self._logs.values():
            log.clear()
        self._sizes.clear()
        self._count = 0
        self._bytes = 0
