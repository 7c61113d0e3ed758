"""What each request of the control API does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fake_backend.control.api import (
    AcceptedEvent,
    Activity,
    Events,
    NumberedEvent,
    NumberedRecord,
    Records,
    Runs,
    RunState,
)
from fake_backend.control.call import RefusedError, answer, fitting, given
from fake_backend.control.event_logs import ALL_RUNS
from fake_backend.control.readback import activity_event
from fake_backend.errors import UnknownRunError
from fake_backend.faults.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from fake_backend.control.api import (
        EventsQuery,
        HistoryQuery,
        Nothing,
        OfFault,
        OfRun,
        ResetOrder,
        RuleTable,
        RunChange,
        RunEventsQuery,
        RunHistoryQuery,
    )
    from fake_backend.control.call import Call
    from fake_backend.control.event_logs import EventLogs
    from fake_backend.control.state import ControlState
    from reference.event_log import Event


async def health(state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """Tell that the backend is there, and how much it holds."""
    return answer(200, state.health())


async def list_faults(state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """List the rules of faults, and how many requests each has struck."""
    return answer(200, state.faults())


async def list_kinds(_state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """List the kinds of faults with their keys, and the keys that choose requests, each with an example."""
    return answer(200, catalogue())


async def add_fault(state: ControlState, call: Call[Nothing, RuleTable]) -> web.Response:
    """Add a rule; it may strike from the next request on. `times` has it strike only so many."""
    number = state.backend.add_fault(call.body.rule)
    return answer(201, state.fault(number))


async def remove_fault(state: ControlState, call: Call[OfFault, Nothing]) -> web.Response:
    """Take a rule away; it strikes no more from the next request on."""
    if state.fault(call.asked.id) is None:
        there = ", ".join(str(active.number) for active in state.backend.faults) or "none"
        raise RefusedError(404, f"there is no fault {call.asked.id}; there are: {there}")
    state.backend.remove_fault(call.asked.id)
    return answer(204)


async def clear_faults(state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """Take all rules away."""
    state.backend.clear_faults()
    return answer(204)


async def list_runs(state: ControlState, _: Call[Nothing, Nothing]) -> web.Response:
    """List the runs, in the order in which they were first heard of."""
    return answer(200, Runs(runs=state.runs()))


async def show_run(state: ControlState, call: Call[OfRun, Nothing]) -> web.Response:
    """Tell the state of a run."""
    return answer(200, _run(state, call.asked.run_id))


async def change_run(state: ControlState, call: Call[OfRun, RunChange]) -> web.Response:
    """Change the state of a run, as a restart, another writer or an expiry would; give the new one."""
    change = call.body
    try:
        state.backend.set_run(
            call.asked.run_id,
            last_accepted_seq=given(change.last_accepted_seq),
            complete=given(change.complete),
            why=change.why,
        )
    except UnknownRunError as error:
        raise RefusedError(404, str(error)) from error
    return answer(200, _run(state, call.asked.run_id))


async def list_events(state: ControlState, call: Call[EventsQuery, Nothing]) -> web.Response:
    """List the events of all runs that were accepted, oldest first."""
    page, missed, cursor = _read(state.all_logs, ALL_RUNS, call.asked)
    return answer(200, Activity(events=[activity_event(each) for each in page], missed=missed, cursor=cursor))


async def list_run_events(state: ControlState, call: Call[RunEventsQuery, Nothing]) -> web.Response:
    """List the events of a run that were accepted, oldest first."""
    run_id = call.asked.run_id
    _run(state, run_id)
    page, missed, cursor = _read(state.run_logs, run_id, call.asked)
    events = []
    for event in page:
        payload = event.payload
        accepted = AcceptedEvent(seq=payload["seq"], event=msgspec.Raw(payload["event"]))
        events.append(NumberedEvent(id=event.id, timestamp=event.timestamp, kind=event.kind, payload=accepted))
    return answer(200, Events(events=events, missed=missed, cursor=cursor))


async def list_history(state: ControlState, call: Call[HistoryQuery, Nothing]) -> web.Response:
    """List the records of all that happened, oldest first."""
    return _records(state, call.asked, run_id=None)


async def list_run_history(state: ControlState, call: Call[RunHistoryQuery, Nothing]) -> web.Response:
    """List the records of what happened in a run, oldest first."""
    _run(state, call.asked.run_id)
    return _records(state, call.asked, run_id=call.asked.run_id)


async def reset(state: ControlState, call: Call[Nothing, ResetOrder]) -> web.Response:
    """Forget runs, history and counts, and the faults unless told otherwise."""
    state.backend.reset(faults=call.body.faults)
    return answer(204)


def _records(state: ControlState, asked: HistoryQuery, *, run_id: str | None) -> web.Response:
    since = given(asked.since)
    entries = fitting(
        state.history.after(since or 0, asked.limit, run_id=run_id), size=lambda entry: len(entry.written)
    )
    records = [NumberedRecord(id=entry.id, record=entry.record) for entry in entries]
    missed = 0 if since is None else state.history.missed(since, run_id)
    cursor = entries[-1].id if entries else max(since or 0, state.history.last_forgotten(run_id))
    return answer(200, Records(records=records, missed=missed, cursor=cursor))


def _read(logs: EventLogs, name: str, asked: EventsQuery) -> tuple[Sequence[Event], int, int]:
    """Give the events of an answer from a log, how many the reader missed, and the `since` to go on with."""
    found = logs.read(name, given(asked.since), asked.limit + 1, kind=asked.kind)  # one more, to know if there is more
    page = fitting(found.events[: asked.limit], size=_size_of_event)
    if len(page) == len(found.events):
        return page, found.missed, found.last_id
    return page, found.missed, page[-1].id if page else given(asked.since) or 0


def _size_of_event(event: Event) -> int:
    return len(event.payload["event"])


def _run(state: ControlState, run_id: str) -> RunState:
    run = state.run(run_id)
    if run is None:
        raise RefusedError(404, f"no request has reached a run {run_id!r}")
    return run
