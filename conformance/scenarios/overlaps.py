"""A backend that goes on with a request whose client has gone, and takes it beside the next one.

The number that it tells meanwhile is still rising:

    window 1..8      ──>  reset         1 to 3 are taken
    position?        ──>  4             5 to 8 are being taken, by the request of before
    window 5..8      ──>  200           and are there twice

A sender that asks until two answers agree, `settle_delay` apart, sends nothing twice, as long as the backend takes no
longer than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import a_burst_and_stop, on_data, on_first_sync, two_bursts
from fake_backend.faults import FaultRule, Overlap, ResetPeer

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage

_SETTLING: Final[dict[str, Any]] = {"settle_delay": 0.4, "retry_delay": 0.02, "max_retry_delay": 0.5}
_LAG: Final = on_data(Overlap(seconds=0.15))
"""Longer than it takes a sender to ask and to go on, and shorter than half of the time in which two answers agree."""


def _cut_after(lines: int, *requests: int) -> FaultRule:
    return on_data(ResetPeer(phase="after-lines", lines=lines), *requests)


async def _many_windows(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(120))
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


async def _a_steady_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 61):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.03)
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


SCENARIOS = (
    Scenario(
        name="lines-that-go-on-being-taken-after-a-reset",
        rules=("DLV-2", "DLV-1", "DLV-3", "SEQ-3", "RTY-1"),
        story="The first window is reset at its third line, and the backend goes on taking the others for a moment.",
        script=two_bursts,
        settings=_SETTLING,
        faults=(_LAG, _cut_after(3, 1), on_first_sync(0.4)),
    ),
    Scenario(
        name="lines-of-many-windows-that-go-on-being-taken",
        rules=("DLV-2", "DLV-1", "DLV-3"),
        story="Every other window is reset at its second line, and its other eight go on being taken for a moment.",
        script=_many_windows,
        settings={**_SETTLING, "max_window_events": 10},
        faults=(_LAG, FaultRule(fault=ResetPeer(phase="after-lines", lines=2), of="data", every=2, times=6)),
    ),
    Scenario(
        name="lines-of-open-windows-that-go-on-being-taken",
        rules=("DLV-2", "DLV-1", "DLV-3"),
        story="A trickle into windows that stay open, which are reset while the last lines are still to be taken.",
        script=_a_steady_trickle,
        settings={**_SETTLING, "window_age": 1.0},
        faults=(_LAG, _cut_after(4, 1, 2, 3)),
    ),
    Scenario(
        name="lines-that-go-on-being-taken-during-a-drain",
        rules=("DLV-2", "DRN-1", "DRN-2"),
        story="stop waits for a window that is reset at its second line, and the others go on being taken meanwhile.",
        script=a_burst_and_stop,
        settings=_SETTLING,
        faults=(_LAG, _cut_after(2, 1), on_first_sync(0.4)),
    ),
)
