"""What is resident is found by position, and what is not is released."""

import gc
import weakref
from typing import Any, Self, SupportsIndex

import pytest

from reference.event_log import Event, InMemoryEventLog
from reference.event_log.resident import ResidentEvents


class _Tracked:
    """Something in a payload whose life can be watched; it is its own copy."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class _CountingList(list[Event]):
    """Counts the places that are handed out, and can't be walked."""

    handed_out = 0

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        self.handed_out += len(found) if isinstance(found, list) else 1
        return found

    def __iter__(self) -> Any:
        pytest.fail("a query walked through the log")


def _tracked_log(count: int, **settings: Any) -> tuple[InMemoryEventLog, list[weakref.ref[_Tracked]]]:
    log = InMemoryEventLog(**settings)
    lives = []
    for _ in range(count):
        tracked = _Tracked()
        lives.append(weakref.ref(tracked))
        log.append("test.tracked", {"tracked": tracked})
        del tracked
    gc.collect()
    return log, lives


@pytest.mark.parametrize(
    ("since", "limit", "cost"), [(9_990, None, 10), (5_000, 10, 10), (None, 10, 10), (10**9, None, 0)]
)
def test_a_query_touches_no_more_than_it_answers(since: int | None, limit: int | None, cost: int) -> None:
    """Of 10,000 events, the last ten, ten of the middle and the first ten cost ten."""
    log = InMemoryEventLog(max_entries=10_000)
    for _ in range(10_000):
        log.append("test.many")
    counting = _CountingList(log._resident._events)
    log._resident._events = counting
    log.query(since, limit)
    assert counting.handed_out == cost


def test_what_is_evicted_by_count_is_released_at_once() -> None:
    """Of ten events in a log of four, six payloads are dead."""
    log, lives = _tracked_log(10, max_entries=4)
    assert [life() is None for life in lives] == [True] * 6 + [False] * 4
    assert log.first_id == 7


def test_what_is_cleared_is_released_at_once() -> None:
    """The log holds no payload after `clear`."""
    log, lives = _tracked_log(10)
    log.clear()
    assert all(life() is None for life in lives)


def test_the_places_of_evicted_events_are_cut_off() -> None:
    """However many come by, there are never more than about two places for each resident event."""
    resident = ResidentEvents()
    for number in range(1, 10_001):
        resident.add(Event(id=number, timestamp=0.0, kind="test", payload={}), born=float(number))
        resident.forget(born_before=0.0, beyond=10)
        assert len(resident._events) == len(resident._births) <= 21
    assert [event.id for event in resident.after(None, None)] == list(range(9_991, 10_001))


def test_a_payloads_finaliser_may_append_to_the_log() -> None:
    """What is evicted dies after the lock is released, so that its end may itself be an event."""
    log = InMemoryEventLog(max_entries=1)

    class Farewell(_Tracked):
        def __del__(self) -> None:
            log.append("test.farewell")

    log.append("test.last", {"farewell": Farewell()})
    log.append("test.next")
    assert [(event.id, event.kind) for event in log.query()] == [(3, "test.farewell")]
    log.append("test.last", {"farewell": Farewell()})
    log.clear()
    assert [(event.id, event.kind) for event in log.query()] == [(5, "test.farewell")]
