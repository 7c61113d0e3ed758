"""What happens, as it happens: Server-Sent Events of the history, the runs and the faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from fake_backend.control.api import Gap, Runs
from fake_backend.control.call import given
from fake_backend.control.codec import encode
from fake_backend.control.sse import first_cursor, streaming
from fake_backend.control.wakeup import is_open

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp_sse import EventSourceResponse

    from fake_backend.connection import Connection
    from fake_backend.control.api import Nothing, RunState, RunStreamQuery, StreamQuery
    from fake_backend.control.call import Call
    from fake_backend.control.state import ControlState

STATES_SECONDS: Final = 0.2
"""How long runs and faults may change before that is told again."""

_BATCH: Final = 200
_BATCH_BYTES: Final = 2**16


async def stream_all(state: ControlState, call: Call[StreamQuery, Nothing]) -> web.StreamResponse:
    """Stream records (`record`), changed `runs` and `faults`, what was missed (`gap`) or `skipped`, and a `reset`."""
    return await _stream(state, call, run_id=None)


async def stream_run(state: ControlState, call: Call[RunStreamQuery, Nothing]) -> web.StreamResponse:
    """Stream the same for one run."""
    return await _stream(state, call, run_id=call.asked.run_id)


async def _stream(state: ControlState, call: Call[StreamQuery, Nothing], *, run_id: str | None) -> web.StreamResponse:
    cursor, last = first_cursor(call), given(call.asked.last)

    async def write(response: EventSourceResponse) -> None:
        await _Stream(state, response, call.connection, cursor=cursor, last=last, run_id=run_id).write()

    return await streaming(call, write)


class _Stream:
    """One reader. All that is held for it is how far it has come."""

    __slots__ = (
        "_changes_after",
        "_connection",
        "_cursor",
        "_faults",
        "_moving",
        "_next_states",
        "_now",
        "_response",
        "_run_id",
        "_skips_to",
        "_state",
    )

    def __init__(
        self,
        state: ControlState,
        response: EventSourceResponse,
        connection: Connection,
        *,
        cursor: int | None,
        last: int | None,
        run_id: str | None,
    ) -> None:
        self._state = state
        self._response = response
        self._connection = connection
        self._run_id = run_id
        oldest = state.history.last_forgotten(run_id)
        self._cursor = oldest if cursor is None else cursor
        self._skips_to = None if cursor is not None or last is None else state.history.last_id - last
        self._now = asyncio.get_running_loop().time
        self._next_states = self._now()
        # What was told of runs and faults: up to which record, which runs have a rate (it falls with time), and faults.
        self._changes_after = -1
        self._moving: set[str] = set()
        self._faults = b""

    async def write(self) -> None:
        """Write until the connection is gone, or the backend closes."""
        if self._cursor > self._state.history.last_id:
            self._cursor = -1  # from another life of the backend
        if self._skips_to is not None and self._skips_to > self._cursor:
            skipped = Gap(missed_from=self._cursor + 1, missed_to=self._skips_to)
            self._cursor = self._skips_to
            await self._response.send(encode(skipped).decode(), event="skipped", id=str(self._cursor))
        while is_open(self._connection) and not self._state.closing:
            await self._write_reset()
            if self._now() >= self._next_states:
                await self._write_states()
            if not await self._write_records():
                wait = self._next_states - self._now() if self._owes_states() else None
                if wait is None or wait > 0:
                    await self._state.news.wait(self._connection, wait)

    async def _write_reset(self) -> None:
        began = self._state.history.began
        if self._cursor < began:
            self._cursor = began
            self._changes_after = -1
            await self._response.send("{}", event="reset", id=str(began))

    async def _write_records(self) -> bool:
        history = self._state.history
        last_forgotten = history.last_forgotten(self._run_id)
        if self._cursor < last_forgotten:
            gap = Gap(missed_from=self._cursor + 1, missed_to=last_forgotten)
            self._cursor = last_forgotten
            await self._response.send(encode(gap).decode(), event="gap", id=str(last_forgotten))
        # Many at once: a backend that is looked at would else spend most of its time on one write for each.
        frames = bytearray()
        for entry in history.after(self._cursor, _BATCH, run_id=self._run_id):
            frames += b"event: record\nid: %d\ndata: %b\n\n" % (entry.id, entry.written)
            self._cursor = entry.id
            if len(frames) >= _BATCH_BYTES:
                break
        if frames:
            await self._response.write(bytes(frames))
        return bool(frames)

    def _owes_states(self) -> bool:
        return (
            self._changes_after < self._state.history.last_id
            or bool(self._moving)
            or encode(self._state.faults()) != self._faults
        )

    async def _write_states(self) -> None:
        runs = self._changed_runs()
        first = self._changes_after < 0
        self._changes_after = self._state.history.last_id
        self._moving = {run.run_id for run in runs if run.rate > 0}
        faults = encode(self._state.faults())
        if runs or first:
            self._next_states = self._now() + STATES_SECONDS
            await self._response.send(encode(Runs(runs=runs)).decode(), event="runs")
        if faults != self._faults:
            self._next_states = self._now() + STATES_SECONDS
            self._faults = faults
            await self._response.send(faults.decode(), event="faults")

    def _changed_runs(self) -> list[RunState]:
        tally = self._state.tally
        names = self._moving.union(tally.changed_after(self._changes_after))
        wanted = names if self._run_id is None else names & {self._run_id}
        known = [(name, tally.runs[name]) for name in wanted if name in tally.runs]
        return [self._state.state_of(*each) for each in sorted(known, key=lambda each: each[1].began)]
