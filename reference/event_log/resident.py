"""Holds the resident events so that any of them is found by arithmetic.

Ids rise by one and events leave only from the old end, so the resident events are a run of ids without a hole, and the
place of an id follows from the place of the first. A deque would need a walk to its middle and a ring allocated in
advance would pay for a `max_entries` that is never reached. So: a list with a moving head. What is evicted is
overwritten at once (its memory is free) and the places before the head are cut off when they are more than half, so
that each event pays for the move of at most one other.
"""

from array import array
from bisect import bisect_left
from typing import Final

from reference.event_log.event import Event

_EVICTED: Final = Event(id=0, timestamp=0.0, kind="", payload={})
"""Stands where an evicted event stood, until its place is cut off."""


class ResidentEvents:
    """A run of events with rising ids and with the times they were born. Not thread-safe: its log holds a lock.

    What it forgets it hands back, so that the lock can be released before a payload's finaliser runs.
    """

    __slots__ = ("_births", "_events", "_head", "last_id")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._births = array("d")
        self._head = 0
        self.last_id = 0

    @property
    def first_id(self) -> int:
        """Id of the oldest event here, or of the next one if there is none."""
        return self.last_id + 1 - (len(self._events) - self._head)

    def add(self, event: Event, born: float) -> None:
        """Take the event `last_id + 1`, born no earlier than the one before."""
        self._events.append(event)
        self._births.append(born)
        self.last_id = event.id

    def after(self, since: int | None, limit: int | None) -> list[Event]:
        """Return the oldest `limit` events (None: all) with an id above `since` (None: any)."""
        start = self._head if since is None else self._head + max(0, since + 1 - self.first_id)
        return self._events[start:] if limit is None else self._events[start : start + limit]

    def forget(self, *, born_before: float, beyond: int) -> list[Event]:
        """Drop the events born before a time, and the oldest of those beyond a number; give those dropped."""
        old = bisect_left(self._births, born_before, self._head)
        new_head = max(old, len(self._events) - beyond)
        if new_head <= self._head:
            return []
        dropped = self._events[self._head : new_head]
        self._events[self._head : new_head] = [_EVICTED] * len(dropped)
        self._head = new_head
        if self._head * 2 > len(self._events):
            del self._events[: self._head], self._births[: self._head]
            self._head = 0
        return dropped

    def forget_all(self) -> list[Event]:
        """Drop every event, and give them."""
        dropped, self._events = self._events, []
        self._births = array("d")
        self._head = 0
        return dropped
