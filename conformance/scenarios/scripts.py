"""Scripts that several scenarios share, and short ways to say which requests a fault strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import numbered
from fake_backend.faults import FaultRule, Latency

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault


def on_data(fault: Fault, *requests: int) -> FaultRule:
    """Return a fault of the requests that carry events: the nth, for each n of `requests`; all, if there is none."""
    return FaultRule(fault=fault, of="data", requests=requests)


def on_completion(fault: Fault, *requests: int) -> FaultRule:
    """Return a fault of the requests that carry a completion and no events, chosen as by `on_data`."""
    return FaultRule(fault=fault, of="completion", requests=requests)


def on_first_sync(seconds: float) -> FaultRule:
    """Return a delay of the answer to the first sync, so that the first window begins with a whole burst.

    Where time is real, a sender that works beside its caller might begin with the first event of the burst alone.
    """
    return FaultRule(fault=Latency(seconds=seconds), of="sync", requests=(1,))


def on_all(fault: Fault) -> FaultRule:
    """Return a fault of every request."""
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


async def two_bursts_whatever_is_answered(stage: Stage) -> None:
    """Eight events; eight more long after that, delivered or not; and stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await stage.pause(stage.for_long(simulated=10.0, real=5.0))
    await sender.enqueue(*numbered(8, first=9))
    await stage.pause(2.0)
    await sender.stop()


async def a_burst_of_large_events(stage: Stage) -> None:
    """A window that is larger than what the network buffers, so that an upload that isn't read backs up."""
    sender = await stage.open()
    await sender.enqueue(*numbered(60, text="x" * 9_000))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def a_trickle_into_an_open_window(stage: Stage) -> None:
    """An event every quarter of a second; they are delivered; and stop."""
    sender = await stage.open()
    for number in range(1, 25):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.25)
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def events_before_and_after_the_position_is_known(stage: Stage) -> None:
    """Five events at once, and five while the sender may still ask where the run stands; delivered; and stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await stage.pause(0.2)
    await sender.enqueue(*numbered(5, first=6))
    await sender.delivered()
    await sender.stop()


async def delivered_then_stop(stage: Stage) -> None:
    """Six events, all delivered; and stop."""
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def delivered_then_stopped_twice(stage: Stage) -> None:
    """A quick sender returns from stop as the answer comes: by the second call it has certainly read it."""
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()
    await stage.pause(1.0)
    await sender.stop()
