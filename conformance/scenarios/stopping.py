"""Stopping at odd moments: around the deadline, twice with other wishes, with a caller that leaves, and long after."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_all, on_completion, on_data
from fake_backend.faults import Latency, ResetPeer, Stall, Status
from fake_backend.records import RequestStarted

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Phase

_LONG_AFTER = 40.0
_DEADLINE = 3.0
_AN_HOUR = 3_600.0


async def _delivered_then_stop(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def _a_second_burst_and_stop(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.enqueue(*numbered(5, first=6))
    await sender.stop()


async def _moves_under_the_completion(last: int, stage: Stage) -> None:
    """The run moves while its completion is under way, after everything that a sender could have asked before."""
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.pause(0.2)
    rule = on_completion(Latency(seconds=stage.seconds(0.8), phase="before-accept"), 1)
    stage.backend.add_fault(rule)
    requests = _requests(stage)
    stopping = asyncio.ensure_future(sender.stop())
    # A sender may ask first where the run stands: its completion is the last request of those that come at once.
    await stage.until(lambda: _requests(stage) > requests)
    await stage.pause(0.4)
    stage.backend.set_run(sender.run_id, last_accepted_seq=last, why="it moved while the completion was under way")
    await stopping


def _requests(stage: Stage) -> int:
    return len([record for record in stage.records if isinstance(record, RequestStarted)])


async def _stopped_with_two_wishes(first: bool, stage: Stage) -> None:  # noqa: FBT001 - what the first call asks for
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    stopping = asyncio.ensure_future(sender.stop(complete=first))
    await stage.pause(0.3)
    await sender.stop(complete=not first)
    await stopping
    await sender.stop(complete=not first)


async def _stopped_with_two_wishes_at_once(first: bool, stage: Stage) -> None:  # noqa: FBT001 - as above
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await asyncio.gather(sender.stop(complete=first), sender.stop(complete=not first))


async def _stopped_again_halfway(stage: Stage) -> None:
    """The backend never answers again, and stop is called again when half of its deadline has passed."""
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await sender.delivered()
    await stage.go_down()
    await sender.enqueue(*numbered(5, first=6))
    stopping = asyncio.ensure_future(sender.stop())
    await stage.pause(_DEADLINE / 2)
    await asyncio.gather(stopping, sender.stop())


async def _set_back_during_a_drain(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await stage.pause(0.3)
    stopping = asyncio.ensure_future(sender.stop())
    await stage.pause(1.0)
    stage.step_wall_clock(-_AN_HOUR)
    await stopping


async def _a_caller_leaves(stage: Stage) -> None:
    """The first of two callers of stop is cancelled in the middle of the drain."""
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    stopping = asyncio.ensure_future(sender.stop())
    await stage.pause(0.3)
    stopping.cancel()
    await asyncio.wait({stopping})
    await stage.pause(0.1)
    await sender.stop()
    await sender.stop()


async def _long_after_stop(stage: Stage) -> None:
    await _a_second_burst_and_stop(stage)
    await stage.pause(stage.for_long(simulated=_LONG_AFTER, real=_LONG_AFTER / 2))


_AROUND_THE_DEADLINE: dict[str, tuple[float, Phase]] = {
    "ends-just-before": (2.95, "after-accept"),
    "ends-with": (_DEADLINE, "after-accept"),
    "is-taken-with": (_DEADLINE, "before-accept"),
    "ends-just-after": (3.05, "after-accept"),
}
_BY_THEN: dict[Phase, str] = {"before-accept": "taken", "after-accept": "answered"}
_AHEAD, _BEHIND = 8, 3

SCENARIOS = (
    Scenario(
        name="long-after-stop",
        rules=("DRN-5",),
        story="Two hundred retry delays pass after stop has returned.",
        script=_long_after_stop,
    ),
    *(
        Scenario(
            name=f"a-window-that-{name}-the-deadline",
            rules=("DRN-3", "DRN-4", "DRN-5"),
            story=f"The window of the drain is {_BY_THEN[phase]} after {seconds:g} s, and stop has {_DEADLINE:g} s.",
            script=_a_second_burst_and_stop,
            settings={"stop_timeout": _DEADLINE, "request_timeout": 10.0},
            faults=(on_data(Latency(seconds=seconds, phase=phase), 2),),
        )
        for name, (seconds, phase) in _AROUND_THE_DEADLINE.items()
    ),
    Scenario(
        name="a-window-that-is-never-taken-in-time",
        rules=("DRN-3", "DRN-4", "DRN-5"),
        story="The window of the drain is under way when the deadline comes, and is never taken.",
        script=_a_second_burst_and_stop,
        settings={"stop_timeout": _DEADLINE, "request_timeout": 10.0},
        faults=(on_data(Stall(phase="before-accept"), 2),),
    ),
    *(
        Scenario(
            name=f"stopped-with-complete-{str(first).lower()}-and-then-otherwise",
            rules=("DRN-7", rule),
            story=f"Stop is called with complete={first}, and while it drains with complete={not first}.",
            script=partial(_stopped_with_two_wishes, first),
            capability="handoff",
            faults=(on_data(Latency(seconds=1.0), 1),),
        )
        for first, rule in ((False, "DRN-12"), (True, "DRN-1"))
    ),
    *(
        Scenario(
            name=f"stopped-with-complete-{str(first).lower()}-and-otherwise-at-once",
            rules=("DRN-7", rule),
            story=f"Stop is called with complete={first}, and without a pause with complete={not first}.",
            script=partial(_stopped_with_two_wishes_at_once, first),
            capability="handoff",
        )
        for first, rule in ((False, "DRN-12"), (True, "DRN-1"))
    ),
    Scenario(
        name="a-caller-of-stop-is-cancelled",
        rules=("DRN-7", "DRN-1"),
        story="Whoever stopped first is cancelled while it drains; two others stop after that.",
        script=_a_caller_leaves,
        faults=(on_data(Latency(seconds=1.0), 1),),
    ),
    Scenario(
        name="stopped-again-halfway-to-the-deadline",
        rules=("DRN-3", "DRN-7"),
        story="The backend is down, and stop is called again when half of its time has passed.",
        script=_stopped_again_halfway,
        settings={"stop_timeout": _DEADLINE},
    ),
    Scenario(
        name="the-wall-clock-is-set-back-during-a-drain",
        rules=("DRN-3", "DRN-4"),
        story="Every request is answered 503, and while stop waits for its deadline the clock goes back by an hour.",
        script=_set_back_during_a_drain,
        settings={"stop_timeout": _DEADLINE},
        faults=(on_all(Status(status=503)),),
    ),
    *(
        Scenario(
            name=f"a-run-that-moves-{name}-under-its-completion",
            rules=("DRN-10",),
            story=f"While the completion at 5 is under way, the run moves to {last}.",
            script=partial(_moves_under_the_completion, last),
        )
        for name, last in (("on", _AHEAD), ("back", _BEHIND))
    ),
    Scenario(
        name="a-completion-that-is-taken-late",
        rules=("DRN-9", "DRN-1", "DRN-4"),
        story="The completion times out, and is taken all the same, while its retry is under way.",
        script=_delivered_then_stop,
        faults=(
            on_completion(Latency(seconds=2.5, phase="before-accept"), 1),
            on_completion(Latency(seconds=1.0, phase="before-accept"), 2),
        ),
    ),
    Scenario(
        name="a-completion-of-which-nobody-will-tell",
        rules=("DRN-9", "DRN-1", "DRN-4"),
        story="The answers to the completion are lost three times, each in another way.",
        script=_delivered_then_stop,
        faults=(
            on_completion(ResetPeer(phase="after-accept"), 1),
            on_completion(Status(status=504, phase="after-accept"), 2),
            on_completion(Stall(phase="in-answer"), 3),
        ),
    ),
)
