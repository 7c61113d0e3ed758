"""Events by what is in them: which are equal, and how large one is."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.evidence.history import EnqueueCalled
    from fake_backend.records import LineReceived

Found = TypeVar("Found")

_in_order = msgspec.json.Encoder(order="sorted").encode
_in_any_order = msgspec.json.Encoder().encode
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_compact_in_ascii = json.JSONEncoder(separators=(",", ":")).encode
_LONGEST_FLOAT = 25
_MOST_FOR_A_CHARACTER = _LONGEST_FLOAT
"""Bytes that one character of an event's content may come to: a digit that is all of a float."""
_ESCAPED = 6
_WEB_ASCII, _WEB_BEYOND = "<>&", "\u2028\u2029"
_ESCAPED_BY_SOME = "<>&'/\\"
_WRITTEN_IN_ONE_WAY = frozenset({str, int, bool, type(None)})


def content(event: dict[str, Any]) -> str:
    """An event in a form that is equal for equal events: keys in one order, and 1.0 the same number as 1.

    True is not 1, and null is not absent.
    """
    return _written(event if _is_plain(event) else _numbers_alike(event))


def compact_size(event: dict[str, Any]) -> int:
    """The fewest bytes in which a sender may write an event: no spaces, no escape that JSON doesn't ask for.

    Numbers are counted as short as they can be written, so nothing that is equal to the event is shorter.
    """
    alike = event if _is_plain(event) else _map_floats(event, _shortest)
    try:
        return len(_in_any_order(alike))
    except UnicodeEncodeError:
        return _bytes_of(_compact(alike))  # a lone surrogate, which msgspec can't write


def largest_size(event: dict[str, Any]) -> int:
    """The most bytes in which a sender may write an event: with spaces, and all escaped that any writer escapes."""
    text = json.dumps(_map_floats(event, lambda _: 10 ** (_LONGEST_FLOAT - 1)))
    return len(text) + (_ESCAPED - 1) * sum(map(text.count, _ESCAPED_BY_SOME))


def _is_plain(event: dict[str, Any]) -> bool:
    """Whether an event is flat and without a float, as most are: equal ones are then written alike."""
    return _WRITTEN_IN_ONE_WAY.issuperset(map(type, event.values()))


def _written(value: dict[str, Any]) -> str:
    """A value as text, with keys in one order."""
    try:
        return _in_order(value).decode()
    except UnicodeEncodeError:
        # It holds a lone surrogate, which msgspec can't write; so does what equals it.
        return json.dumps(value, sort_keys=True)


def _bytes_of(text: str) -> int:
    # A lone surrogate is no UTF-8, and can't go out but escaped.
    return len(text) if text.isascii() else len(text.encode(errors="backslashreplace"))


def _sizes_in_styles(event: dict[str, Any]) -> tuple[int, int, int]:
    """The bytes of an event in each of the usual ways to write text.

    These are: as it is; all but ASCII escaped, as Python does; what HTML and JavaScript stumble over, as Go does.
    """
    text = _compact(event)
    raw = _bytes_of(text)
    web_safe = raw + (_ESCAPED - 1) * sum(map(text.count, _WEB_ASCII))
    if text.isascii():
        return raw, raw if "\x7f" not in text else len(_compact_in_ascii(event)), web_safe
    web_safe += (_ESCAPED - len(_WEB_BEYOND[0].encode())) * sum(map(text.count, _WEB_BEYOND))
    return raw, len(_compact_in_ascii(event)), web_safe


def _once_an_event(find: Callable[[dict[str, Any]], Found]) -> Callable[[dict[str, Any] | None], Found]:
    """Make of a function of an event one that is called only once for each; no event at all is like an empty one."""
    remembered: dict[int, Found] = {}
    kept: list[dict[str, Any] | None] = []

    def find_once(event: dict[str, Any] | None) -> Found:
        found = remembered.get(id(event))
        if found is None:
            kept.append(event)
            found = remembered[id(event)] = find(event or {})
        return found

    return find_once


class Payloads:
    """The events of one history by what is in them, each looked at only once: every rule asks for most, and often.

    Events can't be hashed, so each is known by its id. It is kept for as long as what was found about it, so no other
    event has its id; being those of records, none of them changes. What is found here belongs to one history, and goes
    with it.
    """

    def __init__(self) -> None:
        self.content = _once_an_event(content)
        """As `content`, for an event or the lack of one; likewise the others."""
        self.compact_size = _once_an_event(compact_size)
        self.largest_size = _once_an_event(largest_size)
        self.sizes_in_styles = _once_an_event(_sizes_in_styles)
        self.shape = _once_an_event(_shape)

    def surely_fits(self, event: dict[str, Any], room: int) -> bool:
        """Whether an event takes at most `room` bytes, however it is written; cheap, and cautious."""
        return _MOST_FOR_A_CHARACTER * len(self.content(event)) <= room

    def without(self, calls: list[EnqueueCalled], lines: Iterable[LineReceived]) -> list[EnqueueCalled]:
        """Return the calls that no line accounts for. Of calls with equal events each line accounts for one."""
        there = Counter(self.content(line.event) for line in lines if line.event is not None)
        left = []
        for call in calls:
            key = self.content(call.event)
            if there.get(key, 0) > 0:
                there[key] -= 1
            else:
                left.append(call)
        return left


class Handwriting:
    """How the writer of some lines writes, so that the size of a line that it would write can be told.

    What a writer puts around texts and integers it puts there in every event of the same shape, whatever that is; and
    of the ways in which texts are usually written, those count that explain the size of every such line.
    """

    def __init__(self, lines: Iterable[LineReceived], payloads: Payloads) -> None:
        self._payloads = payloads
        around: dict[str, tuple[set[int], set[int], set[int]]] = {}
        for line in lines:
            if line.event is None or line.seq is None:
                continue
            of_styles = around.setdefault(payloads.shape(line.event), (set(), set(), set()))
            for sizes, size in zip(of_styles, payloads.sizes_in_styles(line.event), strict=True):
                sizes.add(line.size - len(str(line.seq)) - size)
        self._around = around

    def sizes_of(self, event: dict[str, Any]) -> tuple[int, int] | None:
        """The least and the most bytes of the line of an event, without its number.

        None where there was no line of its shape, or no usual way explains those that there were.
        """
        known = self._around.get(self._payloads.shape(event), ())
        sizes = [
            size + next(iter(around))
            for around, size in zip(known, self._payloads.sizes_in_styles(event), strict=False)
            if len(around) == 1
        ]
        return (min(sizes), max(sizes)) if sizes else None


def _shape(event: dict[str, Any]) -> str:
    """What an event is made of, but for its texts and integers: equal for those that differ in these alone."""
    return _written(_without_texts(event))


def _without_texts(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_texts(each) for key, each in value.items()}
        case list():
            return [_without_texts(each) for each in value]
        case str():
            return "text"
        case bool() | None | float():
            return [repr(value)]
        case _:
            return 0


def _map_floats(value: Any, change: Callable[[float], int]) -> Any:
    match value:
        case dict():
            return {key: _map_floats(each, change) for key, each in value.items()}
        case list():
            return [_map_floats(each, change) for each in value]
        case float():
            return change(value)
        case _:
            return value


def _shortest(value: float) -> int:
    """An integer of as many digits as a float has that mean something: none is written with fewer bytes."""
    mantissa = repr(abs(value)).partition("e")[0]
    return int(mantissa.replace(".", "").strip("0") or "0")


def _numbers_alike(value: Any) -> Any:
    match value:
        case dict():
            return {key: _numbers_alike(each) for key, each in value.items()}
        case list():
            return [_numbers_alike(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
