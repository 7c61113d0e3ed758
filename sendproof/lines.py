"""Splits bytes into lines, and checks that a line is an event, which is sent exactly as it stands. No I/O.

An event isn't decoded and encoded again: that would round long decimal fractions, and integers over 64 bits. Its line
is checked, and then goes out byte for byte.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from reference.sender.wire import line_size

if TYPE_CHECKING:
    from reference.sender import SenderConfig

MOST_LEVELS: Final = 499
"""How deep an event may be nested. Its line, which wraps it, is 500 levels deep then: more, and a backend in Python is
about to give up, which answers 400 or 500 again and again."""

_BOM = b"\xef\xbb\xbf"
# A string without an end reaches to the end of the line.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', flags=re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SHOWN_DIGITS = 40
_LARGEST_NUMBER = 2**64 - 1
_KINDS: dict[type, str] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


class BadLineError(Exception):
    """A line is no event; the message says why."""


class LineSplitter:
    """Cuts what is read into lines, which come without their newline.

    Memory is bounded: a line of more than `max_line_bytes` comes out cut, but longer than that still, and its rest is
    read past. A byte order mark at the very beginning is left out.
    """

    def __init__(self, *, max_line_bytes: int) -> None:
        self._most = max_line_bytes + len(_BOM) + 1
        self._unfinished = bytearray()
        self._at_beginning = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; give the lines that are whole with them."""
        pieces = chunk.split(b"\n")
        rest = pieces.pop()
        lines = []
        for piece in pieces:
            self._grow(piece)
            lines.append(self._take())
        self._grow(rest)
        return lines

    def end(self) -> list[bytes]:
        """End the input, and return the last line if it had no newline."""
        return [self._take()] if self._unfinished else []

    def _grow(self, piece: bytes) -> None:
        self._unfinished += piece[: self._most - len(self._unfinished)]

    def _take(self) -> bytes:
        line = bytes(self._unfinished)
        self._unfinished.clear()
        if self._at_beginning:
            self._at_beginning = False
            line = line.removeprefix(_BOM)
        return line


def most_event_bytes(config: SenderConfig) -> int:
    """Return how large an event may be, so that its line fits whatever its number: a constant.

    If it depended on the number, an event might be skipped the first time and not the second.
    """
    return config.max_event_bytes - line_size(_LARGEST_NUMBER, 0)


def read_event(line: bytes) -> orjson.Fragment:
    """Read a line that isn't blank as an event, to be sent as it stands.

    Raises:
        BadLineError: It isn't a JSON object in UTF-8, is nested too deeply, or holds a number that no backend can read.
    """
    # Counted in the line, which is what is sent: of a key that is there twice, what is parsed holds one value alone.
    if line.count(b"[") + line.count(b"{") > MOST_LEVELS and (levels := _levels(line)) > MOST_LEVELS:
        raise BadLineError(f"nested {levels:,} levels deep, and an event may have {MOST_LEVELS}")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        # orjson is stricter than JSON: it refuses escaped lone surrogates, and integers past the range of a float.
        value = _read_with_patience(line)
    if not isinstance(value, dict):
        raise BadLineError(f"an event is a JSON object, and this is {_KINDS[type(value)]}")
    # JSON allows a carriage return between its tokens alone, where a space means the same, and some readers of NDJSON
    # would take it for the end of the line.
    return orjson.Fragment(line.strip().replace(b"\r", b" "))


def is_read_by_all(line: bytes) -> bool:
    """Return whether every backend takes an event: what is lawful but rare is refused by parsers that are strict.

    Of what `read_event` takes, these are escaped lone surrogates, and integers past the range of a float.
    """
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _levels(line: bytes) -> int:
    steps = (_STEPS.get(byte, 0) for byte in _STRING.sub(b"", line))
    return max(accumulate(steps), default=0)


def _read_with_patience(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), parse_constant=_refuse_constant, parse_float=_finite_float)
    except UnicodeDecodeError as error:
        raise BadLineError(f"not UTF-8: byte 0x{line[error.start]:02x} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise BadLineError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except ValueError as error:
        # Python's limit for integers, which readers in Python share.
        raise BadLineError("an integer of more digits than can be read") from error


def _refuse_constant(name: str) -> NoReturn:
    raise BadLineError(f"not JSON: {name}, which is no number in JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        shown = digits if len(digits) <= _SHOWN_DIGITS else f"{digits[:_SHOWN_DIGITS]}…"
        raise BadLineError(f"{shown} is past the range of a float")
    return number
