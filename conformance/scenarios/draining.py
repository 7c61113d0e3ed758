"""Stopping: in peace, in trouble, twice, too late, and when the run is someone else's by now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import (
    a_burst_and_stop,
    a_burst_then_stop_in_the_middle,
    delivered_then_stop,
    on_completion,
    on_data,
)
from fake_backend.faults import Latency, ResetPeer, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conformance.harness.scenario import Stage
    from fake_backend.faults import Phase


async def _stop_while_down(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.delivered()
    await stage.go_down()
    await sender.enqueue(*numbered(6, first=7))
    await sender.stop()
    await stage.come_up()


async def _enqueue_while_stopping(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    stopping = asyncio.ensure_future(sender.stop())
    await stage.pause(0.3)
    await sender.enqueue(*numbered(2, first=7))
    await stopping
    await sender.enqueue(*numbered(2, first=9))


async def _stop_twice_at_the_same_time(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await asyncio.gather(sender.stop(), sender.stop(), _later(stage, sender.stop))
    await sender.stop()


async def _later(stage: Stage, stop: Callable[[], Awaitable[None]]) -> None:
    await stage.pause(0.3)
    await stop()


async def _never_sent(stage: Stage) -> None:
    sender = await stage.open()
    await stage.pause(0.2)
    await sender.stop()


async def _another_writer_moved_on(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    stage.backend.set_run(sender.run_id, last_accepted_seq=8, why="another writer wrote 6 to 8")
    await sender.stop()


async def _the_backend_forgot(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    stage.backend.set_run(sender.run_id, last_accepted_seq=3, why="the backend lost its newest state")
    await sender.stop()


async def _complete_from_the_start(stage: Stage) -> None:
    sender = await stage.open()
    stage.backend.set_run(sender.run_id, last_accepted_seq=7, complete=True, why="the run was completed before")
    await sender.enqueue(*numbered(5))
    await stage.pause(3.0)
    await sender.stop()


async def _completed_by_someone_else(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    stage.backend.set_run(sender.run_id, complete=True, why="someone else completed the run")
    await sender.enqueue(*numbered(5, first=6))
    await stage.pause(3.0)
    await sender.stop()


async def _redirected_completion(stage: Stage) -> None:
    location = {"Location": f"{stage.elsewhere.url}/v1/runs/run-1/ingest"}
    stage.backend.add_fault(on_completion(Status(status=307, headers=location), 1))
    await delivered_then_stop(stage)


async def _handoff(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(9))
    await sender.stop(complete=False)


_DEADLINE = {"stop_timeout": 3.0}

_DURING: dict[str, Phase] = {"the-upload": "before-accept", "the-answer": "after-accept"}

SCENARIOS = (
    Scenario(
        name="stopped-right-after-a-burst",
        rules=("DRN-1", "DRN-2", "DRN-4", "DRN-5", "DLV-1"),
        story="Twelve events in windows of five, and stop at once.",
        script=a_burst_and_stop,
        settings={"max_window_events": 5},
    ),
    Scenario(
        name="stopped-while-a-window-streams",
        rules=("DRN-1", "DRN-2", "DRN-3", "DRN-5"),
        story="Stop comes while a window is open that could stay so for twenty seconds.",
        script=a_burst_then_stop_in_the_middle,
        settings={"window_age": 20.0, "stop_timeout": 5.0},
    ),
    *(
        Scenario(
            name=f"stopped-during-{name}",
            rules=("DRN-1", "DRN-2", "DRN-4"),
            story=f"Stop comes while the first window waits in {name.replace('-', ' ')}.",
            script=a_burst_and_stop,
            settings={"max_window_events": 5},
            faults=(on_data(Latency(seconds=1.0, phase=phase), 1),),
        )
        for name, phase in _DURING.items()
    ),
    Scenario(
        name="stopped-while-answers-are-lost",
        rules=("DRN-1", "DRN-2", "DRN-4", "DLV-2"),
        story="The answers to the first and the last window of the drain are lost after they were taken.",
        script=a_burst_and_stop,
        settings={"max_window_events": 6},
        faults=(on_data(ResetPeer(phase="after-accept"), 1), on_data(ResetPeer(phase="after-accept"), 2)),
    ),
    Scenario(
        name="stopped-while-the-backend-is-down",
        rules=("DRN-3", "DRN-4", "DRN-5", "DLV-1"),
        story="The backend is gone for the whole drain, and comes back right after it.",
        script=_stop_while_down,
        settings=_DEADLINE,
    ),
    Scenario(
        name="events-that-come-too-late",
        rules=("DRN-6", "DRN-1"),
        story="Events are enqueued while stop drains, and after it has returned.",
        script=_enqueue_while_stopping,
        faults=(on_data(Latency(seconds=1.0), 1),),
    ),
    Scenario(
        name="stopped-four-times",
        rules=("DRN-7", "DRN-1"),
        story="Stop is called twice at once, once in the middle of the drain, and once after it.",
        script=_stop_twice_at_the_same_time,
        faults=(on_data(Latency(seconds=1.0), 1),),
    ),
    Scenario(
        name="a-sender-that-never-sent",
        rules=("DRN-8",),
        story="Nothing is enqueued, and the run is fresh.",
        script=_never_sent,
    ),
    Scenario(
        name="a-successor-that-never-sent",
        rules=("DRN-8",),
        story="Nothing is enqueued, and the run stands at 42.",
        script=_never_sent,
        stands_at=42,
    ),
    Scenario(
        name="a-completion-that-fails-five-times",
        rules=("DRN-1", "DRN-4", "RTY-1"),
        story="The completion is answered 429, 408, 500, reset and 503 before it is taken.",
        script=delivered_then_stop,
        faults=(
            on_completion(Status(status=429), 1),
            on_completion(Status(status=408), 2),
            on_completion(Status(status=500), 3),
            on_completion(ResetPeer(phase="before-accept"), 4),
            on_completion(Status(status=503), 5),
        ),
    ),
    Scenario(
        name="a-completion-that-is-redirected",
        rules=("WIRE-5", "DRN-1"),
        story="A proxy redirects the completion to another origin.",
        script=_redirected_completion,
    ),
    Scenario(
        name="a-completion-behind-another-writer",
        rules=("DRN-10", "DRN-1"),
        story="Another writer moved the run on just before stop, so the completion doesn't match.",
        script=_another_writer_moved_on,
    ),
    Scenario(
        name="a-completion-ahead-of-a-forgetful-backend",
        rules=("DRN-10",),
        story="The backend fell back just before stop, so the completion doesn't match.",
        script=_the_backend_forgot,
    ),
    Scenario(
        name="a-run-that-is-complete-already",
        rules=("DRN-11", "DRN-3"),
        story="The run was completed before the sender starts.",
        script=_complete_from_the_start,
    ),
    Scenario(
        name="a-run-that-someone-else-completes",
        rules=("DRN-11", "DRN-3"),
        story="Someone else completes the run in the middle.",
        script=_completed_by_someone_else,
    ),
    Scenario(
        name="a-handoff",
        rules=("DRN-12",),
        story="The sender is stopped with complete=False.",
        script=_handoff,
        capability="handoff",
    ),
    Scenario(
        name="a-handoff-while-answers-are-lost",
        rules=("DRN-12", "DLV-1", "DLV-2"),
        story="The sender is stopped with complete=False, and its windows meet a reset, a 503 and a lost answer.",
        script=_handoff,
        capability="handoff",
        settings={"max_window_events": 3},
        faults=(
            on_data(ResetPeer(phase="before-accept"), 1),
            on_data(Status(status=503), 2),
            on_data(ResetPeer(phase="after-accept"), 4),
        ),
    ),
)
