"""Answers what is asked beside the ingest routes: the control API, the page, and reading back."""

import re
from collections.abc import Callable, Collection
from typing import Final

from aiohttp import web

from fake_backend.connection import Connection
from fake_backend.control import routes
from fake_backend.control.call import RefusedError, answer_problem
from fake_backend.control.guard import Guard
from fake_backend.control.state import ControlState

_OWN_PATH: Final = re.compile(r"/|/_fake(?:/.*)?|/workspaces/.*|/v1/runs/[^/]+/stream", flags=re.DOTALL)


class ControlServer:
    """The routes of `routes.ROUTES`, and who is answered there.

    `host` and `port` are where the backend listens; `allow_hosts` are the names by which it may be asked besides.
    """

    __slots__ = ("_guard", "_port", "_state")

    def __init__(
        self, state: ControlState, *, host: str, port: Callable[[], int], allow_hosts: Collection[str]
    ) -> None:
        self._state = state
        self._guard = Guard(host=host, allowed=allow_hosts)
        self._port = port

    def is_own(self, request: web.BaseRequest) -> bool:
        """Whether a request is answered here, and not by the ingest routes: by its path, or because a page sends it."""
        return _OWN_PATH.fullmatch(request.rel_url.raw_path) is not None or self._guard.is_of_another_page(
            request, port=self._port()
        )

    async def answer(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        """Answer a request to a path of ours."""
        try:
            self._guard.check(request, port=self._port())
            response = await routes.respond(self._state, request, connection)
        except RefusedError as refused:
            response = answer_problem(refused)
        if not request.content.is_eof():
            # As in `sending.send`: what remains of the body is read for a while, and thrown away.
            response.force_close()
            connection.unread = request.content
        return response
