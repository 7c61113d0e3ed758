"""Nothing moves while a connection is made, and answers that come a byte at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import a_burst_and_stop, on_data, two_bursts
from fake_backend.faults import Slicer

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage


async def _connecting_into_nothing(stage: Stage) -> None:
    async with stage.loses_attempts_to_connect():
        sender = await stage.open()
        await sender.enqueue(*numbered(6))
        await stage.pause(1.0)
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


SCENARIOS = (
    Scenario(
        name="stalls-while-connecting",
        rules=("RTY-8", "DLV-1"),
        story="The first attempt to connect is neither answered nor refused.",
        script=_connecting_into_nothing,
    ),
    Scenario(
        name="an-answer-that-drips",
        rules=("RTY-8", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The answer to the first window comes a byte at a time, one every half second.",
        script=two_bursts,
        faults=(on_data(Slicer(size=1, delay=0.5), 1),),
    ),
    Scenario(
        name="an-answer-whose-body-drips",
        rules=("RTY-8", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The head of the answer to the first window comes at once, and then a byte of its body every second.",
        script=two_bursts,
        faults=(on_data(Slicer(size=1, delay=1.0, body_only=True), 1),),
    ),
    Scenario(
        name="an-answer-whose-body-drips-during-the-drain",
        rules=("RTY-8", "DRN-3"),
        story="The body of the only answer that a drain waits for comes a byte every second.",
        script=a_burst_and_stop,
        faults=(on_data(Slicer(size=1, delay=1.0, body_only=True), 1),),
    ),
)
