"""The wire format, as the sender writes and reads it.

See the page "The wire protocol" of the documentation.
"""

from __future__ import annotations

from typing import Any

import orjson

LINE_OVERHEAD = len('{"seq":,"event":}')
"""Bytes of an event line besides its number and its event, without the newline."""

EVENT_LINE = b'{"seq":%d,"event":%b}\n'

CONTENT_TYPE = "application/x-ndjson"


def line_size(seq: int, payload_size: int) -> int:
    """Return the bytes of an event's line under a number, without the newline."""
    return LINE_OVERHEAD + len(str(seq)) + payload_size


def completion_line(final_seq: int) -> bytes:
    """Return the control line that completes a run."""
    return b'{"type":"_posthog/stream_complete","final_seq":%d}\n' % final_seq


def read_progress(body: bytes) -> tuple[int | None, int | None]:
    """Read how far the backend says it got, and how many events of the request it accepted.

    Each is None where the body doesn't say it beyond doubt: only in a JSON object, and only an integer that isn't
    negative and not a boolean, counts (DLV-6).

    Returns:
        `last_accepted_seq` and `accepted`.
    """
    answer = _read_object(body)
    return _count(answer.get("last_accepted_seq")), _count(answer.get("accepted"))


def read_error(body: bytes) -> str | None:
    """Return the backend's own words: the string `error` of a JSON object. None if the body isn't of that form."""
    words = _read_object(body).get("error")
    return words if isinstance(words, str) else None


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
