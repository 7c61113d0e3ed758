"""Reads the answer to an attempt: how far the backend got, who wrote it, and how long to wait."""

from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from reference.sender import wire
from reference.sender.types import Answered

if TYPE_CHECKING:
    import aiohttp

    from reference.sender.foreign_text import ForeignText

_MOST_OF_AN_ANSWER = 64 * 1024
_REDIRECTS = range(300, 400)
_SUCCESS = range(200, 300)


async def read_answer(response: aiohttp.ClientResponse, foreign: ForeignText) -> Answered:
    """Read an answer to its end, or as much of it as an answer of this protocol may have."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_OF_AN_ANSWER:
            break
    text = bytes(body[:_MOST_OF_AN_ANSWER])
    last, accepted = wire.read_progress(text)
    return Answered(
        status=response.status,
        last_accepted_seq=last,
        accepted=accepted,
        retry_after=_retry_after(response),
        is_backends_own=wire.read_error(text) is not None,
        detail=_detail(response, text, last, foreign),
    )


def _detail(response: aiohttp.ClientResponse, body: bytes, last: int | None, foreign: ForeignText) -> str:
    if response.status in _REDIRECTS:
        return f"redirect to {foreign.shown(response.headers.get('Location', 'nowhere'))}, which is not followed"
    shown = foreign.shown(_words(response, body))
    if response.status in _SUCCESS:
        return "" if last is not None else f"without a last_accepted_seq: '{shown}'"
    return shown or foreign.shown(response.reason or "")


def _words(response: aiohttp.ClientResponse, body: bytes) -> str | bytes:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        # It was asked for as it is. Whoever compresses it all the same isn't the backend, and may send a bomb.
        return f"a body in the encoding {encoding}"
    words = wire.read_error(body)
    return body if words is None else words


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    # A date is one of the peer's clock, which may be minutes from ours.
    now = _read_date(response.headers.get("Date", ""))
    return read_retry_after(response.headers.get("Retry-After"), now=time.time() if now is None else now)


def read_retry_after(value: str | None, *, now: float) -> float | None:
    """Return the seconds to wait that a `Retry-After` header asks for in either of its forms; None if it is nonsense.

    `now` is when it was written by the clock of who wrote it, in seconds since the Unix epoch.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:20])
    at = _read_date(value)
    return None if at is None else max(at - now, 0.0)


def _read_date(value: str) -> float | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        # The oldest of the three forms names no zone; all are in GMT.
        at = at.replace(tzinfo=UTC)
    return at.timestamp()
