"""The log that keeps nothing is otherwise a log."""

import threading
from typing import Any

import pytest

from reference.event_log import DisabledEventLog, EventLog, InvalidEventError, InvalidQueryError


def test_it_gives_events_with_rising_ids_and_keeps_none() -> None:
    """Callers who pass ids on don't break, and readers find nothing, also after `clear`."""
    log: EventLog = DisabledEventLog()
    assert isinstance(log, EventLog)
    assert [log.append("test.disabled", {"a": 1}).id for _ in range(3)] == [1, 2, 3]
    assert (log.query(), log.query(0, -1)) == ([], [])
    log.clear()
    event = log.append("test.disabled", {"a": 1})
    assert (event.id, event.kind, event.payload) == (4, "test.disabled", {"a": 1})


def test_its_readers_learn_that_they_missed_everything() -> None:
    """Whatever came after the cursor is counted, once."""
    log = DisabledEventLog()
    for _ in range(3):
        log.append("test.disabled")
    assert (log.first_id, log.last_id) == (4, 3)
    result = log.read(since=1)
    assert (result.events, result.missed, result.cursor) == ((), 2, 3)
    assert log.read(result.cursor).missed == 0


@pytest.mark.parametrize(("kind", "payload"), [(7, {}), ("kind", []), ("kind", {"lock": threading.Lock()})])
def test_it_refuses_what_every_log_refuses(kind: Any, payload: Any) -> None:
    """Switching the log on brings no new errors."""
    log = DisabledEventLog()
    with pytest.raises(InvalidEventError):
        log.append(kind, payload)
    assert log.append("test.next").id == 1


def test_it_refuses_a_query_that_every_log_refuses() -> None:
    """A wrong cursor is an error here as well."""
    with pytest.raises(InvalidQueryError, match="since"):
        DisabledEventLog().query("5")  # type: ignore[arg-type]
