"""The events that are measured with: what an agent says of a tool that it called, in exactly 200 bytes of JSON."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_BYTES = 200
_POOL_SIZE = 1_000


def _event(number: int) -> dict[str, Any]:
    event = {
        "type": "tool.finished",
        "turn": number // 10,
        "step": number % 10,
        "at": 1_732_147_200.25 + number,
        "tool": "search",
        "arguments": {"query": "retry with jitter", "limit": 20},
        "ok": True,
        "cached": False,
        "seconds": 0.734,
        "summary": "",
    }
    event["summary"] = "found 20 pages, the best of them tells how"[: EVENT_BYTES - len(orjson.dumps(event))]
    return event


_POOL = [_event(number) for number in range(_POOL_SIZE)]
assert {len(orjson.dumps(event)) for event in _POOL} == {EVENT_BYTES}


def events(count: int) -> Iterator[dict[str, Any]]:
    """Give so many events. They come round again and again: making them is not what is measured."""
    return islice(cycle(_POOL), count)
