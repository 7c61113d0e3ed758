"""Server-Sent Events over the connections of the backend, as aiohttp-sse writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from fake_backend.control.api import LARGEST_NUMBER
from fake_backend.control.call import HEADERS, RefusedError, given
from fake_backend.control.wakeup import is_open

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fake_backend.control.api import Nothing, StreamQuery
    from fake_backend.control.call import Call

LAST_EVENT_ID: Final = "Last-Event-ID"


def last_event_id(request: web.BaseRequest) -> int | None:
    """Give the id after which a reader wants to go on, or None where it names none. Raises RefusedError (400)."""
    said = request.headers.get(LAST_EVENT_ID)
    if said is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= len(str(LARGEST_NUMBER))):
        raise RefusedError(400, f"{LAST_EVENT_ID} is {said!r:.100}; it must be an id that was sent before")
    return int(said)


def first_cursor(call: Call[StreamQuery, Nothing]) -> int | None:
    """Give the id after which a stream begins: what the header says, else the query; None where neither does."""
    resumed = last_event_id(call.request)
    if resumed is not None:
        return resumed
    return given(call.asked.since)


async def streaming(
    call: Call[Any, Any], write: Callable[[EventSourceResponse], Awaitable[None]], *, comments: float = 15.0
) -> web.StreamResponse:
    """Answer with a stream that `write` writes, until that returns or the reader is gone.

    A comment is sent every `comments` seconds, so that proxies and readers see that it still stands.
    """
    if not is_open(call.connection):
        return web.Response()
    response = EventSourceResponse(headers=HEADERS, sep="\n", ping_interval=comments)
    try:
        await response.prepare(call.request)
        async with response:
            await write(response)
    except (ConnectionError, TimeoutError):  # gone, or so slow that nothing was taken from it for very long
        return web.Response()
    # aiohttp would take a response over a lost connection for a cancelled handler.
    return response if is_open(call.connection) else web.Response()
