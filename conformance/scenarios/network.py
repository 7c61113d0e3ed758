"""Trouble on the way to a backend that does nothing wrong: the kinds that a proxy can make as well.

Each lasts for a phase of a run. They are performed in the simulator, on real sockets, and through a Toxiproxy, and have
to be judged alike.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from fake_backend.faults import Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault

_LONG = "x" * 900
"""The text of a line of nearly a thousand bytes."""


async def _slow_in_the_middle(fault: Fault, stage: Stage) -> None:
    """Eight events; while the way is slow, sixty long ones, and all of them arrive; and eight more."""
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    async with stage.meets(fault):
        await sender.enqueue(*numbered(60, first=9, text=_LONG))
        await sender.delivered()
        await stage.pause(1.5)  # until the last answer has come through too
    await sender.enqueue(*numbered(8, first=69))
    await sender.delivered()
    await sender.stop()


async def _broken_in_the_middle(fault: Fault, stage: Stage) -> None:
    """Eight events; while nothing gets through whole, twelve long ones, one after the other; and eight more."""
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    async with stage.meets(fault):
        for number in range(9, 21):
            await sender.enqueue(*numbered(1, first=number, text=_LONG))
            await stage.pause(0.3)
    await sender.enqueue(*numbered(8, first=21))
    await sender.delivered()
    await sender.stop()


async def _broken_from_the_start(fault: Fault, stage: Stage) -> None:
    """Twelve long events before the sender has ever got through; and stop."""
    async with stage.meets(fault):
        sender = await stage.open()
        await sender.enqueue(*numbered(12, text=_LONG))
        await stage.pause(4.0)
    await sender.stop()


async def _broken_to_the_end(fault: Fault, stage: Stage) -> None:
    """Eight events; while nothing gets through whole, twelve long ones, and stop; it has three seconds."""
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    async with stage.meets(fault):
        await sender.enqueue(*numbered(12, first=9, text=_LONG))
        await sender.stop()


_SLOW: dict[str, tuple[str, Fault]] = {
    "latency-upstream": ("Requests take half a second to get there", Latency(seconds=0.5, phase="before-read")),
    "latency-downstream": ("Answers take half a second to come back", Latency(seconds=0.5)),
    "bandwidth-upstream": ("60,000 bytes go there at 50,000 a second", Bandwidth(rate=50_000, stream="upstream")),
    "bandwidth-downstream": ("Answers come back at 1,000 bytes a second", Bandwidth(rate=1_000)),
    "slicer": ("Answers come back in pieces of ten bytes, 0.02 seconds apart", Slicer(size=10, delay=0.02)),
    "slow-close": ("Each answer ends its connection, which closes a second later", SlowClose(seconds=1.0)),
}
_NO_ANSWER_IN_TIME = ("Answers take longer to come back than the sender waits", Latency(seconds=3.0))
_RESET_UPSTREAM = ("Connections are reset before anything gets there", ResetPeer(phase="before-read"))
_RESET_DOWNSTREAM = ("Requests are taken, and their connections reset before the answer", ResetPeer())
_TIMEOUT_UPSTREAM = ("Nothing gets there, and half a second later the connection is closed", Timeout(seconds=0.5))
_TIMEOUT_DOWNSTREAM = (
    "Requests are taken, nothing comes back, and half a second later the connection is closed",
    Timeout(seconds=0.5, phase="after-accept"),
)
_BROKEN: dict[str, tuple[str, Fault]] = {
    "latency-past-the-timeout": _NO_ANSWER_IN_TIME,
    "limit-data-upstream": (
        "Connections are closed 500 bytes into an event",
        LimitData(size=500, stream="upstream"),
    ),
    "limit-data-downstream": ("Requests are taken, and 20 bytes of their answer come back", LimitData(size=20)),
    "reset-peer-upstream": _RESET_UPSTREAM,
    "reset-peer-downstream": _RESET_DOWNSTREAM,
    "timeout-upstream": _TIMEOUT_UPSTREAM,
    "timeout-downstream": _TIMEOUT_DOWNSTREAM,
}
_BROKEN_FROM_THE_START: dict[str, tuple[str, Fault]] = {
    "limit-data-upstream": (
        "Connections are closed 2,500 bytes into a window of twelve long events",
        LimitData(size=2_500, stream="upstream"),
    ),
    "reset-peer-upstream": _RESET_UPSTREAM,
    "timeout-downstream": _TIMEOUT_DOWNSTREAM,
}
_BROKEN_TO_THE_END: dict[str, tuple[str, Fault]] = {
    "latency-past-the-timeout": _NO_ANSWER_IN_TIME,
    "reset-peer-downstream": _RESET_DOWNSTREAM,
    "timeout-upstream": _TIMEOUT_UPSTREAM,
}

SCENARIOS = (
    *(
        Scenario(
            name=f"a-network-with-{name}",
            rules=("SEQ-4", "DLV-1", "DLV-2", "DLV-3", "DRN-1"),
            story=f"{story}, in the middle of a run.",
            script=partial(_slow_in_the_middle, fault),
            is_of_the_network=True,
        )
        for name, (story, fault) in _SLOW.items()
    ),
    *(
        Scenario(
            name=f"a-network-with-{name}",
            rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3", "DRN-1"),
            story=f"{story}, in the middle of a run.",
            script=partial(_broken_in_the_middle, fault),
            is_of_the_network=True,
        )
        for name, (story, fault) in _BROKEN.items()
    ),
    *(
        Scenario(
            name=f"a-network-with-{name}-from-the-start",
            rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3", "DRN-1"),
            story=f"{story}, from the start.",
            script=partial(_broken_from_the_start, fault),
            is_of_the_network=True,
        )
        for name, (story, fault) in _BROKEN_FROM_THE_START.items()
    ),
    *(
        Scenario(
            name=f"a-network-with-{name}-to-the-end",
            rules=("DLV-2", "DRN-3", "DRN-4"),
            story=f"{story}, until `stop` has taken all its time.",
            script=partial(_broken_to_the_end, fault),
            settings={"stop_timeout": 3.0},
            is_of_the_network=True,
        )
        for name, (story, fault) in _BROKEN_TO_THE_END.items()
    ),
)
