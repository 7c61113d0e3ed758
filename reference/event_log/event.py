"""An event, and the check of what may become one.

An event owns its payload: what goes in is copied (`validated_copy`, before the event has its id) and what comes out is
copied (`Event.payload`). So events can be handed to any number of readers without being copied, which is what makes a
query as cheap as a slice, and still no reader can change what another one sees.
"""

import copy
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from reference.event_log.errors import InvalidEventError

_ATOMS: Final = frozenset({bool, bytes, float, int, str, type(None)})
"""The types whose values can't change, so that a dict of them is copied by copying the dict."""


# Not slotted: `slots=True` makes a second class, of which the first one's frozen `__setattr__` knows nothing. It would
# answer `event.payload = ...` with a TypeError about `super`.
@dataclass(frozen=True, kw_only=True, init=False, repr=False)
class Event:
    """Something that happened, as the log keeps it. Immutable, and so safe to share between threads.

    Each reading of `payload` makes a deep copy: what a reader does to it reaches neither the log nor another reader.
    Read it once and keep it where the cost matters. Events are equal when all four of their attributes are.

    Whoever implements a backend builds events: the dict given as `payload` belongs to the event from then on and is
    not copied again, so give it what `validated_copy` returned.

    Args:
        id: rises by one with each event of a log.
        timestamp: wall time of the append, in seconds since the Unix epoch.
        kind: what happened, in dotted snake_case by custom (`turn.started`).
        payload: what there is to say about it.
    """

    id: int
    timestamp: float
    kind: str
    _payload: dict[str, Any] = field(hash=False)

    def __init__(self, *, id: int, timestamp: float, kind: str, payload: dict[str, Any]) -> None:  # noqa: A002 - it is its name
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "timestamp", timestamp)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "_payload", payload)

    @property
    def payload(self) -> dict[str, Any]:
        """A deep copy of what there is to say about the event, the reader's to keep and to change."""
        return _copy(self._payload)

    def to_dict(self) -> dict[str, Any]:
        """Return a fresh plain dict of `id`, `timestamp`, `kind` and `payload`, which shares nothing with the event.

        This is the one place that owns this shape. It is as fit for JSON as the payload is.
        """
        return {"id": self.id, "timestamp": self.timestamp, "kind": self.kind, "payload": self.payload}

    def __repr__(self) -> str:
        return f"Event(id={self.id!r}, timestamp={self.timestamp!r}, kind={self.kind!r}, payload={self._payload!r})"


def validated_copy(kind: object, payload: object) -> dict[str, Any]:
    """Return the deep copy of a payload that an event can own; an empty dict for `None`.

    For backends: call it first in `append` and outside every lock, since copying may run the caller's code
    (`__deepcopy__`) and may take long.

    Raises:
        InvalidEventError: (a TypeError) `kind` is no string, or `payload` is neither None nor a dict, or it holds
            something that can't be deep-copied (a lock, a socket).
    """
    if not isinstance(kind, str):
        raise InvalidEventError(f"the kind of an event must be a string such as 'turn.started', not {_told(kind)}")
    if payload is None:
        return {}
    if not _is_dict(payload):
        raise InvalidEventError(f"the payload of event {kind!r} must be a dict or None, not {_told(payload)}")
    try:
        return _copy(payload)
    except Exception as error:
        raise InvalidEventError(
            f"the payload of event {kind!r} can't be copied ({type(error).__name__}: {error}): "
            "it must hold plain data, such as what JSON can say"
        ) from error


def _copy(payload: dict[str, Any]) -> dict[str, Any]:
    if _ATOMS.issuperset(map(type, payload.values())) and _ATOMS.issuperset(map(type, payload)):
        return dict(payload)
    # dict(), since the copy of a dict's subclass is one too, and would carry its habits (defaultdict) to the readers.
    return dict(copy.deepcopy(payload))


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    # Keys are not looked at: one that is no string is the business of whoever writes JSON.
    return isinstance(value, dict)


def _told(value: object) -> str:
    return f"{value!r:.80} ({type(value).__name__})"
