"""Waits before the next attempt: what `Retry-After` asks for, sense or nonsense, and delays by the thousand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import delivered_then_stop, on_completion, on_data, two_bursts
from fake_backend.faults import Partial, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault


async def _two_bursts_and_events_in_the_meantime(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await stage.pause(0.3)
    for number in range(9, 41):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.05)
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _enqueue_and_stop(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.stop()


async def _three_bursts_with_rests(stage: Stage) -> None:
    sender = await stage.open()
    for first in (1, 4, 7):
        await sender.enqueue(*numbered(3, first=first))
        await sender.delivered()
        await stage.pause(0.5)
    await sender.stop()


async def _failing_for_a_while(fault: Fault, stage: Stage) -> None:
    """Windows fail at once for a hundred retry delays, while syncs go well; a caller goes on all the time.

    Half as many do where time is real.
    """
    rule = on_data(fault)
    stage.backend.add_fault(rule)
    sender = await stage.open()
    for number in range(1, stage.for_long(simulated=200, real=100) + 1):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.1)
    stage.backend.remove_fault(rule)
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _down_for_thousands_of_delays(stage: Stage) -> None:
    await stage.go_down()
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await stage.pause(stage.for_long(simulated=150.0, real=20.0))
    await stage.come_up()
    await sender.delivered()
    await sender.stop()


async def _asked_to_wait_for_minutes(stage: Stage) -> None:
    asked = stage.for_long(simulated=_MINUTES, real=8)
    stage.backend.add_fault(on_data(Status(status=503, headers={"Retry-After": str(asked)}), 2))
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.enqueue(*numbered(6, first=7))
    await sender.delivered(within=2 * _MINUTES)
    await stage.pause(0.1)
    await sender.stop()


async def _asked_to_wait_until(written: Callable[[datetime], str], stage: Stage) -> None:
    at = datetime.fromtimestamp(int(time.time()) + 3, tz=UTC)
    stage.backend.add_fault(on_data(Status(status=503, headers={"Retry-After": written(at)}), 2))
    await two_bursts(stage)


def _as_in_rfc_850(at: datetime) -> str:
    month = at.ctime()[4:7]  # HTTP speaks English in every locale, and so does `ctime`
    return f"{_DAYS[at.weekday()]}, {at:%d}-{month}-{at:%y %H:%M:%S} GMT"


async def _the_clock_is_set_meanwhile(seconds: float, stage: Stage) -> None:
    # Where time is real nobody sets a clock, and a short wait is as good.
    asked = stage.for_long(simulated=3, real=1)
    stage.backend.add_fault(on_data(Status(status=503, headers={"Retry-After": str(asked)}), 1))
    await _set_in_the_middle(seconds, stage)


async def _set_in_the_middle(seconds: float, stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await stage.pause(1.0)
    stage.step_wall_clock(seconds)
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


_MINUTES = 300
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OLD_FORMS: dict[str, tuple[str, Callable[[datetime], str]]] = {
    "of-rfc-850": ("of RFC 850", _as_in_rfc_850),
    "of-asctime": ("of asctime", datetime.ctime),
}
_NONSENSE = {
    "below-zero": "-5",
    "zero": "0",
    "a-word": "soon",
    "past-all-numbers": "1e999",
    "long-ago": "Sun, 06 Nov 1994 08:49:37 GMT",
    "empty": "",
}
_WITHOUT_PROGRESS: dict[str, tuple[str, Fault]] = {
    "answered-503": ("Every window is answered 503", Status(status=503)),
    "answered-with-a-page-of-html": (
        "Every window is answered with a page of HTML",
        Status(status=200, body="<html>OK</html>"),
    ),
    "of-which-nothing-is-taken": ("Nothing of any window is taken", Partial(lines=0)),
}

SCENARIOS = (
    Scenario(
        name="a-drain-that-is-asked-to-wait-longer-than-the-longest-delay",
        rules=("RTY-3", "DRN-1"),
        story="stop is called while the first window waits, answered 503 with Retry-After: 3; no delay is over 0.5 s.",
        script=_enqueue_and_stop,
        settings={"max_retry_delay": 0.5},
        faults=(on_data(Status(status=503, headers={"Retry-After": "3"}), 1),),
    ),
    Scenario(
        name="asked-to-wait-for-five-minutes",
        rules=("RTY-3", "DLV-1"),
        story="The second window is answered 503 with Retry-After: 300, and there are five minutes to wait.",
        script=_asked_to_wait_for_minutes,
    ),
    *(
        Scenario(
            name=f"asked-to-wait-until-a-date-{name}",
            rules=("RTY-3", "DLV-1"),
            story=f"The second window is answered 503 with a date in the form {form}, which HTTP asks clients to read.",
            script=partial(_asked_to_wait_until, written),
        )
        for name, (form, written) in _OLD_FORMS.items()
    ),
    *(
        Scenario(
            name=f"the-wall-clock-is-set-{name}-during-a-wait",
            rules=("RTY-3", "RTY-1", "DLV-1"),
            story=f"The first window is answered 503 with Retry-After: 3; meanwhile the clock goes {name} by an hour.",
            script=partial(_the_clock_is_set_meanwhile, seconds),
        )
        for name, seconds in (("forward", 3_600.0), ("back", -3_600.0))
    ),
    Scenario(
        name="the-wall-clock-is-set-back-during-a-backoff",
        rules=("RTY-1", "DLV-1"),
        story="The first window is answered 503, which asks for nothing; meanwhile the clock goes back by an hour.",
        script=partial(_set_in_the_middle, -3_600.0),
        settings={"retry_delay": 2.0},
        faults=(on_data(Status(status=503), 1),),
    ),
    Scenario(
        name="a-failure-long-after-one-that-asked-to-wait",
        rules=("RTY-5", "RTY-3", "DLV-1"),
        story="The first window is answered 503 with Retry-After: 3, two go well, and then some fail that ask nothing.",
        script=_three_bursts_with_rests,
        faults=(
            on_data(Status(status=503, headers={"Retry-After": "3"}), 1),
            on_data(Status(status=503), 4, 5, 6, 7),
        ),
    ),
    *(
        Scenario(
            name=f"a-retry-after-that-is-{name}",
            rules=("RTY-1", "RTY-2", "DLV-1"),
            story=f"Windows are answered 503 with `Retry-After: {value}`, fourteen times.",
            script=two_bursts,
            settings={"retry_delay": 0.1, "max_retry_delay": 1.0},  # fourteen of the longest would take a minute
            faults=(on_data(Status(status=503, headers={"Retry-After": value}), *range(2, 16)),),
        )
        for name, value in _NONSENSE.items()
    ),
    Scenario(
        name="a-retry-after-above-the-longest-delay",
        rules=("RTY-3", "DLV-1"),
        story="The second window is answered 503 with Retry-After: 2, and no delay of the sender's own is over 0.5 s.",
        script=two_bursts,
        settings={"max_retry_delay": 0.5},
        faults=(on_data(Status(status=503, headers={"Retry-After": "2"}), 2),),
    ),
    Scenario(
        name="a-completion-is-asked-to-wait",
        rules=("RTY-3", "DRN-1"),
        story="The completion is answered 503 with Retry-After: 2.",
        script=delivered_then_stop,
        faults=(on_completion(Status(status=503, headers={"Retry-After": "2"}), 1),),
    ),
    Scenario(
        name="events-that-come-while-it-is-asked-to-wait",
        rules=("RTY-3", "DLV-1", "DLV-3"),
        story="The first window is answered 503 with Retry-After: 2, and events keep coming.",
        script=_two_bursts_and_events_in_the_meantime,
        faults=(on_data(Status(status=503, headers={"Retry-After": "2"}), 1),),
    ),
    *(
        Scenario(
            name=f"windows-{name}-and-syncs-that-go-well",
            rules=("RTY-2", "DLV-1", "DLV-3"),
            story=f"{story} for a hundred retry delays, and events keep coming.",
            script=partial(_failing_for_a_while, fault),
        )
        for name, (story, fault) in _WITHOUT_PROGRESS.items()
    ),
    Scenario(
        name="down-for-thousands-of-delays",
        rules=("RTY-9", "DLV-1"),
        story="The backend is away for fifteen hundred of the longest delays.",
        script=_down_for_thousands_of_delays,
        settings={"retry_delay": 0.01, "max_retry_delay": 0.1},
    ),
)
