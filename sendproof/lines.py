"""From bytes to lines, and from a line to an event that is sent exactly as it stands: no I/O.

An event isn't decoded and encoded again: that would round long decimal fractions, and integers over 64 bits. Its line
is checked, and then goes out byte for byte.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import orjson

_BOM = b"\xef\xbb\xbf"
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
        """Say that nothing follows; give the last line, if that had no newline."""
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


def read_event(line: bytes) -> orjson.Fragment:
    """Read a line that isn't blank as an event, to be sent as it stands.

    Raises:
        BadLineError: It isn't a JSON object in UTF-8, or holds a number that no backend can read.
    """
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


def _read_with_patience(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), parse_constant=_refuse_constant, parse_float=_finite_float)
    except UnicodeDecodeError as error:
        raise BadLineError(f"not UTF-8: byte 0x{line[error.start]:02x} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise BadLineError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise BadLineError("nested too deeply") from error
    except ValueError as error:
        # Python's limit for integers, which readers in Python share.
        raise BadLineError("an integer of more digits than can be read") from error


def _refuse_constant(name: str) -> NoReturn:
    raise BadLineError(f"not JSON: {name}, which is no number in JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadLineError(f"{digits} is past the range of a float")
    return number
