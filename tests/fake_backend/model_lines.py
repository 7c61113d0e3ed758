"""What one line of a body can be, by the text of the protocol alone: the first half of the model.

Most lines have one reading. Where the protocol is silent, or defers to JSON where JSON itself leaves a choice, a line
has several, and a backend may choose: each place says so.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

INVALID_UTF8: Final = "Invalid UTF-8 in event stream"
INVALID_JSON: Final = "Invalid JSON line"
NOT_AN_OBJECT: Final = "Each event line must be a JSON object"
BAD_SEQ: Final = "Event sequence must be a positive integer"
BAD_EVENT: Final = "Event payload must be an object"
BAD_FINAL_SEQ: Final = "Completion final sequence must be a non-negative integer"

COMPLETION_TYPE: Final = "_posthog/stream_complete"

UNCOMPARED: Final = "an event beyond what readers of JSON promise"
"""Stands for an event that is stored or not, and never compared."""

MAX_DEPTH: Final = 100
"""To how many levels an event may nest, and be sure to be read: JSON lets a reader set limits."""

MAX_DIGITS: Final = 4_000
"""How many digits a number may have, and be sure to be read. Python's own limit, 4,300, is not far."""

_JSON_SPACE: Final = " \t\r\n"
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LONG_NUMBER: Final = re.compile(rf"[0-9]{{{MAX_DIGITS + 1}}}")
_EVENT_IN_OUTLINE: Final = re.compile(
    r'\s*\{\s*"seq"\s*:\s*([1-9][0-9]*)\s*,\s*"event"\s*:\s*\{.*\}\s*\}\s*', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Blank:
    """A line of white space."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event under its number; the event as `canonical` writes it."""

    seq: int
    event: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion."""

    final_seq: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is none of these, and the text of its 400."""

    text: str


Reading = Blank | Event | Completion | Broken


def canonical(event: Any) -> str:
    """Write an event so that two of the same text are the same: 1, 1.0 and true differ, and so do -0.0 and 0."""
    try:
        text = json.dumps(event, sort_keys=True)
    except RecursionError:
        return UNCOMPARED
    except ValueError:  # Python won't write a number of so many digits
        return UNCOMPARED
    return UNCOMPARED if _is_extreme(text) else text


def readings(line: bytes, *, first: bool) -> tuple[Reading, ...]:
    """Give what a line, without its newline, can be; `first` if nothing is before it in its body."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return (Broken(INVALID_UTF8),)
    if not text.strip(_JSON_SPACE):
        return (Blank(),)
    found = _read(text)
    if first and text.startswith(_BYTE_ORDER_MARK):
        # Silent: RFC 8259 lets a reader ignore a byte order mark, or refuse it.
        bare = text.removeprefix(_BYTE_ORDER_MARK).strip(_JSON_SPACE)
        found += _read(bare) if bare else (Blank(),)
    return found


def _read(text: str) -> tuple[Reading, ...]:
    if _is_extreme(text):
        return _read_extreme(text)
    repeated: list[str] = []

    def last_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            repeated.append(text)
        return dict(pairs)

    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=last_wins)
    except ValueError:
        return (Broken(INVALID_JSON),)
    found = _classify(value)
    if repeated:
        # Silent: a key that an object has twice. RFC 8259 calls what a reader makes of it unpredictable.
        found += _classify(json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs))))
    if repeated or not _is_plain(value):
        # Silent: half of a surrogate pair, and a number past the largest float, which the grammar of JSON allows.
        found += (Broken(INVALID_JSON),)
    return found


def _classify(value: Any) -> tuple[Reading, ...]:
    if not isinstance(value, dict):
        return (Broken(NOT_AN_OBJECT),)
    if value.get("type") != COMPLETION_TYPE:
        return _classify_event(value)
    final_seq = value.get("final_seq")
    completion: Reading = Broken(BAD_FINAL_SEQ)
    if type(final_seq) is int and final_seq >= 0:
        completion = Completion(final_seq)
    # Silent: an object that is a completion and an event.
    return (completion, *_classify_event(value)) if value.keys() & {"seq", "event"} else (completion,)


def _classify_event(value: dict[str, Any]) -> tuple[Reading, ...]:
    seq, event = value.get("seq"), value.get("event")
    faults = [Broken(BAD_SEQ)] if type(seq) is not int or seq < 1 else []
    if not isinstance(event, dict):
        faults.append(Broken(BAD_EVENT))
    if faults or type(seq) is not int:
        return tuple(faults)  # silent: which of two faults is named
    return (Event(seq, canonical(event)),)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _is_extreme(text: str) -> bool:
    """Whether a text nests so deeply, or has so long a number, that the protocol can't mean to promise anything."""
    depth = deepest = 0
    for character in _STRING.sub("", text):
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH or _LONG_NUMBER.search(text) is not None


def _read_extreme(text: str) -> tuple[Reading, ...]:
    """Silent: read it as the event it is in outline, or say what is wrong; but answer."""
    refused = tuple(Broken(why) for why in (INVALID_JSON, NOT_AN_OBJECT, BAD_SEQ, BAD_EVENT))
    outline = _EVENT_IN_OUTLINE.fullmatch(text.strip())
    if outline is None or len(outline[1]) > MAX_DIGITS:
        return refused
    return (*refused, Event(int(outline[1]), UNCOMPARED))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
