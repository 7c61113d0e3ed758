"""Serializes an event: once, when it is enqueued, so that nothing the caller does later shows (WIRE-4).

orjson does the work. It is asked again, more slowly, for the two things in which it differs from what the protocol
promises: it writes NaN and infinities as null, which would change the event in silence, and it refuses integers over
64 bits, which JSON can carry.

What it returns is copied before it is kept: orjson writes into a buffer of some kilobytes and hands that out as the
`bytes`, with all its room, which neither `len` nor `sys.getsizeof` shows. A small event would take twenty times its
size for as long as it is held. See https://github.com/home-assistant/core/pull/181245.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from orjson import Fragment, dumps

from reference.sender.errors import UnserializableError

_OPENING_BRACE = ord("{")
_INT64_MIN = -(2**63)
_UINT64_MAX = 2**64 - 1
# What is never written as null unless it is None: most values, and the walk that looks for the others skips them.
_SURELY_FINITE = frozenset({str, int, bool, type(None)})


def encode_event(event: object) -> bytes:
    """Serialize an event to one line of compact UTF-8 JSON.

    What orjson serializes natively (dataclasses, datetimes, UUIDs, enums) is taken too, in its form.

    Raises:
        UnserializableError: It is not a JSON object, or holds something that JSON can't carry.
    """
    try:
        payload = dumps(event)
    except TypeError as error:
        payload = _encode_with_large_integers(event, error)
    if payload[0] != _OPENING_BRACE:
        raise UnserializableError(f"an event must be a JSON object, got {type(event).__name__}")
    # `rfind` costs half of what `in` costs here.
    if payload.rfind(b"null") >= 0:
        _refuse_non_finite(event, "event")
    return b"%b" % payload


def _encode_with_large_integers(event: object, refusal: TypeError) -> bytes:
    if not isinstance(event, dict) or "64-bit" not in str(refusal):
        raise UnserializableError(f"{refusal}") from refusal
    try:
        _refuse_non_finite(event, "event")
        return dumps(_with_large_integers_written(event))
    except UnserializableError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        # A ValueError is an integer too long for Python to write in decimal; a RecursionError, an event in itself.
        raise UnserializableError(f"{error}") from error


def _with_large_integers_written(value: Any) -> Any:
    match value:
        case dict():
            return {key: _with_large_integers_written(each) for key, each in value.items()}
        case list() | tuple():
            return [_with_large_integers_written(each) for each in value]
        case int() if not _INT64_MIN <= value <= _UINT64_MAX:
            # Not `str`, which a subclass may have its own of.
            return Fragment(int.__repr__(value))
        case _:
            return value


def _refuse_non_finite(value: object, path: str) -> None:
    match value:
        case dict():
            for key, each in value.items():
                if type(each) not in _SURELY_FINITE:
                    _refuse_non_finite(each, f"{path}.{key}")
        case list() | tuple():
            for index, each in enumerate(value):
                if type(each) not in _SURELY_FINITE:
                    _refuse_non_finite(each, f"{path}[{index}]")
        case float() if not math.isfinite(value):
            raise UnserializableError(f"{path} is {value}, which JSON can't carry")
        case float() if type(value) is float:
            pass  # the common one, before the questions that take long
        case Enum():
            _refuse_non_finite(value.value, path)
        case _ if is_dataclass(value):
            for name, each in _attributes(value).items():
                _refuse_non_finite(each, f"{path}.{name}")
        case _:
            pass


def _attributes(value: Any) -> dict[str, object]:
    """Return what orjson writes of a dataclass: the fields, whatever else is in its `__dict__`, and nothing private."""
    held = {each.name: getattr(value, each.name, None) for each in fields(value)} | getattr(value, "__dict__", {})
    return {name: each for name, each in held.items() if not name.startswith("_")}
