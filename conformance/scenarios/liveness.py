"""Whether it stays live: the caller is never held up, an idle sender is quick, and then silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_data
from fake_backend.faults import FaultRule, Latency, ResetPeer, Stall, Status
from fake_backend.records import AnswerSent

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from conformance.harness.staged_sender import StagedSender


async def _a_busy_caller(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 41):
        await sender.enqueue(*numbered(5, first=5 * number))
        await stage.pause(0.05)
    await sender.delivered()
    await sender.stop()


async def _a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 13):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(1.3)
    await sender.stop()


async def _long_idle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(3))
    await sender.delivered()
    await stage.pause(12.0)
    await sender.enqueue(*numbered(1, first=4))
    await stage.pause(8.0)
    await sender.stop()


async def _a_steady_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 61):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.11)
    await stage.pause(2.0)
    await sender.stop()


async def _idle_for_an_hour(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(3))
    await sender.delivered()
    await _an_hour(stage)
    await sender.enqueue(*numbered(1, first=4))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def _idle_after_trouble(stage: Stage) -> None:
    """Three runs, since an hour of each by itself would be dear where time is real."""
    senders = [await stage.open(run_id) for run_id in ("run-1", "run-2", "run-3")]
    await _one_after_the_other(senders, 1, 2, 3)
    stage.backend.set_run("run-3", last_accepted_seq=20, why="another writer wrote up to 20")
    await _one_after_the_other(senders, 4)
    await _an_hour(stage)
    await _one_after_the_other(senders, 5)
    await stage.pause(0.2)
    for sender in senders:
        await sender.stop()


async def _one_after_the_other(senders: list[StagedSender], *numbers: int) -> None:
    """Each delivers events of these numbers."""
    for sender in senders:
        await sender.enqueue(*numbered(len(numbers), first=numbers[0]))
        await sender.delivered(within=15.0)  # one that loses an event has others to lose, and an hour to idle


async def _an_hour(stage: Stage) -> None:
    """An hour where time costs nothing; a minute, in the time of the script, where it does."""
    await stage.pause(stage.for_long(simulated=3_600.0, real=60.0))


async def _just_as_it_has_nothing_to_do(stage: Stage) -> None:
    """An event comes 0, 1, 2, … turns of the loop after the sender has read an answer, and none comes after it."""
    sender = await stage.open()
    await sender.enqueue(*numbered(1))
    await sender.delivered()
    for turns in range(stage.for_long(simulated=_TURNS, real=_TURNS_IN_REAL_TIME)):
        await stage.pause(1.0)
        answers = _answers(stage)
        await sender.enqueue(*numbered(1, first=2 * turns + 2))
        for _ in range(stage.for_long(simulated=_LOOKS, real=0)):
            if _answers(stage) > answers:
                break
            await stage.pause(_SOON)
        for _ in range(turns):
            await asyncio.sleep(0)
        await sender.enqueue(*numbered(1, first=2 * turns + 3))
        await stage.pause(1.0)
    await sender.stop()


def _answers(stage: Stage) -> int:
    """Return the number of answers that have arrived."""
    sent_by = stage.now() - _LATENCY + _SOON / 2
    return len([record for record in stage.records if isinstance(record, AnswerSent) and record.time <= sent_by])


_LATENCY = 0.005
_SOON = 0.001
_TURNS = 12
_TURNS_IN_REAL_TIME = 4
_LOOKS = 200


async def _nearly_full_windows(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(1))
    await sender.delivered()
    for first in (2, 11, 20):
        await stage.pause(1.3)
        await sender.enqueue(*numbered(9, first=first))
        await sender.delivered()
    await sender.stop()


SCENARIOS = (
    Scenario(
        name="an-hour-of-idleness",
        rules=("LIV-3", "LIV-2"),
        story="Nothing is enqueued for an hour, and then one event.",
        script=_idle_for_an_hour,
    ),
    Scenario(
        name="an-hour-of-idleness-after-trouble",
        rules=("LIV-3", "LIV-2"),
        story="One run meets a 503, one a reset and one a 409; then nothing is enqueued for an hour.",
        script=_idle_after_trouble,
        faults=(
            FaultRule(fault=Status(status=503), of="data", requests=(2,), run_id="run-1"),
            FaultRule(fault=ResetPeer(phase="after-accept"), of="data", requests=(2,), run_id="run-2"),
            FaultRule(fault=Status(status=409), of="data", requests=(2,), run_id="run-3"),
        ),
    ),
    Scenario(
        name="bursts-that-nearly-fill-a-window",
        rules=("LIV-2", "DLV-3"),
        story="Nine events at a time, to an idle sender whose windows hold ten: company is not worth a wait.",
        script=_nearly_full_windows,
        settings={"max_window_events": 10},
    ),
    Scenario(
        name="a-stalled-backend-and-a-busy-caller",
        rules=("LIV-1", "DLV-1", "DLV-3"),
        story="The first window stalls, and the caller goes on enqueueing.",
        script=_a_busy_caller,
        faults=(on_data(Stall(phase="before-read"), 1),),
    ),
    Scenario(
        name="a-trickle",
        rules=("LIV-2", "DLV-3"),
        story="An event every 1.3 seconds.",
        script=_a_trickle,
    ),
    Scenario(
        name="a-trickle-into-open-windows",
        rules=("LIV-2", "DLV-3"),
        story="An event every 1.3 seconds, and windows that stay open for four.",
        script=_a_trickle,
        settings={"window_age": 4.0},
    ),
    Scenario(
        name="a-trickle-with-a-flush-delay",
        rules=("LIV-2", "DLV-3"),
        story="An event every 1.3 seconds, and half a second of waiting for company.",
        script=_a_trickle,
        settings={"flush_delay": 0.5},
    ),
    Scenario(
        name="a-long-idle-time",
        rules=("LIV-3", "LIV-2"),
        story="Nothing is enqueued for sixty retry delays, twice.",
        script=_long_idle,
    ),
    Scenario(
        name="an-event-just-as-there-is-nothing-to-do",
        rules=("LIV-2", "DLV-1"),
        story="An event comes in the very moment in which the sender has read the answer to the last, or just after.",
        script=_just_as_it_has_nothing_to_do,
    ),
    Scenario(
        name="a-trickle-while-windows-are-under-way",
        rules=("LIV-2", "DLV-3"),
        story="An event every 0.11 seconds, and answers that take 0.3: something waits whenever one comes.",
        script=_a_steady_trickle,
        faults=(on_data(Latency(seconds=0.3)),),
    ),
    Scenario(
        name="a-trickle-faster-than-the-flush-delay",
        rules=("LIV-2", "DLV-3"),
        story="An event every 0.11 seconds, and half a second of waiting for company: it counts from the first.",
        script=_a_steady_trickle,
        settings={"flush_delay": 0.5},
    ),
)
