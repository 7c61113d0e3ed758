"""Proxies that hold bodies back, and balancers that cut idle connections, between a sender and its backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_all, on_data, two_bursts
from fake_backend.faults import Bandwidth, BufferRequest, IdleCut, Latency

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage


async def _a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 10):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(1.3)
    await sender.delivered()
    await sender.stop()


async def _a_slow_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 5):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(4.0)
    await sender.delivered()
    await sender.stop()


async def _a_fast_trickle(stage: Stage) -> None:
    """Ten seconds, in which no second passes without an event."""
    sender = await stage.open()
    for number in range(1, 21):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.5)
    await sender.delivered()
    await sender.stop()


_OUT_OF_PATIENCE = {
    "answers-408": ("answers 408, with a page of its own", 408),
    "hangs-up": ("closes the connection without an answer, as nginx does", None),
}

SCENARIOS = (
    Scenario(
        name="a-proxy-that-holds-bodies-back",
        rules=("LIV-2", "DLV-1", "DLV-3"),
        story="A proxy hands each body on when it has ended, and an event comes every 1.3 seconds.",
        script=_a_trickle,
        faults=(on_all(BufferRequest(seconds=1.0)),),
    ),
    *(
        Scenario(
            name=f"a-proxy-that-holds-open-windows-back-and-{name}",
            rules=("LIV-2", "DLV-1", "DLV-2", "DLV-3"),
            story=f"An event every 1.3 seconds, into windows that stay open; of a quiet one a proxy {does}.",
            script=_a_trickle,
            settings={"window_age": 4.0},
            faults=(on_all(BufferRequest(seconds=1.0, status=status)),),
        )
        for name, (does, status) in _OUT_OF_PATIENCE.items()
    ),
    Scenario(
        name="a-proxy-that-holds-busy-windows-back",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        story="A proxy hands on what is whole, and an event comes every half second, into windows that stay open.",
        script=_a_fast_trickle,
        settings={"window_age": 4.0},
        faults=(on_all(BufferRequest(seconds=1.0)),),
    ),
    *(
        Scenario(
            name=f"an-upload-that-crawls-to-a-proxy-that-{name}",
            rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
            story=f"The first window comes so slowly that the proxy in front {does}; nothing of it is taken.",
            script=two_bursts,
            faults=(
                on_data(BufferRequest(seconds=0.05, status=status), 1),
                on_data(Bandwidth(rate=100, stream="upstream"), 1),
            ),
        )
        for name, (does, status) in _OUT_OF_PATIENCE.items()
    ),
    Scenario(
        name="a-balancer-that-cuts-idle-connections",
        rules=("LIV-2", "DLV-1", "DLV-2", "DLV-3"),
        story="An event every four seconds, and connections that are reset when nothing has moved for two.",
        script=_a_slow_trickle,
        faults=(on_all(IdleCut(seconds=2.0)),),
    ),
    Scenario(
        name="a-balancer-that-cuts-open-windows",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        story="Windows that stay open for an event every 1.3 seconds are reset when nothing has moved for one second.",
        script=_a_trickle,
        settings={"window_age": 4.0},
        faults=(on_all(IdleCut(seconds=1.0)),),
    ),
    Scenario(
        name="a-balancer-that-cuts-a-slow-request",
        rules=("RTY-1", "SEQ-3", "DLV-1", "DLV-2", "DLV-3"),
        story="The first window is taken, and its connection reset for being idle while its answer is waited for.",
        script=two_bursts,
        faults=(on_data(IdleCut(seconds=0.5), 1), on_data(Latency(seconds=1.0), 1)),
    ),
)
