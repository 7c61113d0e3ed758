"""The event log in memory: resident events, a clock and a lock."""

import logging
import sys
import threading
from typing import Any, Final

from reference.event_log.backend import QueryResult, validated_cursor
from reference.event_log.clock import Clock, LogClock
from reference.event_log.event import Event, validated_copy
from reference.event_log.resident import ResidentEvents

DEFAULT_TTL_SECONDS: Final = 3600.0
DEFAULT_MAX_ENTRIES: Final = 10_000

_logger = logging.getLogger("sendproof.event_log")


class InMemoryEventLog:
    """A bounded log of this process: it holds at most `max_entries` events, none older than `ttl_seconds`.

    Both bounds are kept at every append and at every read, so a log that is only read forgets too. Nothing happens in
    the background: a log that nobody touches keeps what it has. `append` costs amortised constant time besides the copy
    of the payload, and `query` the size of its answer, wherever in the log it begins.

    Safe to call from many threads: each call is atomic, and ids and ages rise together. Not to be called from a
    signal handler or a finaliser (`__del__`), which may interrupt a call of the same thread that holds the lock.

    A bound that makes no sense (not positive, not finite, no number, a bool, a fraction of an entry) falls back to the
    default and says so in the log `sendproof.event_log`: a wrong value must not lose events.

    Args:
        ttl_seconds: how old an event may become, in seconds.
        max_entries: how many events are kept.
        now: wall time for `timestamp`, in seconds since the Unix epoch; `time.time` if None. If injected alone, events
            age by it as well: its moves forward are time that passed, its steps back are no time.
        monotonic: time for the age, in seconds from anywhere. If neither clock is injected it is `time.monotonic`, so
            that no step of the wall clock, in either direction, makes an event leave early or stay late.
    """

    def __init__(
        self,
        ttl_seconds: float = DEFAULT_TTL_SECONDS,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        now: Clock | None = None,
        *,
        monotonic: Clock | None = None,
    ) -> None:
        self._ttl_seconds = _usable_ttl(ttl_seconds)
        self._max_entries = _usable_count(max_entries)
        self._clock = LogClock(now, monotonic)
        self._resident = ResidentEvents()
        self._lock = threading.Lock()

    @property
    def ttl_seconds(self) -> float:
        """How old an event may become, in seconds: what was asked for, or the default where that was no use."""
        return self._ttl_seconds

    @property
    def max_entries(self) -> int:
        """How many events are kept: what was asked for, or the default where that was no use."""
        return self._max_entries

    @property
    def first_id(self) -> int:
        """Id of the oldest resident event; `last_id + 1` if none is resident."""
        return self.read(limit=0).first_id

    @property
    def last_id(self) -> int:
        """Id of the newest event ever appended, resident or not; 0 before the first."""
        with self._lock:
            return self._resident.last_id

    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        """Add an event and return it, its id one above that of the event before.

        Args:
            kind: what happened, in dotted snake_case by custom (`turn.started`).
            payload: what there is to say about it, deep-copied here; None is an empty one.

        Raises:
            InvalidEventError: (a TypeError) `kind` is no string, or `payload` no dict that can be copied. Nothing was
                added, and no id was used.
        """
        owned = validated_copy(kind, payload)
        with self._lock:
            wall, passed = self._clock.wall_and_passed()
            event = Event(id=self._resident.last_id + 1, timestamp=wall, kind=kind, payload=owned)
            self._resident.add(event, born=passed)
            _dropped = self._forget(passed)
        return event

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        """Return the resident events with an id above `since`, oldest first; with a `limit`, the oldest that many.

        Args:
            since: a cursor; any whole number, also of an event that is gone or to come. None returns all.
            limit: the most events to return. 0 returns none (a probe); None or a negative number means no cap.

        Raises:
            InvalidQueryError: (a TypeError) `since` or `limit` is no whole number.
        """
        since, limit = validated_cursor(since, limit)
        with self._lock:
            _dropped = self._forget(self._clock.passed())
            return self._resident.after(since, limit)

    def read(self, since: int | None = None, limit: int | None = None) -> QueryResult:
        """Return what `query` returns, together with the bounds and with how many events this reader `missed`."""
        since, limit = validated_cursor(since, limit)
        with self._lock:
            _dropped = self._forget(self._clock.passed())
            return QueryResult(
                events=tuple(self._resident.after(since, limit)),
                since=since,
                first_id=self._resident.first_id,
                last_id=self._resident.last_id,
            )

    def clear(self) -> None:
        """Forget every event. Ids go on from where they were, and cursors stay good."""
        with self._lock:
            _dropped = self._resident.forget_all()

    def _forget(self, passed: float) -> list[Event]:
        # Each caller keeps what was dropped in a variable that outlives its hold of the lock: the last reference to a
        # payload may run a finaliser, and one that appends to this log would wait for itself.
        return self._resident.forget(born_before=passed - self._ttl_seconds, beyond=self._max_entries)


def _usable_ttl(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= sys.float_info.max:
        return float(value)
    _logger.warning(
        "ttl_seconds is %.80r, which is no positive number of seconds: keeping events for %s seconds",
        value,
        DEFAULT_TTL_SECONDS,
    )
    return DEFAULT_TTL_SECONDS


def _usable_count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    _logger.warning(
        "max_entries is %.80r, which is no positive whole number: keeping %s events", value, DEFAULT_MAX_ENTRIES
    )
    return DEFAULT_MAX_ENTRIES
