"""The page at `/`, and the files that it is made of."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from fake_backend.control.call import HEADERS, RefusedError

if TYPE_CHECKING:
    from fake_backend.control.api import Nothing, PageFile
    from fake_backend.control.call import Call
    from fake_backend.control.control import Control

# Nothing from elsewhere, nothing inline, and in nobody's frame.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


async def show(_control: Control, _call: Call[Nothing, Nothing]) -> web.Response:
    """Show the page."""
    return _file("index.html")


async def show_file(_control: Control, call: Call[PageFile, Nothing]) -> web.Response:
    """Give a file that the page is made of."""
    return _file(call.asked.name)


def _file(name: str) -> web.Response:
    # Looked up among those that are there, so that no name leads elsewhere.
    found = next((file for file in files("fake_backend").joinpath("page").iterdir() if file.name == name), None)
    content_type = _TYPES.get(name[name.rfind(".") :])
    if found is None or content_type is None:
        raise RefusedError(404, f"the page has no file {name!r:.300}")
    headers = {**HEADERS, hdrs.CONTENT_TYPE: content_type, "Content-Security-Policy": _POLICY}
    return web.Response(headers=headers, body=found.read_bytes())
