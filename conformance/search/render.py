"""Renders a schedule as a short script for people: who does what, and what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from conformance.evidence.describe import describe_fault
from conformance.search.schedule import (
    Burst,
    Down,
    HalfClose,
    NetworkEvent,
    Pause,
    Refuse,
    Reset,
    Schedule,
    Settle,
    StallLink,
    Step,
    Stop,
    Trickle,
    Unreachable,
    Unserializable,
    Wire,
)
from fake_backend import Limits

if TYPE_CHECKING:
    from conformance.search.schedule import Direction
    from fake_backend import FaultRule

_TEXTS = {
    "ascii": "characters",
    "two-bytes": "characters of two bytes",
    "escapes": "characters to escape",
    "poison": "characters after the word poison",
}
_KINDS = {"any": "", "data": " with events", "sync": " that is a sync", "completion": " that is a completion"}


def as_script(schedule: Schedule) -> list[tuple[str, str]]:
    """Return the schedule as lines, each with who it is about; what is as usual is left out."""
    lines = [(f"run-{number}", _step(step)) for number, steps in enumerate(schedule.runs, 1) for step in _ended(steps)]
    lines += [("backend", _fault(rule)) for rule in schedule.faults]
    lines += [("network", _network(event)) for event in schedule.network]
    if schedule.stands_at:
        lines.append(("backend", f"has accepted {schedule.stands_at} of each run before"))
    lines += [("backend", said) for said in _differences(schedule.limits, Limits())]
    lines += [("network", said) for said in _differences(schedule.wire, Wire())]
    lines += [("settings", f"{name}={value!r}") for name, value in schedule.settings.items()]
    return lines


def size_in_words(schedule: Schedule) -> str:
    """Return how large a schedule is: how many events it has, and how many faults."""
    return f"{counted(schedule.events, 'event')} and {counted(schedule.troubles, 'fault')}"


def counted(number: int, what: str) -> str:
    """Return a number with the noun that it counts."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _ended(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return steps if any(isinstance(step, Stop) for step in steps) else (*steps, Stop())


def _step(step: Step) -> str:
    match step:
        case Burst(events=events, size=size, text=text):
            of = f", each with a text of {size:,} {_TEXTS[text]}" if size or text == "poison" else ""
            return f"enqueue {counted(events, 'event')}{of}"
        case Trickle(events=events, every=every):
            return f"enqueue {counted(events, 'event')}, one every {every:g} s"
        case Unserializable():
            return "enqueue what JSON can't carry"
        case Pause(seconds=seconds):
            return f"wait {seconds:g} s"
        case Settle(within=within):
            return f"wait until all is delivered, at most {within:g} s"
        case Stop(complete=complete):
            return "stop" if complete else "stop, and leave the run open"
        case _:
            assert_never(step)


def _fault(rule: FaultRule) -> str:
    run = f" of {rule.run_id}" if rule.run_id is not None else ""
    if rule.requests:
        which = f"request {', '.join(map(str, rule.requests))}"
    else:
        which = f"every request number {rule.every}" if rule.every > 1 else "every request"
    conditions = [
        f"if its number is divisible by {rule.every}" if rule.requests and rule.every > 1 else "",
        f"if it carries event {' or '.join(map(str, rule.events))}" if rule.events else "",
        f"with the chance {rule.probability:g} of seed {rule.seed}" if rule.probability is not None else "",
        f"from {rule.between[0]:g} s to {rule.between[1]:g} s" if rule.between is not None else "",
        f"at most {counted(rule.times, 'time')}" if rule.times is not None else "",
    ]
    more = "".join(f", {condition}" for condition in conditions if condition)
    return f"{which}{_KINDS[rule.of]}{run}{more}: {describe_fault(rule.fault)}"


def _network(event: NetworkEvent) -> str:
    match event:
        case Reset(at=at, seen_by=seen_by):
            return f"at {at:g} s connections are reset, as {_ends(seen_by)} sees it"
        case HalfClose(at=at, seen_by=seen_by):
            return f"at {at:g} s {_ends(seen_by)} sees the end of what the other side sends"
        case Unreachable(at=at, seconds=seconds):
            return f"at {at:g} s, for {seconds:g} s, the backend's host is gone"
        case StallLink(at=at, seconds=seconds, toward=toward):
            return f"at {at:g} s, for {seconds:g} s, nothing arrives at {_ends(toward)}"
        case Refuse(at=at, seconds=seconds):
            return f"at {at:g} s, for {seconds:g} s, new connections are refused"
        case Down(at=at, seconds=seconds):
            return f"at {at:g} s, for {seconds:g} s, the backend is down"
        case _:
            assert_never(event)


def _ends(direction: Direction) -> str:
    return "either end" if direction == "both" else f"the {direction}"


def _differences(part: msgspec.Struct, usual: msgspec.Struct) -> list[str]:
    there, before = msgspec.structs.asdict(part), msgspec.structs.asdict(usual)
    return [f"{name}={value!r}" for name, value in there.items() if value != before[name]]
