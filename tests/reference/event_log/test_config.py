"""The configuration, and what a slip in its file is answered with."""

import collections
import tomllib
import types
from typing import Any

import pytest

from reference.event_log import (
    DisabledEventLog,
    EventLogConfig,
    EventLogError,
    InMemoryEventLog,
    InvalidConfigError,
    ObservabilityConfig,
)


def test_the_defaults_are_those_of_the_log() -> None:
    """Memory, an hour, ten thousand."""
    assert ObservabilityConfig() == ObservabilityConfig(
        event_log=EventLogConfig(backend="memory", ttl_seconds=3600, max_entries=10_000)
    )


def test_a_toml_file_gives_a_configuration_that_gives_a_log() -> None:
    """From a file to a log, with what isn't there at its default."""
    parsed = tomllib.loads("[observability.event_log]\nttl_seconds = 60\nmax_entries = 5\n")
    config = ObservabilityConfig.from_mapping(parsed["observability"])
    assert config.event_log == EventLogConfig(ttl_seconds=60, max_entries=5)
    log = config.event_log.create()
    assert isinstance(log, InMemoryEventLog)
    assert (log.ttl_seconds, log.max_entries) == (60, 5)


def test_a_file_can_switch_the_log_off() -> None:
    """The name of the backend reaches the factory."""
    config = ObservabilityConfig.from_mapping({"event_log": {"backend": "Off"}})
    assert isinstance(config.event_log.create(), DisabledEventLog)


@pytest.mark.parametrize("empty", [{}, {"event_log": {}}, types.MappingProxyType({}), collections.OrderedDict()])
def test_what_is_not_there_keeps_its_default(empty: object) -> None:
    """Any mapping will do."""
    assert ObservabilityConfig.from_mapping(empty) == ObservabilityConfig()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (
            {"event_log": {"ttl_seconds": "60"}},
            "observability.event_log.ttl_seconds is '60' (str): it must be a number",
        ),
        (
            {"event_log": {"ttl_seconds": True}},
            "observability.event_log.ttl_seconds is True (bool): it must be a number",
        ),
        ({"event_log": {"ttl_seconds": None}}, "observability.event_log.ttl_seconds is None (NoneType)"),
        ({"event_log": {"max_entries": 2.5}}, "observability.event_log.max_entries is 2.5 (float): it must be a whole"),
        ({"event_log": {"max_entries": False}}, "observability.event_log.max_entries is False (bool)"),
        ({"event_log": {"backend": False}}, "observability.event_log.backend is False (bool): it must be the name"),
        ({"event_log": ["memory"]}, "observability.event_log is ['memory'] (list): it must be a table"),
        ({"event_log": None}, "observability.event_log is None (NoneType): it must be a table"),
        ("event_log", "observability is 'event_log' (str): it must be a table"),
        ({"event_log": {"ttl": 60}}, "observability.event_log.ttl is no setting (did you mean ttl_seconds?)"),
        ({"event_log": {"Backend": "off"}}, "observability.event_log.Backend is no setting (did you mean backend?)"),
        (
            {"event_log": {"xyz": 1}},
            "observability.event_log.xyz is no setting; there are backend, max_entries, ttl_seconds",
        ),
        ({"event_logs": {}}, "observability.event_logs is no setting (did you mean event_log?); there are event_log"),
        ({7: {}}, "observability.7 is no setting; there are event_log"),
    ],
)
def test_a_slip_in_a_file_is_answered_with_its_path(mapping: Any, message: str) -> None:
    """The message names the key's whole path, what stands there, and what would be right."""
    with pytest.raises(InvalidConfigError) as caught:
        ObservabilityConfig.from_mapping(mapping)
    assert str(caught.value).startswith(message)


def test_the_path_can_be_that_of_the_readers_file() -> None:
    """Who keeps the table elsewhere gets messages that say where."""
    with pytest.raises(InvalidConfigError, match=r"^agent\.events\.ttl_seconds is "):
        EventLogConfig.from_mapping({"ttl_seconds": []}, path="agent.events")
    with pytest.raises(InvalidConfigError, match=r"^agent\.event_log\.ttl_seconds is "):
        ObservabilityConfig.from_mapping({"event_log": {"ttl_seconds": []}}, path="agent")


def test_a_wrong_configuration_is_a_value_error_and_an_error_of_the_log() -> None:
    """Callers can catch either."""
    assert issubclass(InvalidConfigError, ValueError)
    assert issubclass(InvalidConfigError, EventLogError)


def test_a_bound_that_is_not_positive_is_left_to_the_log() -> None:
    """It has the right type: the log falls back to its default, as it does for everyone."""
    log = EventLogConfig.from_mapping({"ttl_seconds": -1, "max_entries": 0}).create()
    assert isinstance(log, InMemoryEventLog)
    assert (log.ttl_seconds, log.max_entries) == (3600, 10_000)
