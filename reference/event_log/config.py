"""The configuration of the event log, also as it stands in a file.

A file is read strictly (a key that isn't known and a value of the wrong type are errors that name their path), since
somebody is there to fix it. The values themselves are judged where they are used: an unknown backend or a bound that
is not positive falls back, with a warning, when the log is created.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeGuard

from reference.event_log.backend import EventLog
from reference.event_log.errors import InvalidConfigError
from reference.event_log.factory import create_event_log
from reference.event_log.memory import DEFAULT_MAX_ENTRIES, DEFAULT_TTL_SECONDS
from reference.event_log.spelling import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogConfig:
    """Which event log to create, and its bounds.

    Args:
        backend: the name of a backend, as `create_event_log` takes it.
        ttl_seconds: how old an event may become, in seconds.
        max_entries: how many events are kept.
    """

    backend: str = "memory"
    ttl_seconds: float = DEFAULT_TTL_SECONDS
    max_entries: int = DEFAULT_MAX_ENTRIES

    @classmethod
    def from_mapping(cls, mapping: object, *, path: str = "observability.event_log") -> Self:
        """Read the settings from a mapping such as a table of parsed TOML; what isn't there keeps its default.

        Args:
            mapping: the settings by name.
            path: where the mapping stands in its file, for the messages.

        Raises:
            InvalidConfigError: (a ValueError) `mapping` is none, or has an unknown key or a value of the wrong type.
        """
        settings = _settings(mapping, path, known=[setting.name for setting in fields(cls)])
        for key, value in settings.items():
            if not _FITS[key](value):
                raise _wrong(f"{path}.{key}", value, _RIGHT[key])
        return cls(**settings)

    def create(self) -> EventLog:
        """Create the log that is configured, by `create_event_log`."""
        return create_event_log(self.backend, ttl_seconds=self.ttl_seconds, max_entries=self.max_entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilityConfig:
    """What can be seen of a running process from outside; so far its event log.

    Args:
        event_log: which event log to create, and its bounds.
    """

    event_log: EventLogConfig = field(default_factory=EventLogConfig)

    @classmethod
    def from_mapping(cls, mapping: object, *, path: str = "observability") -> Self:
        """Read the settings from a mapping such as a table of parsed TOML; what isn't there keeps its default.

        Args:
            mapping: the settings by name, `event_log` being a mapping again.
            path: where the mapping stands in its file, for the messages.

        Raises:
            InvalidConfigError: (a ValueError) `mapping` is none, or has an unknown key or a value of the wrong type.
        """
        settings = _settings(mapping, path, known=[setting.name for setting in fields(cls)])
        return cls(event_log=EventLogConfig.from_mapping(settings.get("event_log", {}), path=f"{path}.event_log"))


# bool is an int to Python, but `ttl_seconds = true` in a file is a slip.
_FITS = {
    "backend": lambda value: isinstance(value, str),
    "ttl_seconds": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "max_entries": lambda value: isinstance(value, int) and not isinstance(value, bool),
}

_RIGHT = {
    "backend": "the name of a backend in quotes, such as 'memory' or 'off'",
    "ttl_seconds": f"a number of seconds, such as {DEFAULT_TTL_SECONDS}",
    "max_entries": f"a whole number, such as {DEFAULT_MAX_ENTRIES}",
}


def _settings(mapping: object, path: str, known: Iterable[str]) -> dict[str, Any]:
    if not _is_mapping(mapping):
        raise _wrong(path, mapping, "a table (a mapping) of settings")
    known = sorted(known)
    for key in mapping:
        if key not in known:
            hint = did_you_mean(str(key), known, cutoff=0.4)
            raise InvalidConfigError(f"{path}.{key} is no setting{hint}; there are {', '.join(known)}")
    return dict(mapping)


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _wrong(path: str, value: object, right: str) -> InvalidConfigError:
    return InvalidConfigError(f"{path} is {value!r:.80} ({type(value).__name__}): it must be {right}")
