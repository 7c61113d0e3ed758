"""The log in memory: ids, cursors, bounds, and what a slow reader learns."""

import logging
import math
import threading
from typing import Any

import pytest

from reference.event_log import (
    DEFAULT_MAX_ENTRIES,
    DEFAULT_TTL_SECONDS,
    EventLog,
    EventLogBackend,
    InMemoryEventLog,
    InvalidEventError,
    InvalidQueryError,
)
from tests.reference.event_log.clocks import HandClock


def _ids(log: EventLogBackend, since: int | None = None, limit: int | None = None) -> list[int]:
    return [event.id for event in log.query(since, limit)]


def _filled(count: int, **settings: Any) -> InMemoryEventLog:
    log = InMemoryEventLog(**settings)
    for number in range(count):
        log.append("test.filled", {"number": number})
    return log


def test_it_is_a_backend_that_tells_its_bounds() -> None:
    """It has the shape of both protocols, to the type checker and at run time."""
    backend: EventLogBackend = InMemoryEventLog()
    log: EventLog = InMemoryEventLog()
    assert isinstance(backend, EventLogBackend)
    assert isinstance(log, EventLog)


def test_the_first_id_is_one() -> None:
    """So that since=0 means from the beginning."""
    assert InMemoryEventLog().append("test.first").id == 1


def test_a_refused_append_changes_nothing() -> None:
    """Bad input is refused before an id is taken."""
    log = _filled(1)
    with pytest.raises(InvalidEventError):
        log.append("test.refused", {"lock": threading.Lock()})
    assert log.append("test.next").id == 2
    assert _ids(log) == [1, 2]


def test_an_append_whose_clock_fails_changes_nothing() -> None:
    """A clock that raises raises to its owner, and the lock is free again."""
    clock = HandClock()
    log = _filled(1, now=clock)
    clock.time = "soon"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="soon"):
        log.append("test.refused")
    clock.time = 1_000.0
    assert log.append("test.next").id == 2


@pytest.mark.parametrize(
    ("since", "limit", "expected"),
    [
        (None, None, [4, 5, 6, 7, 8]),
        (0, None, [4, 5, 6, 7, 8]),
        (-5, None, [4, 5, 6, 7, 8]),
        (2, None, [4, 5, 6, 7, 8]),
        (3, None, [4, 5, 6, 7, 8]),
        (4, None, [5, 6, 7, 8]),
        (7, None, [8]),
        (8, None, []),
        (10**30, None, []),
        (-(10**30), None, [4, 5, 6, 7, 8]),
        (None, 0, []),
        (4, 0, []),
        (None, 2, [4, 5]),
        (5, 2, [6, 7]),
        (7, 2, [8]),
        (5, -1, [6, 7, 8]),
        (None, 10**30, [4, 5, 6, 7, 8]),
        (True, None, [4, 5, 6, 7, 8]),
    ],
)
def test_query_gives_the_oldest_after_the_cursor(since: int | None, limit: int | None, expected: list[int]) -> None:
    """Of the events 4 to 8, those above `since`, oldest first, and no more than `limit`."""
    log = _filled(8, max_entries=5)
    assert _ids(log, since, limit) == expected
    assert [event.id for event in log.read(since, limit).events] == expected


@pytest.mark.parametrize(("since", "limit", "named"), [("5", None, "since"), (5.0, None, "since"), (None, [], "limit")])
def test_a_query_with_something_else_than_numbers_is_refused_by_name(since: Any, limit: Any, named: str) -> None:
    """The message names which of the two is wrong."""
    with pytest.raises(InvalidQueryError, match=f"{named} must be a whole number or None"):
        InMemoryEventLog().query(since, limit)
    with pytest.raises(InvalidQueryError, match=f"{named} must be a whole number or None"):
        InMemoryEventLog().read(since, limit)


def test_the_list_of_a_query_is_the_callers() -> None:
    """What a reader does to its list changes no other answer."""
    log = _filled(3)
    log.query().clear()
    assert _ids(log) == [1, 2, 3]


@pytest.mark.parametrize(
    ("since", "limit", "missed", "cursor"),
    [
        (None, None, 0, 8),
        (None, 2, 0, 5),
        (None, 0, 0, 3),
        (-5, None, 3, 8),
        (0, None, 3, 8),
        (1, None, 2, 8),
        (1, 2, 2, 5),
        (1, 0, 2, 3),
        (3, None, 0, 8),
        (6, 0, 0, 6),
        (8, None, 0, 8),
        (20, None, 0, 20),
    ],
)
def test_a_reader_learns_what_it_missed(since: int | None, limit: int | None, missed: int, cursor: int) -> None:
    """Of the events 1 to 8 the first three are gone: those after `since` are missed, and the cursor is past them."""
    result = _filled(8, max_entries=5).read(since, limit)
    assert (result.since, result.missed, result.cursor) == (since, missed, cursor)
    assert (result.first_id, result.last_id) == (4, 8)


@pytest.mark.parametrize("limit", [1, 2, 3, None])
def test_what_was_missed_is_counted_once(limit: int | None) -> None:
    """A reader that goes on from `cursor` accounts for each event: seen, or missed once."""
    log = InMemoryEventLog(max_entries=4)
    cursor, seen, missed = 0, 0, 0
    for burst in [1, 7, 0, 3, 9, 0, 0, 0, 0, 0]:
        for _ in range(burst):
            log.append("test.burst")
        result = log.read(cursor, limit)
        cursor, seen, missed = result.cursor, seen + len(result.events), missed + result.missed
    assert cursor == log.last_id
    assert seen + missed == log.last_id


def test_an_empty_log_bounds_nothing() -> None:
    """`first_id` is the next id, from the start and after `clear`, whose events are missed by who hadn't seen them."""
    log = InMemoryEventLog()
    assert (log.first_id, log.last_id, log.read().cursor) == (1, 0, 0)
    for _ in range(3):
        log.append("test.cleared")
    log.clear()
    assert (log.first_id, log.last_id) == (4, 3)
    assert (log.read(1).missed, log.read(1).cursor) == (2, 3)


def test_a_cursor_from_another_life_is_told_by_last_id() -> None:
    """Who comes with a cursor beyond the newest id sees it in the answer."""
    result = _filled(2).read(since=50)
    assert result.events == ()
    assert result.last_id < 50


@pytest.mark.parametrize("wrong", [0, -1, -0.5, math.nan, math.inf, -math.inf, 10**400, True, "60", None, [60]])
def test_a_ttl_that_is_no_use_falls_back_and_says_so(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Not positive, not finite, no number: the default, and one warning that shows the value."""
    log = InMemoryEventLog(ttl_seconds=wrong)
    assert log.ttl_seconds == DEFAULT_TTL_SECONDS
    assert [(record.name, record.levelno) for record in caplog.records] == [("sendproof.event_log", logging.WARNING)]
    assert repr(wrong)[:80] in caplog.text


@pytest.mark.parametrize("wrong", [0, -1, 2.5, 10.0, math.nan, math.inf, True, "60", None, [60]])
def test_a_number_of_entries_that_is_no_use_falls_back_and_says_so(
    wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Not positive or no whole number: the default, and one warning that shows the value."""
    log = InMemoryEventLog(max_entries=wrong)
    assert log.max_entries == DEFAULT_MAX_ENTRIES
    assert [(record.name, record.levelno) for record in caplog.records] == [("sendproof.event_log", logging.WARNING)]
    assert repr(wrong) in caplog.text


@pytest.mark.parametrize(("ttl_seconds", "max_entries"), [(0.001, 1), (60, 10), (1e300, 10**30)])
def test_bounds_that_make_sense_are_kept(
    ttl_seconds: float, max_entries: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Small, whole and huge ones are taken without a word."""
    log = _filled(1, ttl_seconds=ttl_seconds, max_entries=max_entries)
    assert (log.ttl_seconds, log.max_entries) == (ttl_seconds, max_entries)
    assert _ids(log) == [1]
    assert caplog.records == []


def test_the_defaults_are_an_hour_and_ten_thousand() -> None:
    """What the documents say."""
    log = InMemoryEventLog()
    assert (log.ttl_seconds, log.max_entries) == (3600, 10_000)


def test_eight_threads_append_and_every_id_is_given_once() -> None:
    """8 x 1000 appends: the ids are 1 to 8000, each thread's rise, and a reader with a cursor sees each once."""
    log = InMemoryEventLog(max_entries=8_000)
    given: list[list[int]] = [[] for _ in range(8)]
    tailed: list[int] = []
    start = threading.Barrier(9)

    def write(ids: list[int]) -> None:
        start.wait()
        ids.extend(log.append("test.thread").id for _ in range(1_000))

    def tail() -> None:
        start.wait()
        while len(tailed) < 8_000:
            tailed.extend(_ids(log, tailed[-1] if tailed else None))

    threads = [*(threading.Thread(target=write, args=(ids,)) for ids in given), threading.Thread(target=tail)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for ids in given for number in ids) == list(range(1, 8_001))
    assert all(ids == sorted(ids) for ids in given)
    assert tailed == list(range(1, 8_001))
