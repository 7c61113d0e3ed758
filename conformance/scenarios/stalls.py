"""Nothing moves and nothing closes, at each point of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_data
from fake_backend.faults import Stall

if TYPE_CHECKING:
    from conformance.scenario import Stage
    from fake_backend.faults import Phase


async def _a_burst_of_large_events(stage: Stage) -> None:
    """A window that is larger than what the network buffers, so that an upload that isn't read backs up."""
    sender = await stage.open()
    sender.enqueue(*numbered(60, text="x" * 9_000))
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

SCENARIOS = tuple(
    Scenario(
        name=f"stalls-{name}",
        rules=("RTY-8", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story=f"The first window stalls {name.replace('-', ' ')}, and the connection stays open.",
        script=_a_burst_of_large_events,
        settings={"max_window_bytes": 2_000_000, "max_buffered_bytes": 4_000_000},
        faults=(on_data(Stall(phase=phase, lines=lines), 1),),
    )
    for name, (phase, lines) in _PHASES.items()
)
