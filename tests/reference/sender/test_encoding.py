"""Events become bytes exactly, or are refused by name: nothing is changed in silence."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import json
import math
import tracemalloc
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sender import SenderError, UnserializableError
from reference.sender.encoding import encode_event

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
BIG = st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, -(2**64), 10**200, -(10**200)])
LEAVES = st.none() | st.booleans() | st.integers() | BIG | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)
EVENTS = st.dictionaries(TEXT, VALUES, max_size=5)


def typed(value: Any) -> Any:
    """A value with the types that equality overlooks: 1, 1.0 and True are equal, and so are 0.0 and -0.0."""
    match value:
        case dict():
            return [(key, typed(each)) for key, each in value.items()]
        case list():
            return [typed(each) for each in value]
        case _:
            return (type(value), repr(value))


def refusal(event: object) -> str:
    """What an event is refused with."""
    with pytest.raises(UnserializableError) as caught:
        encode_event(event)
    return str(caught.value)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: dict[str, Any]) -> None:
    """To the type, the sign of zero, the last digit, and the order of the keys (WIRE-4)."""
    assert typed(json.loads(encode_event(event))) == typed(event)


@given(EVENTS)
def test_an_event_is_one_line(event: dict[str, Any]) -> None:
    """Whatever is in its strings, no byte of it ends a line (WIRE-1)."""
    payload = encode_event(event)
    assert b"\n" not in payload
    assert b"\r" not in payload
    assert payload[:1] + payload[-1:] == b"{}"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, b"{}"),
        ({"text": "a\nb\r\nc\td"}, b'{"text":"a\\nb\\r\\nc\\td"}'),
        ({"a\nb": 1}, b'{"a\\nb":1}'),
        ({"text": "żółć 🦀"}, '{"text":"żółć 🦀"}'.encode()),
        ({"text": "\u2028\x00"}, b'{"text":"\xe2\x80\xa8\\u0000"}'),
        ({"b": 1, "a": {"z": None, "y": []}}, b'{"b":1,"a":{"z":null,"y":[]}}'),
        ({"pair": (1, (None, "x"))}, b'{"pair":[1,[null,"x"]]}'),
        ({"n": 2**64}, b'{"n":18446744073709551616}'),
        ({"deep": [{"n": (-(2**70), None)}]}, b'{"deep":[{"n":[-1180591620717411303424,null]}]}'),
        ({"x": 0.1, "y": -0.0, "z": 2.5, "n": None}, b'{"x":0.1,"y":-0.0,"z":2.5,"n":null}'),
    ],
)
def test_the_bytes_are_compact_utf8(event: dict[str, Any], expected: bytes) -> None:
    """Line breaks are escaped, the rest is as short as JSON allows, and large integers are written exactly."""
    assert encode_event(event) == expected


class Colour(enum.Enum):
    """An enum of values that JSON has."""

    RED = "red"
    NONE = None


class Amount(int):
    """An integer that shows itself in another way."""

    def __str__(self) -> str:
        return f"${int(self)}"

    __repr__ = __str__


class Large(enum.IntEnum):
    """An enum of integers over 64 bits."""

    HUGE = 2**70


@dataclasses.dataclass
class Reading:
    """A dataclass with something that isn't serialized."""

    value: object
    _cache: object = math.nan


@dataclasses.dataclass(slots=True)
class SlottedReading:
    """The same with slots."""

    value: object
    _cache: object = math.nan


@dataclasses.dataclass
class Derived:
    """A dataclass that orjson serializes with more than its fields."""

    value: object = None

    @functools.cached_property
    def ratio(self) -> float:
        """Kept among the attributes once it was asked for."""
        return math.inf


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Reading(1), {"value": 1}),
        (Reading(None), {"value": None}),
        (SlottedReading(None), {"value": None}),
        ({"in": [Reading(None)]}, {"in": [{"value": None}]}),
        (Derived(), {"value": None}),
        ({"colour": Colour.RED, "none": Colour.NONE}, {"colour": "red", "none": None}),
        (
            {"at": dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "id": uuid.UUID(int=1)},
            {"at": "2024-01-02T00:00:00+00:00", "id": "00000000-0000-0000-0000-000000000001"},
        ),
        ({"price": Amount(5)}, {"price": 5}),
        ({"price": Amount(2**70)}, {"price": 2**70}),
        ({"large": Large.HUGE}, {"large": 2**70}),
    ],
)
def test_what_orjson_knows_is_taken_in_its_form(event: object, expected: dict[str, Any]) -> None:
    """Dataclasses without what is private, enums by value, dates, and integers however they show themselves."""
    assert json.loads(encode_event(event)) == expected


def with_ratio() -> Derived:
    """One that holds an infinity outside of its fields."""
    event = Derived()
    assert event.ratio == math.inf
    return event


class Infinite(enum.Enum):
    """An enum of what JSON hasn't."""

    UP = math.inf


class NotANumber(float, enum.Enum):
    """The same, as a float."""

    NAN = math.nan


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ({"a": math.nan}, "event.a is nan"),
        ({"a": {"b": [1, {"c": -math.inf}]}}, "event.a.b[1].c is -inf"),
        ({"a": (1, (2, math.inf))}, "event.a[1][1] is inf"),
        ({"n": 2**70, "a": [math.nan]}, "event.a[0] is nan"),
        ({"a": Infinite.UP}, "event.a is inf"),
        ({"a": NotANumber.NAN}, "event.a is"),
        ({"a": Reading(math.nan)}, "event.a.value is nan"),
        ({"a": SlottedReading([math.nan])}, "event.a.value[0] is nan"),
        (Reading(math.inf), "event.value is inf"),
        (with_ratio(), "event.ratio is inf"),
        ({"a": with_ratio()}, "event.a.ratio is inf"),
    ],
)
def test_nan_and_infinities_are_refused_wherever_they_are(event: object, path: str) -> None:
    """JSON has none, and orjson would write null: the event would have changed in silence."""
    message = refusal(event)
    assert message.startswith(path)
    assert message.endswith("which JSON can't carry")


@given(VALUES, st.sampled_from([math.nan, math.inf, -math.inf]), st.lists(st.sampled_from("dlt"), max_size=6))
def test_one_that_is_not_finite_spoils_the_event_at_any_depth(beside: Any, culprit: float, way: list[str]) -> None:
    """Also beside large integers and nulls."""
    value: Any = culprit
    for step in way:
        value = {"d": {"k": value, "o": beside}, "l": [beside, value], "t": (value, beside)}[step]
    assert "which JSON can't carry" in refusal({"beside": beside, "value": value})


@pytest.mark.parametrize("word", ["null", "nan", "NaN", "Infinity"])
def test_the_words_for_what_is_refused_are_ordinary_text(word: str) -> None:
    """A string, or a key, may say null."""
    assert encode_event({word: word}) == f'{{"{word}":"{word}"}}'.encode()


def event_in_itself(**beside: Any) -> dict[str, Any]:
    """An event that contains itself."""
    event: dict[str, Any] = {**beside}
    event["self"] = [event]
    return event


def nested(depth: int, **beside: Any) -> dict[str, Any]:
    """An event of many levels."""
    event: dict[str, Any] = dict(beside)
    for _ in range(depth):
        event = {"in": event}
    return event


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({"a": {1, 2}}, "set"),
        ({"a": b"bytes"}, "bytes"),
        ({"a": object()}, "object"),
        ({"a": 1j}, "complex"),
        ({"n": 2**70, "a": {1, 2}}, "set"),
        ({"n": 2**70, "a": SlottedReading}, "type"),
        ({1: "a"}, "Dict key must be str"),
        ({None: "a"}, "Dict key must be str"),
        ({"n": 2**70, 1: "a"}, "Dict key must be str"),
        ({"a": "\ud800"}, "surrogates"),
        ({"\ud800": "a"}, "surrogates"),
        ({"n": 2**70, "a": "\udfff"}, "surrogates"),
        (event_in_itself(), "Recursion limit"),
        (event_in_itself(n=2**70), "recursion"),
        (nested(300), "Recursion limit"),
        (nested(100_000), "Recursion limit"),
        ({"a": 10**5000}, "integer string conversion"),
        ({"a": Reading(2**70)}, "64-bit"),
        (Reading(2**70), "64-bit"),
    ],
)
def test_what_json_can_not_carry_is_refused_by_name(event: object, what: str) -> None:
    """The message names what it was."""
    assert what.lower() in refusal(event).lower()


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ([], "list"),
        ("text", "str"),
        (1, "int"),
        (None, "NoneType"),
        (1.5, "float"),
        (True, "bool"),
        (Colour.RED, "Colour"),
    ],
)
def test_an_event_is_an_object(event: object, kind: str) -> None:
    """Other JSON is refused, naming the type that came."""
    assert refusal(event) == f"an event must be a JSON object, got {kind}"


def test_a_refusal_is_a_sender_error_with_its_cause() -> None:
    """Whoever catches the root, or ValueError, is served, and the chain says where it came from."""
    with pytest.raises(SenderError) as caught:
        encode_event({"a": {1}})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value.__cause__, TypeError)


def test_what_is_kept_takes_little_more_than_its_bytes() -> None:
    """Orjson hands out its whole buffer, of some kilobytes; held as it is, a small event would take all of that."""
    tracemalloc.start()
    try:
        kept = [encode_event({"n": number}) for number in range(1_000)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(kept) < 200
