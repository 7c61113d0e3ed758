"""The event log that keeps nothing."""

import threading
import time
from typing import Any

from reference.event_log.backend import QueryResult, validated_cursor
from reference.event_log.event import Event, validated_copy


class DisabledEventLog:
    """Keeps nothing, and is otherwise a log like any other: code that appends needs no `if`.

    `append` refuses what every log refuses and returns an event with the next id, so that callers who pass ids on
    don't break; `query` finds nothing. Safe to call from many threads.
    """

    def __init__(self) -> None:
        self._last_id = 0
        self._lock = threading.Lock()

    @property
    def first_id(self) -> int:
        """`last_id + 1`, since nothing is resident."""
        return self.last_id + 1

    @property
    def last_id(self) -> int:
        """Id of the newest event ever appended; 0 before the first."""
        with self._lock:
            return self._last_id

    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        """Return an event with the next id, and forget it.

        Raises:
            InvalidEventError: (a TypeError) `kind` is no string, or `payload` no dict that can be copied.
        """
        owned = validated_copy(kind, payload)
        with self._lock:
            self._last_id += 1
            return Event(id=self._last_id, timestamp=time.time(), kind=kind, payload=owned)

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        """Return an empty list.

        Raises:
            InvalidQueryError: (a TypeError) `since` or `limit` is no whole number.
        """
        validated_cursor(since, limit)
        return []

    def read(self, since: int | None = None, limit: int | None = None) -> QueryResult:
        """Return no events, and the truth about it: whatever was appended after `since` is `missed`."""
        since, _ = validated_cursor(since, limit)
        last_id = self.last_id
        return QueryResult(events=(), since=since, first_id=last_id + 1, last_id=last_id)

    def clear(self) -> None:
        """Do nothing: there is nothing to forget, and ids go on."""
