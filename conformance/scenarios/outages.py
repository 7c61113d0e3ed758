"""Failures that pass: attempts in doubt, downtime, many at once; and some that don't pass."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_all, on_data, two_bursts
from fake_backend.faults import FaultRule, Latency, ResetPeer, Status

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage


async def _down_at_the_start(stage: Stage) -> None:
    await stage.go_down()
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await stage.pause(6.0)
    await sender.enqueue(*numbered(8, first=9))
    await stage.come_up()
    await sender.delivered()
    await sender.stop()


async def _down_for_a_while(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    await stage.pause(0.2)
    await stage.go_down()
    for number in range(9, 29):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.4)
    await stage.come_up()
    await sender.delivered()
    await sender.stop()


async def _connection_closed_while_idle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(4))
    await sender.delivered()
    await stage.pause(0.2)
    await stage.go_down()
    await stage.come_up()
    await sender.enqueue(*numbered(4, first=5))
    await sender.delivered()
    await sender.stop()


async def _failing_at_once(stage: Stage) -> None:
    one, other = await stage.open("run-1"), await stage.open("run-2")
    await one.enqueue(*numbered(8))
    await other.enqueue(*numbered(8, first=101))
    await stage.pause(stage.for_long(simulated=20.0, real=10.0))
    await one.stop()
    await other.stop()


async def _fails_recovers_fails(stage: Stage) -> None:
    sender = await stage.open()
    failing = on_all(Status(status=503))
    await sender.enqueue(*numbered(4))
    await sender.delivered()
    for first in (5, 9):
        stage.backend.add_fault(failing)
        await sender.enqueue(*numbered(4, first=first))
        await stage.pause(12.0)
        stage.backend.remove_fault(failing)
        await sender.delivered()
        await stage.pause(0.2)
    await sender.stop()


async def _final_in_the_middle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.enqueue(*numbered(8, first=9))
    await stage.pause(5.0)
    await sender.stop()


async def _asked_to_wait_until_a_date(stage: Stage) -> None:
    # A date has whole seconds; rounded up so that it is never less than two seconds from now.
    at = formatdate(int(time.time()) + 4, usegmt=True)
    stage.backend.add_fault(on_data(Status(status=503, headers={"Retry-After": at}), 2))
    await two_bursts(stage)


SCENARIOS = (
    Scenario(
        name="several-attempts-in-doubt",
        rules=("SEQ-3", "DLV-2", "DLV-3"),
        story="Window after window is reset at another point, some with a part of it taken.",
        script=two_bursts,
        settings={"max_window_events": 5},
        faults=(
            on_data(ResetPeer(phase="after-lines", lines=1), 1),
            on_data(ResetPeer(phase="before-accept"), 2),
            on_data(ResetPeer(phase="after-accept"), 3),
            on_data(Status(status=504, phase="after-accept"), 5),
        ),
    ),
    Scenario(
        name="nobody-says-what-became-of-it",
        rules=("SEQ-3", "DLV-1", "DLV-2", "DLV-3"),
        story="The answer to the first window is lost, and the questions after it are answered 503.",
        script=two_bursts,
        faults=(
            on_data(ResetPeer(phase="after-accept"), 1),
            FaultRule(fault=Status(status=503), of="sync", requests=(2, 3)),
        ),
    ),
    Scenario(
        name="a-window-that-is-taken-late",
        rules=("SEQ-3", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The first window times out, and is taken all the same, while its retry is under way.",
        script=two_bursts,
        faults=(
            on_data(Latency(seconds=2.5, phase="before-accept"), 1),
            on_data(Latency(seconds=1.0, phase="before-accept"), 2),
        ),
    ),
    Scenario(
        name="down-at-the-start",
        rules=("RTY-9", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The backend comes up thirty retry delays after the first event.",
        script=_down_at_the_start,
        is_of_the_network=True,
    ),
    Scenario(
        name="down-for-a-while",
        rules=("RTY-9", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="The backend goes away for forty retry delays in the middle, and events keep coming.",
        script=_down_for_a_while,
        is_of_the_network=True,
    ),
    Scenario(
        name="the-kept-alive-connection-is-gone",
        rules=("RTY-1", "DLV-1", "DLV-2"),
        story="The idle connection is closed just before the next event.",
        script=_connection_closed_while_idle,
        is_of_the_network=True,
    ),
    Scenario(
        name="a-backend-that-fails-at-once",
        rules=("RTY-2", "RTY-4", "DRN-3"),
        story="Every request of two senders is answered 503 at once, for a hundred retry delays.",
        script=_failing_at_once,
        settings={"stop_timeout": 2.0},
        faults=(on_all(Status(status=503)),),
    ),
    Scenario(
        name="connections-that-are-reset-at-once",
        rules=("RTY-2", "DRN-3"),
        story="Every connection of two senders is reset before anything is read.",
        script=_failing_at_once,
        settings={"stop_timeout": 2.0},
        faults=(on_all(ResetPeer(phase="before-read")),),
    ),
    Scenario(
        name="it-fails-recovers-and-fails-again",
        rules=("RTY-5", "DLV-1"),
        story="Two outages of sixty retry delays, with a success in between.",
        script=_fails_recovers_fails,
    ),
    Scenario(
        name="503-asks-to-wait-until-a-date",
        rules=("RTY-3", "DLV-1"),
        story="The second window is answered 503 with a date in Retry-After.",
        script=_asked_to_wait_until_a_date,
    ),
    Scenario(
        name="403-in-the-middle",
        rules=("RTY-6", "DRN-3", "DRN-4"),
        story="From the second window on, every request is answered 403.",
        script=_final_in_the_middle,
        faults=(FaultRule(fault=Status(status=403), requests=tuple(range(3, 43))),),
    ),
)
