"""Limits of windows, of events and of the buffer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_data
from fake_backend.faults import FaultRule, Latency, Status
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from conformance.harness.staged_sender import StagedSender

_LIMIT = 1_000
_WINDOW = 2_000
_SIX_DIGITS = 99_999
_SLOW = FaultRule(fault=Latency(seconds=1.0, phase="before-accept"))
_LETTERS = {"two-bytes": "é", "four-bytes": "🦔"}
"""Of as many bytes as their name says where they are written as they are, and of six or twelve where escaped."""


async def _a_burst(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(40))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _events_of_all_sizes(stage: Stage) -> None:
    sender = await stage.open()
    sizes = [10, 900, 40, 1_300, 1_400, 700, 600, 500, 1, 1_350, 20, 30, 980, 1_010, 400, 400, 400, 1_399]
    await sender.enqueue(*({"n": n, "text": "x" * size} for n, size in enumerate(sizes, start=1)))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruler:
    """Makes events whose lines have the wanted sizes, however their sender writes them.

    `around` is what it writes beside the text and the number, `per_letter` what one letter takes.
    """

    letter: str
    around: int
    per_letter: int

    def event(self, size: int, number: int) -> dict[str, str]:
        """Return an event whose line has `size` bytes under a number."""
        letters, rest = divmod(size - self.around - len(str(number)), self.per_letter)
        return {"text": self.letter * letters + "x" * rest}


async def _measured(stage: Stage, sender: StagedSender, letter: str) -> _Ruler:
    """Find out how a sender writes a letter: it sends ten of them, and then twenty."""
    for count in (1, 2):
        await sender.enqueue({"text": letter * 10 * count})
        await sender.delivered(count)
        await stage.pause(0.1)
    match [line.size - len(str(line.seq)) for line in _lines(stage)]:
        case [ten, twenty] if twenty > ten:
            per_letter = (twenty - ten) // 10
            return _Ruler(letter=letter, around=ten - 10 * per_letter, per_letter=per_letter)
        case _:
            return _Ruler(letter=letter, around=0, per_letter=1)  # it didn't send them, and fails for that


def _lines(stage: Stage) -> list[LineReceived]:
    return [record for record in stage.records if isinstance(record, LineReceived)]


def _next_number(stage: Stage) -> int:
    return max((line.seq or 0 for line in _lines(stage)), default=0) + 1


async def _to_the_byte(stage: Stage, letter: str = "x") -> None:
    sender = await stage.open()
    ruler = await _measured(stage, sender, letter)
    first = _next_number(stage)
    for place, size in enumerate((_LIMIT - 1, _LIMIT, _LIMIT + 1, _LIMIT + 2, _LIMIT + 500)):
        await sender.enqueue(ruler.event(size, first + min(place, 2)))  # no number is taken from the third on
    # As many letters as there may be bytes.
    await sender.enqueue({"text": letter * (_LIMIT - ruler.around)})
    await sender.delivered(4)
    await stage.pause(0.1)
    await sender.stop()


async def _windows_to_the_byte(stage: Stage, letter: str = "x") -> None:
    sender = await stage.open()
    ruler = await _measured(stage, sender, letter)
    # Two lines and the newline between them: two bytes less than the limit, one less, the limit, and past it.
    for count, over in enumerate((-2, -1, 0, 1, 2, 10)):
        half = (_WINDOW - 1) // 2
        number = _next_number(stage)
        sizes = (half, _WINDOW - 1 - half + over)
        await sender.enqueue(*(ruler.event(size, number + place) for place, size in enumerate(sizes)))
        await sender.delivered(2 * count + 4)
        await stage.pause(0.1)
    # And as many letters as there may be bytes.
    await sender.enqueue(*({"text": letter * (_WINDOW // 2 // ruler.per_letter - 50), "n": n} for n in range(1, 9)))
    await sender.delivered(22)
    await stage.pause(0.1)
    await sender.stop()


async def _a_full_window_outgrows_its_limit(stage: Stage) -> None:
    """A window of nearly the limit under short numbers is answered 409 by a run that has gone on to long ones."""
    sender = await stage.open()
    ruler = await _measured(stage, sender, "x")
    window = len({line.request for line in _lines(stage)}) + 1
    stage.backend.add_fault(on_data(stage.in_this_world(_SLOW).fault, window))
    stage.backend.add_fault(on_data(Status(status=409), window))
    first = _next_number(stage)
    half = (_WINDOW - 1) // 2
    # Three bytes less than the limit: a sender may count a newline after the last line too.
    await sender.enqueue(ruler.event(half, first), ruler.event(_WINDOW - 4 - half, first + 1))
    await stage.pause(0.4)
    stage.backend.set_run(sender.run_id, last_accepted_seq=_SIX_DIGITS, why=f"another writer wrote up to {_SIX_DIGITS}")
    await sender.delivered(4)
    await stage.pause(0.5)
    await sender.stop()


async def _outgrown(stage: Stage) -> None:
    sender = await stage.open()
    ruler = await _measured(stage, sender, "x")
    window = len({line.request for line in _lines(stage)}) + 1
    stage.backend.add_fault(on_data(stage.in_this_world(_SLOW).fault, window))
    stage.backend.add_fault(on_data(Status(status=409), window))
    await sender.enqueue({"text": "before"}, ruler.event(_LIMIT, _next_number(stage) + 1), {"text": "after"})
    await stage.pause(0.4)
    stage.backend.set_run(sender.run_id, last_accepted_seq=_SIX_DIGITS, why=f"another writer wrote up to {_SIX_DIGITS}")
    await sender.delivered(4)
    await stage.pause(0.5)
    await sender.stop()


async def _more_than_the_buffer_holds(stage: Stage, letter: str = "x") -> None:
    await stage.go_down()
    sender = await stage.open()
    await sender.enqueue(*numbered(30, text=letter * 100))
    await stage.pause(1.0)
    await sender.enqueue(*numbered(10, first=31, text=letter * 100))
    await stage.come_up()
    await stage.pause(stage.for_long(simulated=15.0, real=10.0))
    await sender.enqueue(*numbered(15, first=41, text=letter * 100))
    await stage.pause(1.0)
    await sender.stop()


async def _full_behind_a_window(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(15, text="x" * 100))
    await stage.pause(0.3)
    await sender.enqueue(*numbered(15, first=16, text="x" * 100))
    await stage.pause(0.3)
    await sender.enqueue(*numbered(5, first=31, text="x" * 100))
    await stage.pause(8.0)
    await sender.enqueue(*numbered(10, first=36, text="x" * 100))
    await stage.pause(1.0)
    await sender.stop()


async def _the_unserializable(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(3))
    itself: dict[str, Any] = {}
    itself["itself"] = itself
    await sender.enqueue_unserializable({"n": object()}, "an object of a class of its own")
    await sender.enqueue(*numbered(3, first=4))
    await sender.enqueue_unserializable({"n": math.nan}, "not a number")
    await sender.enqueue_unserializable({"list": [1.0, -math.inf]}, "an infinity")
    await sender.enqueue_unserializable(itself, "a dict that holds itself")
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    await sender.enqueue_unserializable({"deep": deep}, "lists in lists, a hundred thousand deep")
    await sender.enqueue(*numbered(3, first=7))
    await sender.delivered(9)
    await sender.stop()


SCENARIOS = (
    Scenario(
        name="a-burst-of-forty-in-windows-of-seven",
        rules=("WIN-1", "WIN-5", "DLV-3"),
        story="Forty events at once, and windows of seven.",
        script=_a_burst,
        settings={"max_window_events": 7},
    ),
    Scenario(
        name="events-of-all-sizes-in-small-windows",
        rules=("WIN-1", "DLV-1", "DLV-3"),
        story="Events of up to 1,400 bytes in windows of 2,000: some fit alone, but not with the rest.",
        script=_events_of_all_sizes,
        settings={"max_window_bytes": 2_000, "max_event_bytes": 1_500},
    ),
    Scenario(
        name="windows-to-the-byte",
        rules=("WIN-1", "DLV-1", "DLV-3"),
        story="Pairs of events that just fit into a window, or don't by a byte or two.",
        script=_windows_to_the_byte,
        settings={"max_window_bytes": _WINDOW, "max_event_bytes": 1_500},
    ),
    Scenario(
        name="the-largest-event-to-the-byte",
        rules=("WIN-2", "DLV-1"),
        story="Lines of one byte less than the limit, of the limit, and of one byte and of 500 bytes more.",
        script=_to_the_byte,
        settings={"max_event_bytes": _LIMIT},
    ),
    *(
        Scenario(
            name=f"windows-to-the-byte-in-letters-of-{name}",
            rules=("WIN-1", "DLV-1", "DLV-3"),
            story=f"Pairs of events around a window's limit, made of letters of {name.replace('-', ' ')}.",
            script=partial(_windows_to_the_byte, letter=letter),
            settings={"max_window_bytes": _WINDOW, "max_event_bytes": 1_500},
        )
        for name, letter in _LETTERS.items()
    ),
    Scenario(
        name="windows-to-the-byte-under-six-digits",
        rules=("WIN-1", "DLV-1", "DLV-3"),
        story="Pairs of events around a window's limit, under numbers of six digits, which are bytes of a line too.",
        script=_windows_to_the_byte,
        settings={"max_window_bytes": _WINDOW, "max_event_bytes": 1_500},
        stands_at=_SIX_DIGITS,
    ),
    *(
        Scenario(
            name=f"the-largest-event-in-letters-of-{name}",
            rules=("WIN-2", "DLV-1"),
            story=f"Lines around the limit, made of letters of {name.replace('-', ' ')}.",
            script=partial(_to_the_byte, letter=letter),
            settings={"max_event_bytes": _LIMIT},
        )
        for name, letter in _LETTERS.items()
    ),
    Scenario(
        name="the-largest-event-under-six-digits",
        rules=("WIN-2", "DLV-1"),
        story="Lines around the limit, under numbers of six digits.",
        script=_to_the_byte,
        settings={"max_event_bytes": _LIMIT},
        stands_at=_SIX_DIGITS,
    ),
    Scenario(
        name="an-event-that-outgrows-its-limit",
        rules=("WIN-2", "SEQ-2", "DLV-1", "DLV-3"),
        story="A line of exactly the limit is waiting when another writer moves the run to numbers of six digits.",
        script=_outgrown,
        settings={"max_event_bytes": _LIMIT},
    ),
    Scenario(
        name="a-full-window-that-outgrows-its-limit",
        rules=("WIN-1", "SEQ-2", "DLV-1", "DLV-3"),
        story="A window of nearly the limit is waiting when another writer moves the run to numbers of six digits.",
        script=_a_full_window_outgrows_its_limit,
        settings={"max_window_bytes": _WINDOW, "max_event_bytes": _WINDOW // 2 + 100},
    ),
    Scenario(
        name="more-events-than-the-buffer-holds",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="The backend is down, and forty events meet a buffer of twenty; later it takes events again.",
        script=_more_than_the_buffer_holds,
        settings={"max_buffered_events": 20},
    ),
    Scenario(
        name="more-bytes-than-the-buffer-holds",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="The backend is down, and forty events of some 140 bytes meet a buffer of 3,000.",
        script=_more_than_the_buffer_holds,
        settings={"max_buffered_bytes": 3_000, "max_event_bytes": 1_000},
    ),
    Scenario(
        name="more-letters-than-the-buffer-holds-bytes",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="The backend is down, and forty events of a hundred two-byte letters meet a buffer of 3,000 bytes.",
        script=partial(_more_than_the_buffer_holds, letter=_LETTERS["two-bytes"]),
        settings={"max_buffered_bytes": 3_000, "max_event_bytes": 1_000},
    ),
    Scenario(
        name="a-buffer-that-is-full-behind-a-window",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="A window of fifteen events takes its time, and what comes meanwhile meets a buffer of twenty.",
        script=_full_behind_a_window,
        settings={"max_buffered_events": 20},
        faults=(on_data(Latency(seconds=1.5, phase="before-accept"), 1),),
    ),
    Scenario(
        name="bytes-that-do-not-fit-behind-a-window",
        rules=("WIN-3", "LIV-1", "DLV-1", "DLV-3"),
        story="A window of some 2,000 bytes takes its time, and what comes meanwhile meets a buffer of 3,000.",
        script=_full_behind_a_window,
        settings={"max_buffered_bytes": 3_000, "max_event_bytes": 1_000},
        faults=(on_data(Latency(seconds=1.5, phase="before-accept"), 1),),
    ),
    Scenario(
        name="events-that-json-cannot-carry",
        rules=("WIN-4", "DLV-1"),
        story="Among good events: an object, NaN, an infinity, a dict that holds itself, lists 100,000 deep.",
        script=_the_unserializable,
        ability="unserializable",
    ),
)
