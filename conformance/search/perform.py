"""Performs a schedule with senders from a factory, on the simulated network, and returns the history."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, assert_never

from conformance.evidence.history import NetworkTrouble
from conformance.harness.scenario import Scenario, Stage
from conformance.harness.worlds import perform_simulated
from conformance.search.schedule import (
    Burst,
    Down,
    HalfClose,
    NetworkEvent,
    Pause,
    Refuse,
    Reset,
    Schedule,
    Settle,
    StallLink,
    Step,
    Stop,
    Trickle,
    Unreachable,
    Unserializable,
)
from conformance.simulation import LinkConditions, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.history import History
    from conformance.harness.scenario import Factory
    from conformance.harness.staged_sender import StagedSender
    from conformance.search.schedule import Direction

POISON = "poison"
"""The word that events of that sort hold."""

_APART = 0.000_31
_BESIDE = 0.000_07
"""Seconds by which runs begin after each other, and by which the network acts after the round times of a schedule: see
`LATENCY`."""

_SIDES = {"backend": Side.SERVER, "sender": Side.CLIENT, "both": Side.BOTH}
_LOOKS_AFTER = 0.05
_LOOKS_EVERY = 1.0
_LETTERS = {"ascii": "x", "two-bytes": "é", "escapes": '"', "poison": "x"}


def perform(schedule: Schedule, factory: Factory) -> History:
    """Perform a schedule; the same schedule with the same sender makes the same history, to the byte.

    Raises:
        CouldNotJudgeError: The sender broke the contract of a factory, did what can't be simulated, waited for what
            can't come, or spins.
    """
    scenario = Scenario(
        name="a-schedule",
        rules=(),
        story="",
        script=functools.partial(_play, schedule),
        settings=schedule.settings,
        faults=schedule.faults,
        limits=schedule.limits,
        stands_at=schedule.stands_at,
    )
    wire = schedule.wire
    conditions = LinkConditions(latency=wire.latency, jitter=wire.jitter, bandwidth=wire.bandwidth, slice=wire.slice)
    return perform_simulated(scenario, factory, conditions=conditions, seed=schedule.seed, watches_real_time=False)


async def _play(schedule: Schedule, stage: Stage) -> None:
    network = [asyncio.ensure_future(_disturb(stage, event)) for event in schedule.network]
    await asyncio.gather(*(_write(stage, number, steps) for number, steps in enumerate(schedule.runs, 1)))
    for event in network:
        event.cancel()
    await asyncio.gather(*network, return_exceptions=True)


async def _write(stage: Stage, run: int, steps: tuple[Step, ...]) -> None:
    await asyncio.sleep(run * _APART)
    sender = await stage.open(f"run-{run}")
    writer = _Writer(stage, sender, run)
    for step in steps:
        await writer.do(step)
    await writer.end()


class _Writer:
    """What is asked of one sender."""

    def __init__(self, stage: Stage, sender: StagedSender, run: int) -> None:
        self._stage = stage
        self._sender = sender
        self._run = run
        self._numbers = 0
        self._accepted = 0
        self._stops: list[asyncio.Task[None]] = []

    async def do(self, step: Step) -> None:
        """Do a step."""
        match step:
            case Burst():
                beginning = POISON if step.text == "poison" else ""
                await self._enqueue(self._events(step.events, beginning + _LETTERS[step.text] * step.size))
            case Trickle():
                for event in self._events(step.events, ""):
                    await self._enqueue([event])
                    await self._stage.pause(step.every)
            case Unserializable():
                await self._sender.enqueue_unserializable(
                    {"run": self._run, "held": object()}, "an object of no type of JSON"
                )
            case Pause():
                await self._stage.pause(step.seconds)
            case Settle():
                await self._settle(step.within)
            case Stop():
                self._stop(complete=step.complete or "handoff" not in self._sender.capabilities)
                # Once for the stage, once for the sender: it has been called when the next step begins.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            case _:
                assert_never(step)

    async def end(self) -> None:
        """Stop it, if no step has, and wait for that."""
        if not self._stops:
            self._stop(complete=True)
        await asyncio.gather(*self._stops)

    async def _settle(self, within: float) -> None:
        run = self._stage.backend.run(self._sender.run_id)
        deadline = self._stage.now() + within
        # Most are there soon, and the rest perhaps never: a look is time that a search could use otherwise.
        pause = _LOOKS_AFTER
        while len(run.events) < self._accepted and self._stage.now() < deadline:
            await self._stage.pause(pause)
            pause = min(2 * pause, _LOOKS_EVERY)

    def _stop(self, *, complete: bool) -> None:
        self._stops.append(asyncio.ensure_future(self._sender.stop(complete=complete)))

    async def _enqueue(self, events: Any) -> None:
        outcomes = await self._sender.enqueue(*events)
        self._accepted += outcomes.count("accepted")

    def _events(self, count: int, text: str) -> Iterator[dict[str, Any]]:
        for _ in range(count):
            self._numbers += 1
            yield {"run": self._run, "n": self._numbers, "text": text}


async def _disturb(stage: Stage, event: NetworkEvent) -> None:
    await asyncio.sleep(event.at + _BESIDE)
    link = stage.link
    match event:
        case Reset(seen_by=seen_by):
            stage.write(NetworkTrouble(time=stage.now(), what=f"connections are reset, seen by {_ends(seen_by)}"))
            link.reset(seen_by=_SIDES[seen_by])
        case HalfClose(seen_by=seen_by):
            what = f"{_ends(seen_by)} sees the end of what the other side sends"
            stage.write(NetworkTrouble(time=stage.now(), what=what))
            link.half_close(seen_by=_SIDES[seen_by])
        case Unreachable(seconds=seconds):
            stage.write(NetworkTrouble(time=stage.now(), what="the backend's host is gone", seconds=seconds))
            link.go_down(unreachable=True)
            await asyncio.sleep(seconds)
            link.come_up()
        case StallLink(seconds=seconds, toward=toward):
            what = f"nothing arrives at {_ends(toward)}"
            stage.write(NetworkTrouble(time=stage.now(), what=what, seconds=seconds))
            link.stall(toward=_SIDES[toward])
            await asyncio.sleep(seconds)
            link.release(toward=_SIDES[toward])
        case Refuse(seconds=seconds):
            what = "new connections are refused"
            stage.write(NetworkTrouble(time=stage.now(), what=what, seconds=seconds))
            link.refuse()
            await asyncio.sleep(seconds)
            link.accept()
        case Down(seconds=seconds):
            await stage.go_down()
            await asyncio.sleep(seconds)
            await stage.come_up()
        case _:
            assert_never(event)


def _ends(direction: Direction) -> str:
    return "either end" if direction == "both" else f"the {direction}"
