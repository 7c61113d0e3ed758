"""The page at `/`, and the files that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from fake_backend.control.call import HEADERS, RefusedError
from fake_backend.page import page_file

if TYPE_CHECKING:
    from fake_backend.control.api import Nothing, PageFile
    from fake_backend.control.call import Call
    from fake_backend.control.state import ControlState


async def show(_state: ControlState, _call: Call[Nothing, Nothing]) -> web.Response:
    """Show the page."""
    return _file("index.html")


async def show_file(_state: ControlState, call: Call[PageFile, Nothing]) -> web.Response:
    """Give a file that the page is made of."""
    return _file(call.asked.name)


def _file(name: str) -> web.Response:
    found = page_file(name)
    if found is None:
        raise RefusedError(404, f"the page has no file {name!r:.300}")
    body, headers = found
    return web.Response(headers={**HEADERS, **headers}, body=body)
