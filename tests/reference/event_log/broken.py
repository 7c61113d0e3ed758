"""Logs that break one promise each, and work otherwise. The contract must see every one of them."""
# ruff: noqa: D101 - the names of the broken ones say what is broken

import time
from collections.abc import Callable
from typing import Any

from reference.event_log import (
    Event,
    InMemoryEventLog,
    InvalidEventError,
    QueryResult,
    validated_copy,
)


class NaiveLog:
    """A log as one would write it first: a list that is scanned. The broken ones are made from it.

    It keeps every promise as long as one thread calls it.
    """

    def __init__(self, *, ttl_seconds: float, max_entries: int, now: Callable[[], float] | None) -> None:
        self.ttl_seconds = ttl_seconds if ttl_seconds > 0 else 3600.0
        self.max_entries = max_entries if max_entries > 0 else 10_000
        self.now = now or time.time
        self.events: list[tuple[float, Event]] = []
        self.id = 0
        self.passed = 0.0
        self.latest = self.now()

    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        """Append under the next id, and forget."""
        event = Event(id=self.next_id(), timestamp=self.now(), kind=kind, payload=self.taken(kind, payload))
        self.forget()
        self.events.append((self.passed, event))
        self.events = self.events[-self.max_entries :]
        return event

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        """Forget, and scan."""
        self.forget()
        found = [event for _, event in self.events if since is None or event.id > since]
        return found if limit is None or limit < 0 else found[:limit]

    def clear(self) -> None:
        """Forget all."""
        self.events = []

    def next_id(self) -> int:
        """Give the next id."""
        self.id += 1
        return self.id

    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        """Copy a payload; give the id back if it is refused."""
        try:
            return validated_copy(kind, payload)
        except InvalidEventError:
            self.id -= 1
            raise

    def forget(self) -> None:
        """Forget what is too old, by the moves forward of the clock."""
        now = self.now()
        self.passed += max(0.0, now - self.latest)
        self.latest = now
        self.events = [(born, event) for born, event in self.events if self.passed - born <= self.ttl_seconds]


class AnswersWithTheId(NaiveLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Any:
        return super().append(kind, payload).id


class ForgetsThePayload(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        super().taken(kind, payload)
        return {}


class WholeTimestamps(NaiveLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        event = super().append(kind, payload)
        return Event(id=event.id, timestamp=int(event.timestamp), kind=kind, payload=event.payload)


class TextIds(NaiveLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        event = super().append(kind, payload)
        return Event(id=str(event.id), timestamp=event.timestamp, kind=kind, payload={})  # type: ignore[arg-type]


class NoneForNoPayload(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        return {"payload": None} if payload is None else super().taken(kind, payload)


class IdsRiseByTwo(NaiveLog):
    def next_id(self) -> int:
        self.id += 1
        return super().next_id()


class TakesEverything(NaiveLog):
    def taken(self, kind: str, payload: Any) -> dict[str, Any]:
        return super().taken(str(kind), payload if isinstance(payload, dict) else {})


class RefusalsUseIds(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        return validated_copy(kind, payload)


class RefusesByValueError(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return super().taken(kind, payload)
        except InvalidEventError as error:
            raise ValueError("garbage") from error


class KeepsTheCallersPayload(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        super().taken(kind, payload)
        return {} if payload is None else payload


class CopiesThePayloadShallowly(NaiveLog):
    def taken(self, kind: str, payload: dict[str, Any] | None) -> dict[str, Any]:
        super().taken(kind, payload)
        return dict(payload or {})


class HandsOutItsOwnList(NaiveLog):
    def __init__(self, *, ttl_seconds: float, max_entries: int, now: Callable[[], float] | None) -> None:
        super().__init__(ttl_seconds=ttl_seconds, max_entries=max_entries, now=now)
        self.answers: dict[tuple[int, int | None, int | None], list[Event]] = {}

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return self.answers.setdefault((self.id, since, limit), super().query(since, limit))


class NewestFirst(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(since, limit)[::-1]


class FindsOtherPayloads(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        found = super().query(since, limit)
        return [
            Event(id=event.id, timestamp=event.timestamp, kind=event.kind, payload=found[0].payload) for event in found
        ]


class SinceInclusive(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(None if since is None else since - 1, limit)


class NegativeSinceIsNone(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return [] if since is not None and since < 0 else super().query(since, limit)


class CursorBeyondGivesAll(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(None if since is not None and since > self.id else since, limit)


class LimitZeroGivesAll(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(since, limit or None)


class NegativeLimitDrops(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(since)[:limit]


class BigLimitGivesNone(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        found = super().query(since, limit)
        return [] if limit is not None and limit > len(found) > 0 and since is None else found


class LimitGivesTheNewest(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        found = super().query(since)
        return found[-limit:] if limit is not None and limit > 0 else super().query(since, limit)


class LimitBeforeSince(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return [event for event in super().query(None, limit) if since is None or event.id > since]


class RepeatsAtTheThirdPage(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return super().query(since - 1 if since and limit == 3 else since, limit)


class NeverEvicts(NaiveLog):
    def __init__(self, *, ttl_seconds: float, max_entries: int, now: Callable[[], float] | None) -> None:
        super().__init__(ttl_seconds=ttl_seconds, max_entries=max(max_entries, 1_000), now=now)


class EvictsTheNewest(NaiveLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        before = self.events
        event = super().append(kind, payload)
        self.events = [*before, (self.passed, event)][: self.max_entries]
        return event


class NumbersByPlace(NaiveLog):
    def next_id(self) -> int:
        self.id = len(self.events) + 1
        return self.id


class LosesItsPlaceAfterEviction(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        found = super().query()[max(0, since or 0) :]
        return found if limit is None or limit < 0 else found[:limit]


class ClearResetsIds(NaiveLog):
    def clear(self) -> None:
        super().clear()
        self.id = 0


class ClearDoesNothing(NaiveLog):
    def clear(self) -> None:
        pass


class ZeroBoundsKeepNothing(NaiveLog):
    def __init__(self, *, ttl_seconds: float, max_entries: int, now: Callable[[], float] | None) -> None:
        super().__init__(ttl_seconds=ttl_seconds, max_entries=max_entries, now=now)
        self.empty = max_entries == 0

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        return [] if self.empty else super().query(since, limit)


class NeverMissesAnything(InMemoryEventLog):
    def read(self, since: int | None = None, limit: int | None = None) -> QueryResult:
        result = super().read(since, limit)
        return QueryResult(events=result.events, since=None, first_id=result.first_id, last_id=result.last_id)


class TimestampsNeverStepBack(NaiveLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        event = super().append(kind, payload)
        self.newest = max(event.timestamp, getattr(self, "newest", 0.0))
        return Event(id=event.id, timestamp=self.newest, kind=kind, payload=event.payload)


class ForgetsTooEarly(NaiveLog):
    def __init__(self, *, ttl_seconds: float, max_entries: int, now: Callable[[], float] | None) -> None:
        super().__init__(ttl_seconds=ttl_seconds / 2, max_entries=max_entries, now=now)


class EvictsOnAppendOnly(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        found = [event for _, event in self.events if since is None or event.id > since]
        return found if limit is None or limit < 0 else found[:limit]


class AgesByTimestamp(NaiveLog):
    def forget(self) -> None:
        self.events = [(born, event) for born, event in self.events if self.now() - event.timestamp <= self.ttl_seconds]


class AgesByDistance(NaiveLog):
    def forget(self) -> None:
        self.events = [
            (born, event) for born, event in self.events if abs(self.now() - event.timestamp) <= self.ttl_seconds
        ]


class RacesForIds(InMemoryEventLog):
    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        following = self.last_id + 1
        time.sleep(0)  # gives up the interpreter, for no time
        event = super().append(kind, payload)
        return Event(id=following, timestamp=event.timestamp, kind=kind, payload=event.payload)


class RaisesOnNegativeCursors(NaiveLog):
    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        if since is not None and since < 0:
            raise KeyError(since)
        return super().query(since, limit)
