"""Scripts that several scenarios share, and short ways to say which requests a fault strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import numbered
from fake_backend.faults import FaultRule, Latency

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault


def on_data(fault: Fault, *requests: int) -> FaultRule:
    """A fault of the so-manyth requests that carry events; of all, if none is named."""
    return FaultRule(fault=fault, of="data", requests=requests)


def on_completion(fault: Fault, *requests: int) -> FaultRule:
    """A fault of the so-manyth requests that carry a completion and no events."""
    return FaultRule(fault=fault, of="completion", requests=requests)


def on_first_sync(seconds: float) -> FaultRule:
    """The answer to the first sync takes a while: what is enqueued in one burst is there when the first window begins.

    Where time is real, a sender that works beside its caller might begin with the first event of the burst alone.
    """
    return FaultRule(fault=Latency(seconds=seconds), of="sync", requests=(1,))


def on_all(fault: Fault) -> FaultRule:
    """A fault of every request."""
    return FaultRule(fault=fault)


async def two_bursts(stage: Stage) -> None:
    """Eight events, all delivered; eight more; and stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.enqueue(*numbered(8, first=9))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def a_burst_and_stop(stage: Stage) -> None:
    """Twelve events, and stop at once."""
    sender = await stage.open()
    await sender.enqueue(*numbered(12))
    await sender.stop()


async def a_burst_then_stop_in_the_middle(stage: Stage) -> None:
    """Twelve events; some time for them to get into trouble; then stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(12))
    await stage.pause(0.5)
    await sender.stop()
