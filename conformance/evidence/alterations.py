"""Events that arrive in another form than they were enqueued in, and what they most likely were."""

from __future__ import annotations

import json
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from conformance.evidence.protocol import ACCEPTED

if TYPE_CHECKING:
    from conformance.evidence.exchanges import Run
    from conformance.evidence.history import EnqueueCalled
    from conformance.evidence.index import Index
    from fake_backend.records import LineReceived

_LOOKED_AT = 50
"""Among so many of the oldest calls that are left is looked for what a line stems from."""
_MOST = 60
_BEFORE = 20
"""Letters that are shown before the first that differs."""
_ABSENT = object()


class Alterations:
    """The events of one history that arrived in another form."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lines = cache(self._find_lines)

    def lines(self, run: Run) -> list[tuple[LineReceived, EnqueueCalled | None]]:
        """Return the lines of a run whose event nobody enqueued in this form, each with the call it seems to stem from.

        That is the one which has the most in common with it, among those that never arrived as they were.
        """
        return self._lines(run)

    def accepted(self, run: Run) -> frozenset[tuple[int, int]]:
        """Return the sender and number of each call whose event the backend seems to have accepted in another form."""
        taken = (call for line, call in self._lines(run) if line.decision == ACCEPTED)
        return frozenset((call.sender, call.call) for call in taken if call is not None)

    def _find_lines(self, run: Run) -> list[tuple[LineReceived, EnqueueCalled | None]]:
        content, enqueued = self._index.payloads.content, self._index.enqueued
        known = {key for events in enqueued.values() for key in events}
        strange = [line for line in run.lines if line.event is not None and content(line.event) not in known]
        if not strange:
            return []
        arrived = {content(line.event) for line in run.lines if line.event is not None}
        left = [calls[0] for key, calls in enqueued.get(run.run_id, {}).items() if key not in arrived]
        stems_from: dict[str, EnqueueCalled | None] = {}
        for line in strange:
            key = content(line.event)
            if key not in stems_from:  # it may have been sent again
                likeliest = max(left[:_LOOKED_AT], key=lambda call: _in_common(call.event, line.event), default=None)
                if likeliest is not None:
                    left.remove(likeliest)
                stems_from[key] = likeliest
        return [(line, stems_from[content(line.event)]) for line in strange]


def difference(was: Any, arrived: Any, place: str = "event") -> str:
    """The first place at which two values differ, and what is there in each; empty where they are equal."""
    match was, arrived:
        case dict(), dict():
            for key in [*was, *(each for each in arrived if each not in was)]:
                if told := difference(was.get(key, _ABSENT), arrived.get(key, _ABSENT), f"{place}.{key}"):
                    return told
            return ""
        case list(), list():
            for index, (before, after) in enumerate(zip_longest(was, arrived, fillvalue=_ABSENT)):
                if told := difference(before, after, f"{place}[{index}]"):
                    return told
            return ""
        case _ if _is_alike(was, arrived):
            return ""
        case str(), str():
            differs = (index for index, pair in enumerate(zip(was, arrived, strict=False)) if len({*pair}) > 1)
            skipped = max(next(differs, min(len(was), len(arrived))) - _BEFORE, 0)
            begun = "…" if skipped else ""
            before, after = _short(was[skipped:]), _short(arrived[skipped:])
            return f"at {place} {begun}{before} was enqueued, and {begun}{after} arrived"
        case _:
            return f"at {place} {_short(was)} was enqueued, and {_short(arrived)} arrived"


def _is_alike(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _in_common(was: Any, arrived: Any) -> int:
    match was, arrived:
        case dict(), dict():
            return 1 + sum(_in_common(was[key], arrived[key]) for key in was.keys() & arrived.keys())
        case list(), list():
            return 1 + sum(map(_in_common, was, arrived))
        case _:
            return int(_is_alike(was, arrived))


def _short(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"
