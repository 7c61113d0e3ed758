"""Creates a log by the name of its backend."""

import logging
from typing import Final

from reference.event_log.backend import EventLog
from reference.event_log.disabled import DisabledEventLog
from reference.event_log.memory import DEFAULT_MAX_ENTRIES, DEFAULT_TTL_SECONDS, InMemoryEventLog
from reference.event_log.spelling import did_you_mean

_MEMORY: Final = "memory"
_DISABLED: Final = ("disabled", "off", "none")

_logger = logging.getLogger("sendproof.event_log")


def create_event_log(
    backend: str = _MEMORY,
    ttl_seconds: float = DEFAULT_TTL_SECONDS,
    max_entries: int = DEFAULT_MAX_ENTRIES,
) -> EventLog:
    """Make the log that a configuration names. Raises nothing: a typo must not stop a boot.

    A name that isn't known gives the log in memory, and a warning in the log `reference.event_log.factory`. (Not one
    by `warnings`, which stops the boot of whoever turns those into errors.)

    Args:
        backend: `memory`, or `disabled`, `off` or `none`; case and surrounding space are ignored.
        ttl_seconds: how old an event may become, in seconds; a value that is no use falls back to the default.
        max_entries: how many events are kept; a value that is no use falls back to the default.
    """
    name = str(backend).strip().lower()
    if name in _DISABLED:
        return DisabledEventLog()
    if name != _MEMORY:
        known = (_MEMORY, *_DISABLED)
        _logger.warning(
            "unknown event log backend %.80r%s: keeping events in memory; known are %s",
            backend,
            did_you_mean(name, known),
            ", ".join(known),
        )
    return InMemoryEventLog(ttl_seconds=ttl_seconds, max_entries=max_entries)
