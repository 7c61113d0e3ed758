"""Reading back what was accepted, from the event logs.

See the page "The wire protocol" of the documentation, "Reading back".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import hdrs, web

from fake_backend.control.api import Activity, ActivityEvent, ActivityPayload, CaughtUp, Ended, Gap, Problem
from fake_backend.control.call import HEADERS, answer, fitting, given
from fake_backend.control.codec import encode
from fake_backend.control.sse import last_event_id, streaming
from fake_backend.control.wakeup import is_open
from fake_backend.protocol import answers
from fake_backend.protocol.answers import phrase

if TYPE_CHECKING:
    from aiohttp_sse import EventSourceResponse

    from fake_backend.connection import Connection
    from fake_backend.control.api import ActivityQuery, Nothing, ReadQuery
    from fake_backend.control.call import Call
    from fake_backend.control.state import ControlState
    from fake_backend.protocol.answers import Answer
    from reference.event_log import Event

KEEPALIVE_SECONDS: Final = 20.0
"""After how many seconds of silence a reader is told that the stream still stands."""

_BATCH: Final = 200

_NEVER: Final = 1e9
"""Seconds between comments; a keepalive is an event here."""


async def list_activity(state: ControlState, call: Call[ActivityQuery, Nothing]) -> web.StreamResponse:
    """List the events that were accepted in a workspace, of all its runs, oldest first."""
    asked = call.asked
    refusal = _refuse(state, call, run_id=None)
    if refusal is not None:
        return _refused(refusal)
    found = state.workspace_logs.read(asked.workspace_id, given(asked.since), asked.limit)
    page = fitting(found.events, size=lambda event: len(event.payload["event"]))
    cursor = found.cursor if len(page) == len(found.events) else page[-1].id
    return answer(200, Activity(events=[activity_event(each) for each in page], missed=found.missed, cursor=cursor))


def activity_event(event: Event) -> ActivityEvent:
    """Write an event out of a log of several runs."""
    payload = event.payload
    accepted = ActivityPayload(run_id=payload["run_id"], seq=payload["seq"], event=msgspec.Raw(payload["event"]))
    return ActivityEvent(id=event.id, timestamp=event.timestamp, kind=event.kind, payload=accepted)


async def stream_events(state: ControlState, call: Call[ReadQuery, Nothing]) -> web.StreamResponse:
    """Stream the events of a run, from the first that is kept, or after Last-Event-ID, until the run is complete.

    Whoever comes again after that is answered 204, by which an `EventSource` knows that it need not come any more.
    """
    run_id = call.asked.run_id
    refusal = _refuse(state, call, run_id=run_id)
    if refusal is None and not state.access.exists(run_id):
        refusal = answers.no_such_run()
    if refusal is not None:
        return _refused(refusal)
    since = last_event_id(call.request)
    if since is not None and _is_at_the_end(state, run_id, since):
        return answer(204)
    if since is None and given(call.asked.start) == "latest":
        since = state.run_logs.read(run_id, limit=0).last_id

    async def write(response: EventSourceResponse) -> None:
        await _Reader(state, response, call.connection, run_id=run_id, since=since).write()

    return await streaming(call, write, comments=_NEVER)


class _Reader:
    """One reader of a run's log."""

    __slots__ = ("_connection", "_now", "_response", "_run_id", "_silent_since", "_since", "_state")

    def __init__(
        self,
        state: ControlState,
        response: EventSourceResponse,
        connection: Connection,
        *,
        run_id: str,
        since: int | None,
    ) -> None:
        self._state = state
        self._response = response
        self._connection = connection
        self._run_id = run_id
        self._since = since
        self._now = asyncio.get_running_loop().time
        self._silent_since = self._now()

    async def write(self) -> None:
        """Write until the run is complete, the connection is gone, or the backend closes."""
        caught_up = False
        while is_open(self._connection):
            if await self._write_events():
                continue
            if not caught_up:
                caught_up = True
                await self._send("caught-up", CaughtUp(last_id=self._since or 0))
            elif _is_complete(self._state, self._run_id):
                # With an id, even where there was no event: who comes again says by it that it has read all.
                await self._send("stream-end", Ended(status="complete"), event_id=str(self._since or 0))
                return
            elif self._state.closing:
                await self._send("error", Problem(error="The backend is shutting down"))
                return
            else:
                await self._wait()

    async def _write_events(self) -> bool:
        found = self._state.run_logs.read(self._run_id, self._since, _BATCH)
        if found.missed:
            await self._send("gap", Gap(missed_from=(self._since or 0) + 1, missed_to=found.first_id - 1))
        self._since = found.cursor
        for event in found.events:
            await self._response.send(event.payload["event"].decode(), id=str(event.id))
            self._silent_since = self._now()
        return bool(found.events)

    async def _wait(self) -> None:
        remaining = self._silent_since + KEEPALIVE_SECONDS - self._now()
        if remaining > 0:
            await self._state.news.wait(self._connection, remaining)
        else:
            await self._send("keepalive", {})

    async def _send(self, event: str, said: object, *, event_id: str | None = None) -> None:
        await self._response.send(encode(said).decode(), event=event, id=event_id)
        self._silent_since = self._now()


def _is_complete(state: ControlState, run_id: str) -> bool:
    run = state.find_run(run_id)
    return run is not None and run.complete


def _is_at_the_end(state: ControlState, run_id: str, since: int) -> bool:
    """Whether a run is complete and a reader that has come to an id has read all, and missed nothing."""
    found = state.run_logs.read(run_id, since, 1)
    return _is_complete(state, run_id) and not found.events and not found.missed


def _refuse(
    state: ControlState, call: Call[ReadQuery | ActivityQuery, Nothing], *, run_id: str | None
) -> Answer | None:
    authorization = call.request.headers.get(hdrs.AUTHORIZATION)
    return state.access.refuse_token(run_id=run_id, authorization=authorization)


def _refused(refusal: Answer) -> web.Response:
    headers = {**HEADERS, hdrs.CONTENT_TYPE: refusal.content_type}
    return web.Response(status=refusal.status, reason=phrase(refusal.status), headers=headers, body=refusal.body)
