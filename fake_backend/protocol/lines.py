"""From bytes to lines, and from a line to what it says: pure functions and one small buffer, no I/O.

A body arrives in pieces that have nothing to do with its lines. `LineSplitter` gives each line as soon as it is whole
and holds no more than one unfinished line; how the body was cut never changes which lines come out, nor where a limit
bites. `parse_line` reads one line by the rules of the wire protocol ("Requests" and the texts of its 400s).
"""

import json
import math
import re
from contextlib import suppress
from typing import Any, Final, Literal, NoReturn, TypeAlias

import msgspec

COMPLETION_TYPE: Final = "_posthog/stream_complete"

_WHITE_SPACE: Final = b" \t\r"  # of JSON, besides the newline: other languages' is no white space to it

MOST_LEVELS: Final = 500
"""How deep the values of a line may be nested, its own object counted: what any Python can write again."""

BadLineText: TypeAlias = Literal[
    "Invalid UTF-8 in event stream",
    "Invalid JSON line",
    "Each event line must be a JSON object",
    "Event sequence must be a positive integer",
    "Event payload must be an object",
    "Completion final sequence must be a non-negative integer",
]

Overflow: TypeAlias = Literal["line", "request"]


class EventLine(msgspec.Struct, frozen=True, gc=False):
    """An event under its number. `exact` is False where the object holds more than `seq` and `event`."""

    seq: int
    event: dict[str, Any]
    exact: bool


class CompletionLine(msgspec.Struct, frozen=True, gc=False):
    """The writer says that nothing follows `final_seq`."""

    final_seq: int


class BadLine(msgspec.Struct, frozen=True, gc=False):
    """A line that is neither, with the text of its 400. `completion` is True for a completion with a bad number."""

    text: BadLineText
    completion: bool = False


ParsedLine: TypeAlias = EventLine | CompletionLine | BadLine


class LineSplitter:
    """Cuts a body into lines as its bytes arrive, within limits.

    Lines come without their newline; lines of JSON's white space are left out. Memory is bounded by the longest allowed
    line and one piece of the body: a line that grows past `max_line_bytes` (its newline not counted) is refused before
    it is whole. When a limit is passed, `overflow` says which, the lines before that byte have been given, and nothing
    after it ever is.
    """

    __slots__ = ("_max_line_bytes", "_max_request_bytes", "_unfinished", "overflow", "size")

    def __init__(self, *, max_line_bytes: int, max_request_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._max_request_bytes = max_request_bytes
        self._unfinished = bytearray()
        self.size = 0
        self.overflow: Overflow | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes of the body; give the lines that are whole with them."""
        if self.overflow is not None:
            return []
        room = self._max_request_bytes - self.size
        cut = len(piece) > room
        if cut:
            piece = piece[:room]
        self.size += len(piece)
        whole = piece.split(b"\n")
        rest = whole.pop()
        if whole and self._unfinished:
            whole[0] = bytes(self._unfinished) + whole[0]
            self._unfinished.clear()
        self._unfinished += rest
        lines = self._within_limit(whole)
        if self.overflow is None:
            if len(self._unfinished) > self._max_line_bytes:
                self.overflow = "line"
            elif cut:
                self.overflow = "request"
        if self.overflow is not None:
            self._unfinished.clear()
        return lines

    def end(self) -> list[bytes]:
        """Say that the body is over; give its last line, if that had no newline."""
        last = bytes(self._unfinished)
        self._unfinished.clear()
        return self._within_limit([last])

    def _within_limit(self, whole: list[bytes]) -> list[bytes]:
        limit = self._max_line_bytes
        lines = []
        for line in whole:
            if len(line) > limit:
                self.overflow = "line"
                break
            if line.strip(_WHITE_SPACE):
                lines.append(line)
        return lines


def parse_line(line: bytes) -> ParsedLine:
    """Read one line that isn't white space. Never raises: what is wrong with a line is part of what it says."""
    try:
        payload = _decode_json(line)
    except UnicodeDecodeError:
        return BadLine("Invalid UTF-8 in event stream")
    except (ValueError, RecursionError):
        return BadLine("Invalid JSON line")
    if type(payload) is not dict:
        return BadLine("Each event line must be a JSON object")
    if payload.get("type") == COMPLETION_TYPE:
        final_seq = payload.get("final_seq")
        # `type(…) is int`, here and below: a bool is an int to isinstance, and no number to the protocol.
        if type(final_seq) is not int or final_seq < 0:
            return BadLine("Completion final sequence must be a non-negative integer", completion=True)
        return CompletionLine(final_seq)
    seq = payload.get("seq")
    if type(seq) is not int or seq < 1:
        return BadLine("Event sequence must be a positive integer")
    event = payload.get("event")
    if type(event) is not dict:
        return BadLine("Event payload must be an object")
    return EventLine(seq, event, len(payload) == 2)  # noqa: PLR2004 - `seq` and `event`, and nothing besides


def _is_too_deep(line: bytes) -> bool:
    level = 0
    for found in _STRING_OR_BRACKET.finditer(line):
        level += _STEPS.get(found[0], 0)
        if level > MOST_LEVELS:
            return True
    return False


# A string without an end reaches to the end of the line, so that nothing is looked at twice.
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+\\?(?:"|\Z)|[][{}]', flags=re.DOTALL)
_STEPS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_decode_quickly: Final = msgspec.json.Decoder().decode


def _decode_json(line: bytes) -> Any:
    is_too_deep = line.count(b"[") + line.count(b"{") > MOST_LEVELS and _is_too_deep(line)
    if not is_too_deep:
        # msgspec is fast and stricter than JSON: it refuses escaped lone surrogates and integers of many digits,
        # which a backend takes. What it refuses is therefore asked again of the standard library.
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _decode_quickly(line)
    text = line.decode()
    if is_too_deep:
        raise ValueError(f"nested deeper than {MOST_LEVELS} levels")
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is past the range of a float")
    return number
