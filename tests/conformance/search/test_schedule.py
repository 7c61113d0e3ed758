"""Schedules are data: they go to a file and back, and what makes no sense in one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given

from conformance.search import Recorded, Schedule, ScheduleError
from conformance.search.schedule import (
    Burst,
    Down,
    HalfClose,
    Pause,
    Refuse,
    Reset,
    Settle,
    StallLink,
    Trickle,
    Unreachable,
    Wire,
)
from conformance.search.strategies import schedules

if TYPE_CHECKING:
    from pathlib import Path

RUNS = ((Burst(events=1),),)


def recorded(schedule: Schedule) -> Recorded:
    """The schedule as it would be stored."""
    return Recorded(sender="m:f", breaks="DLV-2", sentence="twice", found="by hand", schedule=schedule)


@given(schedules())
def test_a_schedule_survives_json(schedule: Schedule) -> None:
    """What is drawn is stored, and read again as the same."""
    assert msgspec.json.decode(msgspec.json.encode(recorded(schedule)), type=Recorded) == recorded(schedule)


def test_a_schedule_survives_a_file(tmp_path: Path) -> None:
    """A file is written for people too, and read again as the same."""
    path = tmp_path / "found.json"
    recorded(Schedule(runs=RUNS)).write(path)
    assert '\n  "breaks": "DLV-2",\n' in path.read_text()
    assert Recorded.read(path) == recorded(Schedule(runs=RUNS))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no schedule"),
        ("{}", "missing required field `sender`"),
        ('{"sender": "m:f", "breaks": "", "sentence": "", "found": "", "schedule": {"runs": []}}', r"runs is \(\)"),
        ('{"sender": "m:f", "breaks": "", "sentence": "", "found": "", "schedule": {"rums": []}}', "rums"),
        ("\xff", "holds no schedule"),
    ],
)
def test_a_file_that_holds_no_schedule_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """The error says which file, and what is wrong in it."""
    path = tmp_path / "found.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ScheduleError, match=f"found.json.*{said}"):
        Recorded.read(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    """The error says which file, and why it can't be read."""
    with pytest.raises(ScheduleError, match=r"can't read .*nowhere.json: No such file"):
        Recorded.read(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        (Burst, {"events": -1}, "events is -1"),
        (Burst, {"events": 1, "size": -1}, "size is -1"),
        (Trickle, {"events": -1, "every": 1.0}, "events is -1"),
        (Trickle, {"events": 1, "every": float("nan")}, "every is nan"),
        (Pause, {"seconds": -0.1}, "seconds is -0.1"),
        (Settle, {"within": float("inf")}, "within is inf"),
        (Reset, {"at": -1.0}, "at is -1.0"),
        (StallLink, {"at": 0.0, "seconds": -1.0}, "seconds is -1.0"),
        (Refuse, {"at": 0.0, "seconds": -1.0}, "seconds is -1.0"),
        (Down, {"at": 0.0, "seconds": -1.0}, "seconds is -1.0"),
        (Unreachable, {"at": 0.0, "seconds": -1.0}, "seconds is -1.0"),
        (HalfClose, {"at": -1.0}, "at is -1.0"),
        (Wire, {"latency": -1.0}, "latency is -1.0"),
        (Wire, {"jitter": -1.0}, "jitter is -1.0"),
        (Wire, {"bandwidth": 0}, "bandwidth is 0"),
        (Wire, {"slice": 0}, "slice is 0"),
        (Schedule, {"runs": ()}, r"runs is \(\)"),
        (Schedule, {"runs": RUNS, "stands_at": -1}, "stands_at is -1"),
        (Schedule, {"runs": RUNS, "settings": {"token": 1}}, "settings is 'token'"),
        (Schedule, {"runs": RUNS, "settings": {"window_age": -1}}, "window_age is -1"),
    ],
)
def test_what_makes_no_sense_is_named(part: Any, values: dict[str, Any], said: str) -> None:
    """A wrong value is told by its name, with what would be right."""
    with pytest.raises(ScheduleError, match=f"{said}; it is "):
        part(**values)


def test_a_schedule_counts_what_it_holds() -> None:
    """Events are those of all runs, and troubles those of the backend and of the network."""
    schedule = Schedule(
        runs=((Burst(events=3), Pause(seconds=1.0)), (Trickle(events=4, every=0.1),)), network=(Reset(at=1.0),)
    )
    assert (schedule.events, schedule.troubles) == (7, 1)
