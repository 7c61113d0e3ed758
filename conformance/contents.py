"""Events and answers by what is in them: which events are equal, how large one is, how far an answer says it got."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.history import EnqueueCalled
    from fake_backend.records import LineReceived


def without(calls: list[EnqueueCalled], lines: Iterable[LineReceived]) -> list[EnqueueCalled]:
    """The calls that no line accounts for. Of calls with equal events each line accounts for one."""
    there = Counter(content(line.event) for line in lines if line.event is not None)
    left = []
    for call in calls:
        key = content(call.event or {})
        if there[key] > 0:
            there[key] -= 1
        else:
            left.append(call)
    return left


def content(event: dict[str, Any]) -> str:
    """An event in a form that is equal for equal events: keys in one order, and 1.0 the same number as 1.

    True is not 1, and null is not absent.
    """
    return json.dumps(_numbers_alike(event), sort_keys=True, separators=(",", ":"))


def compact_size(event: dict[str, Any]) -> int:
    """The bytes of an event in the most compact JSON that is usual: no spaces, no needless escapes."""
    return len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


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


def read_last(body: str) -> int | None:
    """The `last_accepted_seq` of an answer's body, if it is there beyond doubt."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    last = answer.get("last_accepted_seq") if isinstance(answer, dict) else None
    return last if isinstance(last, int) and not isinstance(last, bool) and last >= 0 else None
