"""The interface of a log: what every backend must offer, and what the backends of this package add."""

import operator
from dataclasses import dataclass
from typing import Any, Protocol, SupportsIndex, runtime_checkable

from reference.event_log.errors import InvalidQueryError
from reference.event_log.event import Event


@runtime_checkable
class EventLogBackend(Protocol):
    """The least that a backend offers; safe to call from many threads.

    `reference.event_log.contract.check_event_log` tells whether a backend keeps what is promised here.
    """

    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        """Add an event and return it, its id one above that of the event before.

        Ids rise over the whole life of the log: neither eviction nor `clear` resets them. The payload is deep-copied.

        Raises:
            TypeError: `kind` is no string, or `payload` no dict that can be copied. Nothing was added, no id was used.
        """
        ...

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        """Return the resident events with an id above `since`, oldest first.

        With a `limit`, the oldest that many: the id of the last one is the next `since`, and who pages so loses none.

        Args:
            since: a cursor; any whole number, also of an event that is gone or to come. None returns all.
            limit: the most events to return. 0 returns none (a probe); None or a negative number means no cap.
        """
        ...

    def clear(self) -> None:
        """Forget every event. Ids go on from where they were, and cursors stay good."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """What a query found, and the bounds of what was resident at that moment.

    Args:
        events: as `query` returns them.
        since: the cursor that was asked with.
        first_id: id of the oldest resident event; `last_id + 1` if none is resident.
        last_id: id of the newest event ever appended; 0 before the first. If it is below `since`, the cursor comes
            from another log (the process was started anew): start over from None.
    """

    events: tuple[Event, ...]
    since: int | None
    first_id: int
    last_id: int

    @property
    def missed(self) -> int:
        """How many events after `since` were gone before this reader came; 0 with `since=None`, which claims nothing.

        What a `limit` left for the next query isn't missed. Reading on from `cursor` counts nothing twice.
        """
        if self.since is None:
            return 0
        return max(0, self.first_id - 1 - max(0, self.since))

    @property
    def cursor(self) -> int:
        """The `since` of the next query: just before the oldest event that this reader can still be given."""
        if self.events:
            return self.events[-1].id
        if self.since is None:
            return self.first_id - 1
        return max(self.since, self.first_id - 1)


@runtime_checkable
class EventLog(EventLogBackend, Protocol):
    """A backend that also tells its readers what they lost: what the backends of this package offer."""

    @property
    def first_id(self) -> int:
        """Id of the oldest resident event; `last_id + 1` if none is resident."""
        ...

    @property
    def last_id(self) -> int:
        """Id of the newest event ever appended, resident or not; 0 before the first."""
        ...

    def read(self, since: int | None = None, limit: int | None = None) -> QueryResult:
        """Return what `query` returns, together with the bounds and with how many events this reader `missed`."""
        ...


def validated_cursor(since: object, limit: object) -> tuple[int | None, int | None]:
    """Return `since` and `limit` as plain ints or None, a negative limit (no cap) as None; for backends.

    Raises:
        InvalidQueryError: (a TypeError) one of them is neither None nor a whole number.
    """
    cap = _whole("limit", limit)
    return _whole("since", since), None if cap is None or cap < 0 else cap


def _whole(name: str, value: object) -> int | None:
    # First what is always asked with: the look at a protocol below costs more than the query.
    if value is None or type(value) is int:
        return value
    if isinstance(value, SupportsIndex):
        return operator.index(value)
    raise InvalidQueryError(f"{name} must be a whole number or None, not {value!r:.80} ({type(value).__name__})")
