"""Rules as data: which requests they choose, and which values make sense."""

import json
from typing import Any, get_args

import msgspec
import pytest

from fake_backend import Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    CompletedElsewhere,
    Down,
    Duplicate,
    ExpireToken,
    Fence,
    ForeignWriter,
    Forget,
    IdleCut,
    LateAccept,
    LimitData,
    Overlap,
    Partial,
    Poison,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
)
from fake_backend.faults.file import parse_faults
from fake_backend.faults.table import rule_of_table, table_of_rule

FAULTS: list[Fault] = [
    Latency(seconds=0.5, phase="after-lines", lines=3, jitter=0.25),
    ResetPeer(),
    Stall(),
    Stall(seconds=2.0, phase="in-answer"),
    Timeout(seconds=2.0, phase="after-accept"),
    Down(seconds=30.0),
    SlowClose(seconds=1.5),
    CloseOnReuse(),
    IdleCut(seconds=60.0),
    Bandwidth(rate=1_000, stream="upstream"),
    Slicer(size=1, delay=0.1),
    LimitData(size=0),
    Status(status=429, headers={"Retry-After": "1"}, body="<h1>slow</h1>", phase="before-read"),
    Partial(lines=0),
    Duplicate(),
    Poison(containing='ü"', status=413),
    LateAccept(seconds=3.0),
    LateAccept(seconds=3.0, status=None),
    BufferRequest(),
    BufferRequest(seconds=3.0, status=None),
    Overlap(seconds=0.05),
    Forget(last_accepted_seq=4),
    ForeignWriter(numbers=2, phase="after-lines", lines=1),
    CompletedElsewhere(phase="in-answer"),
    ExpireToken(),
    Fence(epoch=2),
]


MORE: dict[str, Any] = {
    "every": 2,
    "probability": 0.5,
    "seed": 3,
    "between": (1.0, 2.5),
    "times": 4,
    "run_id": "run",
}


def test_every_kind_of_fault_is_tested() -> None:
    """A new kind can't go without a round trip."""
    assert {type(fault) for fault in FAULTS} == set(get_args(Fault))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_survives_json(fault: Fault) -> None:
    """What is written as JSON is read as the same rule."""
    rule = FaultRule(fault=fault, of="data", requests=(1, 4), **MORE)
    assert msgspec.json.decode(msgspec.json.encode(rule), type=FaultRule) == rule


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_survives_toml(fault: Fault) -> None:
    """What is written as a table of a file of faults, with `false` for nothing, is read as the same rule."""
    table = msgspec.to_builtins(fault) | {"of": "data", "requests": [1, 4], **MORE}
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    rule = FaultRule(fault=fault, of="data", requests=(1, 4), **MORE)
    assert parse_faults("\n".join(["[[fault]]", *lines])) == (rule,)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    return "false" if value is None else json.dumps(value)  # of these, TOML writes all but None as JSON does


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_survives_being_a_table(fault: Fault) -> None:
    """What is written as a flat table is read as the same rule, also by way of JSON."""
    rule = FaultRule(fault=fault, of="data", requests=(1, 4), **MORE)
    assert rule_of_table(json.loads(json.dumps(table_of_rule(rule)))) == rule
    assert rule_of_table(table_of_rule(FaultRule(fault=fault))) == FaultRule(fault=fault)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_prints_as_the_call_that_makes_it(fault: Fault) -> None:
    """What a report shows can be pasted, and is equal to what it shows."""
    assert eval(repr(fault)) == fault  # noqa: S307 - our own text


@pytest.mark.parametrize(
    ("fault", "scaled"),
    [
        (Latency(seconds=2.0, jitter=1.0), Latency(seconds=0.5, jitter=0.25)),
        (Stall(), Stall()),
        (Stall(seconds=2.0), Stall(seconds=0.5)),
        (Timeout(seconds=2.0), Timeout(seconds=0.5)),
        (Down(seconds=2.0), Down(seconds=0.5)),
        (SlowClose(seconds=2.0), SlowClose(seconds=0.5)),
        (LateAccept(seconds=2.0, status=None), LateAccept(seconds=0.5, status=None)),
        (IdleCut(seconds=2.0), IdleCut(seconds=0.5)),
        (BufferRequest(seconds=2.0, status=None), BufferRequest(seconds=0.5, status=None)),
        (Overlap(seconds=2.0), Overlap(seconds=0.5)),
        (Slicer(size=4, delay=2.0), Slicer(size=4, delay=0.5)),
        (Bandwidth(rate=4), Bandwidth(rate=16)),
        (LimitData(size=4), LimitData(size=4)),
        (ResetPeer(phase="after-lines", lines=4), ResetPeer(phase="after-lines", lines=4)),
    ],
)
def test_a_rule_is_scaled_with_its_world(fault: Fault, scaled: Fault) -> None:
    """Where time runs four times as fast, durations are a quarter, rates four times, and all else is the same."""
    rule = FaultRule(fault=fault, of="data", every=2)
    assert rule.scaled(0.25) == FaultRule(fault=scaled, of="data", every=2)
    assert rule.scaled(0.25).scaled(4.0) == rule


def test_the_times_of_a_rule_are_scaled_too() -> None:
    """What strikes between two moments does so between the same two in a faster world."""
    rule = FaultRule(fault=ResetPeer(), between=(2.0, 8.0))
    assert rule.scaled(0.25) == FaultRule(fault=ResetPeer(), between=(0.5, 2.0))


def test_no_fault_has_a_value_by_the_name_of_a_selector() -> None:
    """In a table of a file, a fault's keys and the rule's stand side by side."""
    for kind in get_args(Fault):
        assert not set(kind.__struct_fields__) & set(FaultRule.__struct_fields__)


def test_a_rate_is_scaled_to_a_byte_a_second_at_the_least() -> None:
    """A bandwidth of nothing would be a stall."""
    assert FaultRule(fault=Bandwidth(rate=4)).scaled(100.0).fault == Bandwidth(rate=1)


@pytest.mark.parametrize(
    ("selectors", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"every": 1}, [1, 2, 3, 4, 5, 6]),
        ({"every": 3}, [3, 6]),
        ({"requests": (1, 4)}, [1, 4]),
        ({"run_id": "run"}, [1, 2, 3, 4, 5, 6]),
        ({"run_id": "other"}, []),
        ({"run_id": "other", "requests": (1,)}, []),
        ({"requests": (1, 2, 4, 5), "every": 2}, [2, 4]),
        ({"requests": (1, 2), "every": 3}, []),
    ],
)
def test_a_rule_chooses_its_requests(selectors: dict[str, Any], struck: list[int]) -> None:
    """Requests are counted from 1; no selector means each, and several must hold together."""
    rule = FaultRule(fault=ResetPeer(), **selectors)
    assert [index for index in range(1, 7) if rule.chooses(index, "run")] == struck


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Latency, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (Latency, {"seconds": float("nan")}, "seconds is nan; it is a duration, from 0"),
        (Stall, {"seconds": float("inf")}, "seconds is inf; it is a duration, from 0"),
        (Latency, {"seconds": 1.0, "phase": "after-lines"}, "lines is 0; .* after how many, from 1"),
        (Latency, {"seconds": 1.0, "jitter": -0.5}, "jitter is -0.5; it is a duration, from 0"),
        (Timeout, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (Timeout, {"seconds": 1.0, "lines": 2}, "lines is 2; it goes with phase 'after-lines' alone"),
        (Down, {"seconds": float("inf")}, "seconds is inf; it is a duration, from 0"),
        (Down, {"seconds": 1e308}, r"seconds is 1e\+308; it is a duration, from 0 to 31622400 seconds \(a year\)"),
        (Stall, {"seconds": 31_622_401.0}, "seconds is 31622401.0; it is a duration"),
        (Latency, {"seconds": 1.0, "jitter": 1e9}, "jitter is 1000000000.0; it is a duration"),
        (LateAccept, {"seconds": 1e9}, "seconds is 1000000000.0; it is a duration"),
        (Down, {"seconds": 1.0, "phase": "after-lines"}, "lines is 0; .* after how many, from 1"),
        (SlowClose, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (LateAccept, {"seconds": float("nan")}, "seconds is nan; it is a duration, from 0"),
        (LateAccept, {"seconds": 1.0, "status": 101}, "status is 101; an answer has one from 200 to 599"),
        (BufferRequest, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (BufferRequest, {"status": 600}, "status is 600; an answer has one from 200 to 599"),
        (Overlap, {"seconds": float("inf")}, "seconds is inf; it is a duration, from 0"),
        (IdleCut, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (Bandwidth, {"rate": 0}, "rate is 0; it is bytes a second, from 1"),
        (Slicer, {"size": 0}, "size is 0; it is the bytes of a piece, from 1"),
        (Slicer, {"size": 1, "delay": -1.0}, "delay is -1.0; it is a duration, from 0"),
        (LimitData, {"size": -1}, "size is -1; it is how many bytes pass, from 0"),
        (Poison, {"containing": ""}, "containing is ''; it is a text that the line of some events holds"),
        (Poison, {"containing": "a", "status": 409}, "status is 409; a line is refused with 400 or 413"),
        (
            Forget,
            {"last_accepted_seq": -1},
            "last_accepted_seq is -1; it is the number of the last event",
        ),
        (Forget, {"lines": 1}, "lines is 1; it goes with phase 'after-lines' alone"),
        (ForeignWriter, {"numbers": 0}, "numbers is 0; it is how many numbers are taken, from 1"),
        (ForeignWriter, {"numbers": 1, "phase": "after-lines"}, "lines is 0; .* after how many, from 1"),
        (CompletedElsewhere, {"lines": 1}, "lines is 1; it goes with phase 'after-lines' alone"),
        (Fence, {"epoch": 0}, "epoch is 0; it is the number of a writer, from 1"),
        (ResetPeer, {"phase": "after-lines", "lines": -1}, "lines is -1; .* after how many, from 1"),
        (ResetPeer, {"lines": 2}, "lines is 2; it goes with phase 'after-lines' alone, and phase is 'after-accept'"),
        (Status, {"status": 99}, "status is 99; an answer has one from 200 to 599"),
        (Status, {"status": 600}, "status is 600; an answer has one from 200 to 599"),
        (Status, {"status": 503, "phase": "in-answer"}, "phase is 'in-answer'; a status is answered at an earlier"),
        (Status, {"status": 503, "headers": {"Content-Length": "3"}}, "headers has 'Content-Length'"),
        (Status, {"status": 503, "headers": {"a b": "3"}}, "headers has 'a b'"),
        (Status, {"status": 503, "headers": {"a": "b\r\nc: d"}}, "a value holds no control characters"),
        (Partial, {"lines": -1}, "lines is -1; it is how many lines are taken, from 0"),
        (FaultRule, {"fault": ResetPeer(), "requests": (0,)}, "requests has 0; requests are counted from 1"),
        (FaultRule, {"fault": ResetPeer(), "every": 0}, "every is 0; it is 1 for each request"),
        (FaultRule, {"fault": ResetPeer(), "times": 0}, "times is 0; .* at the most, from 1"),
        (FaultRule, {"fault": ResetPeer(), "probability": -0.1}, r"probability is -0.1; it is from 0 .* to 1 \(each"),
        (FaultRule, {"fault": ResetPeer(), "probability": 1.5}, "probability is 1.5; it is from 0"),
        (FaultRule, {"fault": ResetPeer(), "probability": float("nan")}, "probability is nan; it is from 0"),
        (FaultRule, {"fault": ResetPeer(), "seed": 3}, "seed is 3; it goes with probability, which is missing"),
        (
            FaultRule,
            {"fault": ResetPeer(), "between": (-1.0, 2.0)},
            "the start of between is -1.0; it is a number of seconds",
        ),
        (FaultRule, {"fault": ResetPeer(), "between": (1.0, float("inf"))}, "the end of between is inf; it is a"),
        (FaultRule, {"fault": ResetPeer(), "between": (2.0, 2.0)}, "between is from 2.0 to 2.0; it ends later than"),
        (FaultRule, {"fault": ResetPeer(), "events": (3, 0)}, "events has 0; events are numbered from 1"),
        (FaultRule, {"fault": ResetPeer(), "events": (3,), "of": "sync"}, "of any or data; a sync carries no events"),
        (FaultRule, {"fault": Stall(), "events": (3,)}, "events is given for phase 'before-read', .* 'before-accept'"),
        (FaultRule, {"fault": ExpireToken(), "events": (3,)}, "before the numbers are seen; choose by requests"),
        (FaultRule, {"fault": Fence(epoch=1), "events": (3,)}, "before the numbers are seen; choose by requests"),
        (FaultRule, {"fault": BufferRequest(), "events": (3,)}, "before the numbers are seen; choose by requests"),
        (
            FaultRule,
            {"fault": LimitData(size=9, stream="upstream"), "events": (3,)},
            "events is given for a fault of stream 'upstream', .* or the stream 'downstream'",
        ),
        (FaultRule, {"fault": Bandwidth(rate=9, stream="upstream"), "events": (3,)}, "of stream 'upstream'"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(kind: type[Any], fields: dict[str, Any], message: str) -> None:
    """The error says which value is wrong and what would be right."""
    with pytest.raises(ValueError, match=message):
        kind(**fields)
