"""A backend that does nothing wrong: what a sender must get right before anything fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import events_before_and_after_the_position_is_known, on_data, two_bursts
from fake_backend.faults import FaultRule, Latency, ResetPeer, Status

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage


_PAST_A_DOUBLE = 2**53 + 1


async def _bursts_and_a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(60))
    for number in range(61, 71):
        await stage.pause(0.05)
        await sender.enqueue(*numbered(1, first=number))
    await sender.enqueue(*numbered(30, first=71))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _a_burst_and_another(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(30))
    await stage.pause(0.5)
    await sender.enqueue(*numbered(10, first=31))
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


async def _a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 41):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.05)
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


async def _a_successor_in_the_same_process(stage: Stage) -> None:
    """Between two senders of one run, another writer has its turn."""
    first = await stage.open()
    await first.enqueue(*numbered(4))
    await first.stop(complete=False)
    stage.backend.set_run(first.run_id, last_accepted_seq=7, why="another writer wrote 5 to 7")
    successor = await stage.open()
    await successor.enqueue(*numbered(4, first=5))
    await stage.pause(3.0)
    await successor.stop()


async def _two_runs(stage: Stage) -> None:
    one, other = await stage.open("run-1"), await stage.open("run-2")
    for number in range(1, 21):
        await one.enqueue({"run": 1, "n": number})
        await other.enqueue({"run": 2, "n": number})
        await stage.pause(0.01)
    await one.delivered()
    await other.delivered()
    await one.stop()
    await other.stop()


SCENARIOS = (
    Scenario(
        name="numbers-past-what-a-double-holds",
        rules=("SEQ-1", "DLV-1", "DRN-1"),
        story="The backend stands at 2**53 + 1, which floating point can't tell from its neighbors.",
        script=two_bursts,
        stands_at=_PAST_A_DOUBLE,
        ability="big-integers",
    ),
    Scenario(
        name="a-backend-that-does-nothing-wrong",
        rules=(
            *("WIRE-1", "WIRE-2", "WIRE-3", "WIRE-4", "SEQ-1", "SEQ-4", "SEQ-5", "DLV-1", "DLV-2", "DLV-3"),
            *("WIN-1", "LIV-1", "DRN-1", "DRN-2", "DRN-3", "DRN-4", "DRN-5"),
        ),
        story="A hundred events in bursts and in a trickle; all is well.",
        script=_bursts_and_a_trickle,
    ),
    Scenario(
        name="a-window-that-streams",
        rules=("WIRE-1", "WIRE-3", "WIRE-4", "SEQ-4", "DLV-1", "DLV-2", "DLV-3", "WIN-1", "DRN-1", "DRN-2"),
        story="A hundred events in bursts and in a trickle, into windows that may stay open for five seconds.",
        script=_bursts_and_a_trickle,
        settings={"window_age": 5.0},
    ),
    Scenario(
        name="answers-that-take-their-time",
        rules=("SEQ-4", "SEQ-5", "DLV-2", "DLV-3"),
        story="Forty events in windows of five, and each answer takes 0.3 seconds.",
        script=_a_burst_and_another,
        settings={"max_window_events": 5},
        faults=(on_data(Latency(seconds=0.3)),),
    ),
    Scenario(
        name="a-trickle-past-slow-answers",
        rules=("SEQ-4", "DLV-1", "DLV-2", "DLV-3"),
        story="An event every 0.05 seconds, while each answer takes 0.12: some come just as a window closes.",
        script=_a_trickle,
        faults=(on_data(Latency(seconds=0.12)),),
    ),
    Scenario(
        name="a-run-that-stands-at-42",
        rules=("SEQ-1", "SEQ-5", "DLV-1", "DLV-2", "DRN-1"),
        story="A restarted sender, and its first answer takes so long that events are enqueued before it.",
        script=events_before_and_after_the_position_is_known,
        stands_at=42,
        faults=(FaultRule(fault=Latency(seconds=0.5, phase="after-accept"), requests=(1,)),),
    ),
    Scenario(
        name="a-run-that-stands-at-42-and-does-not-say-so",
        rules=("SEQ-1", "DLV-1", "DLV-2"),
        story="A restarted sender, and its first three questions are answered 503.",
        script=events_before_and_after_the_position_is_known,
        stands_at=42,
        faults=(FaultRule(fault=Status(status=503), of="sync", requests=(1, 2, 3)),),
    ),
    Scenario(
        name="a-successor-in-the-same-process",
        rules=("SEQ-1", "DLV-1"),
        story="A run is handed over, another writer takes three numbers, and the process opens a second sender for it.",
        script=_a_successor_in_the_same_process,
        capability="handoff",
    ),
    Scenario(
        name="two-runs-in-one-process",
        rules=("DLV-8", "DLV-1", "DLV-3"),
        story="Two senders for two runs are fed in turn, and each loses an answer.",
        script=_two_runs,
        faults=(on_data(ResetPeer(phase="after-accept"), 2),),
    ),
    Scenario(
        name="every-third-answer-is-lost",
        rules=("DLV-1", "DLV-2", "DLV-3", "SEQ-3", "RTY-1"),
        story="Windows of two events, and the answer to every third of them is lost after it was taken.",
        script=two_bursts,
        settings={"max_window_events": 2},
        faults=(FaultRule(fault=ResetPeer(phase="after-accept"), of="data", every=3),),
    ),
)
