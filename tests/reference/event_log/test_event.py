"""An event is immutable, and owns its payload."""

import collections
import copy
import dataclasses
import json
import pickle
import threading
from typing import Any

import pytest

from reference.event_log import Event, EventLogError, InvalidEventError, validated_copy


def _event(**changes: Any) -> Event:
    return Event(**{"id": 1, "timestamp": 2.5, "kind": "turn.started", "payload": {"a": [1]}, **changes})


@pytest.mark.parametrize("name", ["id", "timestamp", "kind", "payload", "other"])
def test_no_attribute_of_an_event_can_be_set(name: str) -> None:
    """An event is immutable: setting whatever attribute is an AttributeError."""
    with pytest.raises(AttributeError):
        setattr(_event(), name, 3)


def test_an_event_is_a_frozen_dataclass() -> None:
    """The error is the one that every frozen dataclass raises."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        _event().id = 3  # type: ignore[misc]


def test_to_dict_gives_the_four_in_plain_python() -> None:
    """The dict has the four keys, in this order, and goes to JSON."""
    assert (
        json.dumps(_event().to_dict()) == '{"id": 1, "timestamp": 2.5, "kind": "turn.started", "payload": {"a": [1]}}'
    )


def test_what_is_done_to_a_payload_that_was_read_changes_nothing() -> None:
    """Both ways to a payload give a deep copy."""
    event = _event()
    event.payload["a"].append(2)
    event.payload["b"] = 3
    event.to_dict()["payload"]["a"].append(2)
    assert event.payload == {"a": [1]}


@pytest.mark.parametrize("changes", [{"id": 2}, {"timestamp": 3.0}, {"kind": "other"}, {"payload": {}}])
def test_events_are_equal_when_all_four_are(changes: dict[str, Any]) -> None:
    """One difference makes two events."""
    assert _event() == _event()
    assert _event(**changes) != _event()


def test_events_can_be_members_of_a_set() -> None:
    """Equal events have equal hashes, though a payload has none."""
    assert len({_event(), _event(), _event(id=2)}) == 2


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])  # noqa: S301
def test_an_event_survives_copy_and_pickle(through: Any) -> None:
    """What comes back is equal, so events can cross to another process."""
    assert through(_event()) == _event()


def test_the_repr_of_an_event_makes_it_again() -> None:
    """A repr that was pasted from a failing test is a program."""
    assert eval(repr(_event())) == _event()  # noqa: S307 - the claim


@pytest.mark.parametrize(
    "payload",
    [{}, {"a": 1, "b": "x", "c": None, "d": 1.5, "e": True, "f": b"g"}, {"a": {"b": [{"c": [1]}]}}, {1: {2: 3}}],
)
def test_a_payload_is_copied_whole(payload: dict[Any, Any]) -> None:
    """Flat and deep payloads are equal to what was given, and not the same."""
    copied = validated_copy("kind", payload)
    assert copied == payload
    assert copied is not payload


def test_no_payload_is_an_empty_one() -> None:
    """None becomes a fresh empty dict."""
    assert validated_copy("kind", None) == {}


@pytest.mark.parametrize(
    "payload",
    [
        collections.defaultdict(int, a=1),
        collections.Counter(a=1),
        collections.OrderedDict(a=[1]),
        collections.OrderedDict(a=1),
    ],
)
def test_a_payload_of_a_dicts_subclass_becomes_a_plain_dict(payload: dict[str, Any]) -> None:
    """A defaultdict among the events would grow with each reader that asks for a missing key."""
    assert type(validated_copy("kind", payload)) is dict


def test_a_payload_that_contains_itself_is_copied() -> None:
    """A cycle stays a cycle, within the copy."""
    payload: dict[str, Any] = {}
    payload["self"] = payload
    copied = validated_copy("kind", payload)
    assert copied["self"]["self"]["self"] is not payload


@pytest.mark.parametrize("kind", [None, 7, b"turn.started", ["turn.started"]])
def test_a_kind_that_is_no_string_is_refused_by_name(kind: object) -> None:
    """The message names what came, and of which type it was."""
    with pytest.raises(InvalidEventError, match="kind of an event must be a string") as caught:
        validated_copy(kind, {})
    assert repr(kind) in str(caught.value)
    assert type(kind).__name__ in str(caught.value)


@pytest.mark.parametrize("payload", [[], "text", 7, [("a", 1)], frozenset({1})])
def test_a_payload_that_is_no_dict_is_refused_by_name(payload: object) -> None:
    """The message names the event's kind, what came, and of which type it was."""
    with pytest.raises(InvalidEventError, match=r"payload of event 'turn\.started' must be a dict or None") as caught:
        validated_copy("turn.started", payload)
    assert type(payload).__name__ in str(caught.value)


def test_a_payload_that_cannot_be_copied_is_refused_with_the_reason() -> None:
    """A lock in a payload is told as the caller's error, and the error below is its cause."""
    with pytest.raises(InvalidEventError, match=r"payload of event 'turn\.started' can't be copied.*lock") as caught:
        validated_copy("turn.started", {"lock": threading.Lock()})
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_refused_event_is_a_type_error_and_an_error_of_the_log() -> None:
    """Callers can catch either."""
    assert issubclass(InvalidEventError, TypeError)
    assert issubclass(InvalidEventError, EventLogError)
