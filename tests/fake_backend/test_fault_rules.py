"""Rules as data: which requests they choose, and which values make sense."""

from typing import Any

import msgspec
import pytest

from fake_backend import Fault, FaultRule, Latency, Partial, ResetPeer, Stall, Status

FAULTS: list[Fault] = [
    Latency(seconds=0.5, phase="after-lines", lines=3),
    ResetPeer(),
    Stall(),
    Stall(seconds=2.0, phase="in-answer"),
    Status(status=429, headers={"Retry-After": "1"}, body="<h1>slow</h1>", phase="before-read"),
    Partial(lines=0),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_survives_json(fault: Fault) -> None:
    """What is written as JSON is read as the same rule."""
    rule = FaultRule(fault=fault, of="data", requests=(1, 4), run_id="run")
    assert msgspec.json.decode(msgspec.json.encode(rule), type=FaultRule) == rule


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
    ],
)
def test_a_rule_chooses_its_requests(selectors: dict[str, Any], struck: list[int]) -> None:
    """Requests are counted from 1; no selector means each, and a run may be named."""
    rule = FaultRule(fault=ResetPeer(), **selectors)
    assert [index for index in range(1, 7) if rule.strikes(index, "run")] == struck


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Latency, {"seconds": -1.0}, "seconds is -1.0; it is a duration, from 0"),
        (Latency, {"seconds": float("nan")}, "seconds is nan; it is a duration, from 0"),
        (Stall, {"seconds": float("inf")}, "seconds is inf; it is a duration, from 0"),
        (Latency, {"seconds": 1.0, "phase": "after-lines"}, "lines is 0; .* after how many, from 1"),
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
        (FaultRule, {"fault": ResetPeer(), "every": -3}, "every is -3"),
        (FaultRule, {"fault": ResetPeer(), "every": 3, "requests": (1,)}, "a rule has one of the two"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(kind: type[Any], fields: dict[str, Any], message: str) -> None:
    """The error says which value is wrong and what would be right."""
    with pytest.raises(ValueError, match=message):
        kind(**fields)
