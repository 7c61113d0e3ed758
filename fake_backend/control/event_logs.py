"""What was accepted, in event logs: one for each run or workspace, bounded one by one and all together."""

import asyncio
import time
from collections import OrderedDict
from typing import Any, Final

from reference.event_log import InMemoryEventLog, QueryResult

LOG_ENTRIES: Final = 20_000
LOG_SECONDS: Final = 6 * 3600.0
"""What the production system retains of a run."""

_NOTHING: Final = QueryResult(events=(), since=None, first_id=1, last_id=0)


class EventLogs:
    """Logs by name, each begun by what is appended to it first.

    A log holds `LOG_ENTRIES` events of `LOG_SECONDS` at the most. All together hold `most` (None: no such bound):
    beyond that, the log that was appended to the longest ago is cleared. The ids of a log go on in any case, so that
    its readers learn what they missed.
    """

    __slots__ = ("_held", "_logs", "_most", "_most_of_one", "_total")

    def __init__(self, *, most: int | None) -> None:
        self._most = most
        self._most_of_one = LOG_ENTRIES if most is None else min(LOG_ENTRIES, most)
        self._logs: dict[str, InMemoryEventLog] = {}
        # How many events each log holds, those not counted that age took; the log that was appended to last is last.
        self._held: OrderedDict[str, int] = OrderedDict()
        self._total = 0

    def append(self, name: str, kind: str, payload: dict[str, Any]) -> None:
        """Add an event to a log."""
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = InMemoryEventLog(
                LOG_SECONDS, self._most_of_one, time.time, monotonic=asyncio.get_running_loop().time
            )
        log.append(kind, payload)
        if self._most is None:
            return
        held = self._held.pop(name, 0)
        self._held[name] = min(held + 1, self._most_of_one)
        self._total += self._held[name] - held
        while self._total > self._most:
            oldest, count = self._held.popitem(last=False)
            self._logs[oldest].clear()
            self._total -= count

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
        self._held.clear()
        self._total = 0
