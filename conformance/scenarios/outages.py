"""Failures that pass: resets, statuses, downtime; and some that don't."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_all, on_data, two_bursts
from fake_backend.faults import FaultRule, Latency, ResetPeer, Status

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Phase


async def _a_trickle_into_an_open_window(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 25):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.25)
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


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


async def _final_from_the_start(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await stage.pause(stage.for_long(simulated=10.0, real=5.0))
    await sender.enqueue(*numbered(8, first=9))
    await stage.pause(2.0)
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


_RESETS: dict[str, tuple[Phase, int]] = {
    "before-anything-is-read": ("before-read", 0),
    "before-anything-is-taken": ("before-accept", 0),
    "after-three-lines": ("after-lines", 3),
    "after-all-was-taken": ("after-accept", 0),
    "in-the-middle-of-the-answer": ("in-answer", 0),
}
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_FINAL = (401, 403, 404, 410)
_PAGE = "<html><body><h1>No route to the backend</h1></body></html>"

SCENARIOS = (
    *(
        Scenario(
            name=f"reset-{name}",
            rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
            story=f"The connection of the second window is reset {name.replace('-', ' ')}.",
            script=two_bursts,
            faults=(on_data(ResetPeer(phase=phase, lines=lines), 2),),
        )
        for name, (phase, lines) in _RESETS.items()
    ),
    *(
        Scenario(
            name=f"{status}-before-a-window-is-taken",
            rules=("RTY-1", "DLV-1", "DLV-3"),
            story=f"The second window is answered {status}, and nothing of it was taken.",
            script=two_bursts,
            faults=(on_data(Status(status=status), 2),),
        )
        for status in _TRANSIENT
    ),
    *(
        Scenario(
            name=f"{status}-after-a-window-is-taken",
            rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
            story=f"The second window is taken, and a proxy answers {status}.",
            script=two_bursts,
            faults=(on_data(Status(status=status, phase="after-accept"), 2),),
        )
        for status in _TRANSIENT
    ),
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
    *(
        Scenario(
            name=f"a-stream-that-is-reset-{name}",
            rules=("DLV-1", "DLV-2", "DLV-3"),
            story=f"An open window is reset {name.replace('-', ' ')}, and events keep coming.",
            script=_a_trickle_into_an_open_window,
            settings={"window_age": 3.0},
            faults=(on_data(ResetPeer(phase=phase, lines=lines), 1, 3),),
        )
        for name, (phase, lines) in _RESETS.items()
    ),
    Scenario(
        name="a-stream-that-ends-in-a-504",
        rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        story="Open windows are taken, and a proxy answers 504.",
        script=_a_trickle_into_an_open_window,
        settings={"window_age": 1.0},
        faults=(on_data(Status(status=504, phase="after-accept"), 1, 3),),
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
    *(
        Scenario(
            name=f"{status}-asks-to-wait-for-seconds",
            rules=("RTY-3", "DLV-1"),
            story=f"The second window is answered {status} with Retry-After: 2, ten times the retry delay.",
            script=two_bursts,
            faults=(on_data(Status(status=status, headers={"Retry-After": "2"}), 2),),
        )
        for status in (408, 429, 500, 502, 503, 504)
    ),
    Scenario(
        name="503-asks-to-wait-until-a-date",
        rules=("RTY-3", "DLV-1"),
        story="The second window is answered 503 with a date in Retry-After.",
        script=_asked_to_wait_until_a_date,
    ),
    *(
        Scenario(
            name=f"{status}-from-the-start",
            rules=("RTY-6", "DRN-3"),
            story=f"Every request is answered {status}.",
            script=_final_from_the_start,
            faults=(on_all(Status(status=status)),),
        )
        for status in _FINAL
    ),
    *(
        Scenario(
            name=f"{status}-of-a-proxy",
            rules=("RTY-1", "DLV-1", "DLV-2"),
            story=f"A load balancer answers the first question and the second window with {status} and a page of HTML.",
            script=two_bursts,
            faults=(
                FaultRule(fault=Status(status=status, body=_PAGE), of="sync", requests=(1,)),
                on_data(Status(status=status, body=_PAGE), 2),
            ),
        )
        for status in _FINAL
    ),
    Scenario(
        name="403-in-the-middle",
        rules=("RTY-6", "DRN-3", "DRN-4"),
        story="From the second window on, every request is answered 403.",
        script=_final_in_the_middle,
        faults=(FaultRule(fault=Status(status=403), requests=tuple(range(3, 43))),),
    ),
)
