"""The one table of what is served beside the ingest routes: requests are read, and described, by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from fake_backend.control import handlers, live, openapi, page, readback
from fake_backend.control.api import (
    Activity,
    ActivityQuery,
    Events,
    EventsQuery,
    FaultEntry,
    Faults,
    Health,
    HistoryQuery,
    Nothing,
    OfFault,
    OfRun,
    PageFile,
    ReadQuery,
    Records,
    ResetOrder,
    RuleTable,
    RunChange,
    RunEventsQuery,
    RunHistoryQuery,
    Runs,
    RunState,
    RunStreamQuery,
    StreamQuery,
)
from fake_backend.control.call import Call, RefusedError, answer, read_body, read_query
from fake_backend.control.route import Route
from fake_backend.faults.catalogue import Catalogue
from fake_backend.installed import installed_version
from fake_backend.protocol.access import decode_id

if TYPE_CHECKING:
    from aiohttp import web

    from fake_backend.connection import Connection
    from fake_backend.control.state import ControlState

EVENT_STREAM: Final = "text/event-stream"
HTML: Final = "text/html"


async def describe(_state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """Describe all this, as an OpenAPI document."""
    return answer(200, openapi.document(ROUTES, version=installed_version() or "unknown"))


# Without a type of its own, so that each route is checked: what it is asked with is what it does something with.
_TABLE: Final = (
    Route(method="GET", path="/", asked=Nothing, body=Nothing, does=page.show, gives=None, content_type=HTML),
    Route(
        method="GET",
        path="/_fake/page/{name}",
        asked=PageFile,
        body=Nothing,
        does=page.show_file,
        gives=None,
        content_type="*/*",
    ),
    Route(method="GET", path="/_fake/health", asked=Nothing, body=Nothing, does=handlers.health, gives=Health),
    Route(
        method="GET",
        path="/_fake/openapi.json",
        asked=Nothing,
        body=Nothing,
        does=describe,
        gives=dict[str, Any],
    ),
    Route(method="GET", path="/_fake/faults", asked=Nothing, body=Nothing, does=handlers.list_faults, gives=Faults),
    Route(
        method="GET",
        path="/_fake/faults/kinds",
        asked=Nothing,
        body=Nothing,
        does=handlers.list_kinds,
        gives=Catalogue,
    ),
    Route(
        method="POST",
        path="/_fake/faults",
        asked=Nothing,
        body=RuleTable,
        does=handlers.add_fault,
        gives=FaultEntry,
        status=201,
    ),
    Route(
        method="DELETE",
        path="/_fake/faults",
        asked=Nothing,
        body=Nothing,
        does=handlers.clear_faults,
        gives=None,
        status=204,
    ),
    Route(
        method="DELETE",
        path="/_fake/faults/{id}",
        asked=OfFault,
        body=Nothing,
        does=handlers.remove_fault,
        gives=None,
        status=204,
    ),
    Route(method="GET", path="/_fake/runs", asked=Nothing, body=Nothing, does=handlers.list_runs, gives=Runs),
    Route(method="GET", path="/_fake/runs/{run_id}", asked=OfRun, body=Nothing, does=handlers.show_run, gives=RunState),
    Route(
        method="PATCH",
        path="/_fake/runs/{run_id}",
        asked=OfRun,
        body=RunChange,
        does=handlers.change_run,
        gives=RunState,
    ),
    Route(
        method="GET", path="/_fake/events", asked=EventsQuery, body=Nothing, does=handlers.list_events, gives=Activity
    ),
    Route(
        method="GET",
        path="/_fake/runs/{run_id}/events",
        asked=RunEventsQuery,
        body=Nothing,
        does=handlers.list_run_events,
        gives=Events,
    ),
    Route(
        method="GET",
        path="/_fake/runs/{run_id}/history",
        asked=RunHistoryQuery,
        body=Nothing,
        does=handlers.list_run_history,
        gives=Records,
    ),
    Route(
        method="GET",
        path="/_fake/runs/{run_id}/stream",
        asked=RunStreamQuery,
        body=Nothing,
        does=live.stream_run,
        gives=None,
        content_type=EVENT_STREAM,
    ),
    Route(
        method="GET", path="/_fake/history", asked=HistoryQuery, body=Nothing, does=handlers.list_history, gives=Records
    ),
    Route(
        method="GET",
        path="/_fake/stream",
        asked=StreamQuery,
        body=Nothing,
        does=live.stream_all,
        gives=None,
        content_type=EVENT_STREAM,
    ),
    Route(
        method="POST", path="/_fake/reset", asked=Nothing, body=ResetOrder, does=handlers.reset, gives=None, status=204
    ),
    Route(
        method="GET",
        path="/v1/runs/{run_id}/stream",
        asked=ReadQuery,
        body=Nothing,
        does=readback.stream_events,
        gives=None,
        content_type=EVENT_STREAM,
        needs_token=True,
    ),
    Route(
        method="GET",
        path="/workspaces/{workspace_id}/activity",
        asked=ActivityQuery,
        body=Nothing,
        does=readback.list_activity,
        gives=Activity,
        needs_token=True,
    ),
)

ROUTES: Final[tuple[Route[Any, Any], ...]] = _TABLE


async def respond(state: ControlState, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
    """Find the route of a request, read what it asks for, and do it. Raises RefusedError."""
    raw_path = request.rel_url.raw_path
    found = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(raw_path))]
    if not found:
        raise RefusedError(404, f"there is nothing at {unquote(raw_path)!r}; /_fake/openapi.json says what there is")
    # Of the paths that fit, the first in the table counts: `kinds` is no id of a fault.
    methods = {route.method: (route, match) for route, match in found if route.path == found[0][0].path}
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise RefusedError(405, f"the method is {request.method}; it must be {allowed}", {"Allow": allowed})
    route, match = methods[request.method]
    try:
        ids = {name: decode_id(value) for name, value in match.groupdict().items()}
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"the path is {raw_path!r:.300}; the ids in it are UTF-8, percent-encoded") from error
    asked = read_query(request, ids, route.asked)
    body = Nothing() if route.body is Nothing else await read_body(request, connection, route.body)
    return await route.does(state, Call(request=request, connection=connection, asked=asked, body=body))
