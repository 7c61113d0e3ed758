"""Nothing moves and nothing closes, at each point of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import a_burst_and_stop, on_data, on_first_sync, two_bursts
from fake_backend.faults import Slicer, Stall

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Phase


async def _a_burst_of_large_events(stage: Stage) -> None:
    """A window that is larger than what the network buffers, so that an upload that isn't read backs up."""
    sender = await stage.open()
    await sender.enqueue(*numbered(60, text="x" * 9_000))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def _connecting_into_nothing(stage: Stage) -> None:
    async with stage.loses_attempts_to_connect():
        sender = await stage.open()
        await sender.enqueue(*numbered(6))
        await stage.pause(1.0)
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


_PHASES: dict[str, tuple[Phase, int]] = {
    "while-the-upload-is-not-read": ("before-read", 0),
    "before-anything-is-taken": ("before-accept", 0),
    "after-three-lines": ("after-lines", 3),
    "before-the-head-of-the-answer": ("after-accept", 0),
    "in-the-body-of-the-answer": ("in-answer", 0),
}

SCENARIOS = (
    *(
        Scenario(
            name=f"stalls-{name}",
            rules=("RTY-8", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
            story=f"The first window stalls {name.replace('-', ' ')}, and the connection stays open.",
            script=_a_burst_of_large_events,
            settings={"max_window_bytes": 2_000_000, "max_buffered_bytes": 4_000_000},
            faults=(on_data(Stall(phase=phase, lines=lines), 1), on_first_sync(0.4)),
        )
        for name, (phase, lines) in _PHASES.items()
    ),
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
