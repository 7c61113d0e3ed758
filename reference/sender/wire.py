"""The wire format, as the sender writes and reads it. See `docs/protocol.md`."""

from __future__ import annotations

import orjson

LINE_OVERHEAD = len('{"seq":,"event":}')
"""Bytes of an event line besides its number and its event, without the newline."""

EVENT_LINE = b'{"seq":%d,"event":%b}\n'

CONTENT_TYPE = "application/x-ndjson"
COMPLETE_HEADER = "X-PostHog-Event-Stream-Complete"
FINAL_SEQ_HEADER = "X-PostHog-Event-Stream-Final-Seq"


def line_size(seq: int, payload_size: int) -> int:
    """The bytes of an event's line under a number, without the newline."""
    return LINE_OVERHEAD + len(str(seq)) + payload_size


def completion_line(final_seq: int) -> bytes:
    """The control line that completes a run."""
    return b'{"type":"_posthog/stream_complete","final_seq":%d}\n' % final_seq


def completion_headers(final_seq: int) -> dict[str, str]:
    """The older form of completion: these headers on an empty body."""
    return {COMPLETE_HEADER: "true", FINAL_SEQ_HEADER: str(final_seq)}


def read_last_accepted_seq(body: bytes) -> int | None:
    """How far the backend says it got, or None where it doesn't say so beyond doubt (DLV-6).

    Only a JSON object with a `last_accepted_seq` that is an integer, not negative and not a boolean, counts.
    """
    try:
        answer = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    last = answer.get("last_accepted_seq")
    if isinstance(last, int) and not isinstance(last, bool) and last >= 0:
        return last
    return None


def read_error(body: bytes) -> str:
    """The backend's own words in an error answer, or the start of whatever came instead."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace").strip()
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        return str(answer["error"])[:200]
    return body[:200].decode(errors="replace").strip()
