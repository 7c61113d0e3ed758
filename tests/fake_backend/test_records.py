"""Records go to JSON and back without loss."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_backend import AnswerSent, BackendRecord, FakeBackend, FaultRule, Latency, Status
from fake_backend.records import (
    BackendCameUp,
    BackendWentDown,
    BodyEnded,
    CompletionReceived,
    FaultStruck,
    LineReceived,
    RequestBroken,
    RequestStarted,
    StateSet,
    decode_record,
    encode_record,
)
from tests.fake_backend.wire import client_of, completion_line, event_lines

RECORDS: list[BackendRecord] = [
    RequestStarted(
        time=0.0,
        request=1,
        connection=1,
        method="POST",
        path="/",
        host="localhost",
        run_id=None,
        authorization=None,
        content_type=None,
    ),
    LineReceived(time=1.5, request=1, run_id="run", size=9, decision="gap", seq=2**70, event={"a": [None, 1.5, "ü"]}),
    CompletionReceived(time=2.0, request=1, run_id="run", final_seq=None, by="headers", decision="invalid"),
    BodyEnded(time=2.0, request=1, size=9, lines=1),
    FaultStruck(time=2.0, request=1, fault=Status(status=503, headers={"Retry-After": "1"})),
    AnswerSent(time=2.0, request=1, status=503, body="{}", headers={"Retry-After": "1"}),
    RequestBroken(time=2.0, request=2, cause="shutdown"),
    StateSet(time=3.0, run_id="run", last_accepted_seq=0, complete=False, why="lost"),
    BackendWentDown(time=4.0),
    BackendCameUp(time=5.0),
]


def test_every_kind_of_record_is_tested() -> None:
    """A new kind can't go without a round trip."""
    assert {type(record) for record in RECORDS} == set(get_args(BackendRecord))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_survives_json(record: BackendRecord) -> None:
    """What is written is read as the same record, by either way of writing."""
    assert decode_record(encode_record(record)) == record
    assert msgspec.json.decode(msgspec.json.encode(record), type=BackendRecord) == record


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**50, 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(event=st.dictionaries(st.text(st.characters(exclude_categories=())), values, max_size=3))
def test_any_event_survives_json(event: dict[str, Any]) -> None:
    """Also the ones that a strict encoder refuses: lone surrogates and integers of any size."""
    record = LineReceived(time=0.0, request=1, run_id="run", size=1, decision="accepted", seq=1, event=event)
    line = encode_record(record)
    assert b"\n" not in line
    assert decode_record(line) == record


async def test_a_whole_history_survives_json() -> None:
    """What a backend wrote down can be judged elsewhere."""
    rule = FaultRule(fault=Latency(seconds=0.0))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        await client.post(event_lines(1, 3) + completion_line(3))
        await client.post(b'{"seq": 1, "event": {"a": "\\ud800"}}')
        backend.set_run("run", last_accepted_seq=0, why="lost")
    assert [decode_record(encode_record(record)) for record in backend.history] == backend.history


@pytest.mark.parametrize("line", [b"{}", b"[]", b"nonsense", b'{"type": "Another", "time": 1.0}'])
def test_anything_else_is_no_record(line: bytes) -> None:
    """A line that is no record is refused."""
    with pytest.raises((msgspec.ValidationError, json.JSONDecodeError)):
        decode_record(line)
