"""A log by name, and a boot that no typo stops."""

import logging
from typing import Any

import pytest

from reference.event_log import DisabledEventLog, InMemoryEventLog, create_event_log


@pytest.mark.parametrize("name", ["memory", "MEMORY", "  Memory\n"])
def test_memory_is_the_log_in_memory(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Case and surrounding space are ignored, the bounds are passed on, and nothing is warned of."""
    log = create_event_log(name, ttl_seconds=5, max_entries=7)
    assert isinstance(log, InMemoryEventLog)
    assert (log.ttl_seconds, log.max_entries) == (5, 7)
    assert caplog.records == []


def test_memory_is_the_default() -> None:
    """No name is needed."""
    assert isinstance(create_event_log(), InMemoryEventLog)


@pytest.mark.parametrize("name", ["disabled", "off", "none", " OFF ", "None", "Disabled\t"])
def test_three_names_switch_the_log_off(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Case and surrounding space are ignored, and nothing is warned of."""
    assert isinstance(create_event_log(name), DisabledEventLog)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("memroy", "did you mean memory?"),
        ("disable", "did you mean disabled?"),
        ("cassandra", "unknown event log backend 'cassandra': keeping events in memory; known are memory, disabled"),
        ("", "unknown event log backend ''"),
        (7, "unknown event log backend 7"),
    ],
)
def test_an_unknown_name_gives_memory_and_says_so(name: Any, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """One warning in the log (an exception would stop the boot), which names what came and what is known."""
    log = create_event_log(name, max_entries=7)
    assert isinstance(log, InMemoryEventLog)
    assert log.max_entries == 7
    assert [(record.name, record.levelno) for record in caplog.records] == [("sendproof.event_log", logging.WARNING)]
    assert told in caplog.text
