"""An append-and-query buffer for the events of a long-lived process: bounded, and kind to slow readers.

Examples:
    Code that runs appends; readers come with a cursor, at any time, and get what they haven't seen:

    >>> from reference.event_log import InMemoryEventLog
    >>> log = InMemoryEventLog(ttl_seconds=600, max_entries=2)
    >>> log.append("turn.started", {"turn": 1}).id
    1
    >>> log.append("tool.invoked", {"tool": "search"}).id
    2
    >>> [event.kind for event in log.query(since=1)]
    ['tool.invoked']

    A reader that was too slow is told so, and goes on:

    >>> log.append("turn.ended", {"turn": 1}).id
    3
    >>> result = log.read(since=0)
    >>> result.missed, [event.id for event in result.events], result.cursor
    (1, [2, 3], 3)

    Which log it is can be a matter of configuration, and of no consequence to the code that appends:

    >>> from reference.event_log import ObservabilityConfig
    >>> config = ObservabilityConfig.from_mapping({"event_log": {"backend": "off"}})
    >>> disabled = config.event_log.create()
    >>> disabled.append("turn.started").id, disabled.query()
    (1, [])
    >>> ObservabilityConfig.from_mapping({"event_log": {"ttl": 60}})
    Traceback (most recent call last):
        ...
    reference.event_log.errors.InvalidConfigError: observability.event_log.ttl is no setting \
(did you mean ttl_seconds?); there are backend, max_entries, ttl_seconds

Whoever writes another backend implements `EventLogBackend` with the help of `validated_copy` and `validated_cursor`,
and checks it with `reference.event_log.contract.check_event_log`.
"""

from reference.event_log.backend import EventLog, EventLogBackend, QueryResult, validated_cursor
from reference.event_log.clock import Clock
from reference.event_log.config import EventLogConfig, ObservabilityConfig
from reference.event_log.disabled import DisabledEventLog
from reference.event_log.errors import EventLogError, InvalidConfigError, InvalidEventError, InvalidQueryError
from reference.event_log.event import Event, validated_copy
from reference.event_log.factory import create_event_log
from reference.event_log.memory import DEFAULT_MAX_ENTRIES, DEFAULT_TTL_SECONDS, InMemoryEventLog

__all__ = [
    "DEFAULT_MAX_ENTRIES",
    "DEFAULT_TTL_SECONDS",
    "Clock",
    "DisabledEventLog",
    "Event",
    "EventLog",
    "EventLogBackend",
    "EventLogConfig",
    "EventLogError",
    "InMemoryEventLog",
    "InvalidConfigError",
    "InvalidEventError",
    "InvalidQueryError",
    "ObservabilityConfig",
    "QueryResult",
    "create_event_log",
    "validated_copy",
    "validated_cursor",
]
