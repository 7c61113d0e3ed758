"""Histories: they go to JSON and back, and any record can be put into words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from conformance.evidence.describe import describe_fault, in_words
from conformance.evidence.history import (
    AdapterSaid,
    AnyRecord,
    BackendCameUp,
    BackendWentDown,
    CutShort,
    EnqueueCalled,
    History,
    NetworkTrouble,
    Report,
    RetryAfterAsked,
    SenderOpened,
    StopCalled,
    StopCancelled,
    StopOverdue,
    StopReturned,
    StrayRequest,
)
from fake_backend.faults import Latency, Partial, ResetPeer, Stall, Status
from fake_backend.records import (
    AnswerSent,
    BodyEnded,
    CompletionReceived,
    FaultStruck,
    LineReceived,
    RequestBroken,
    RequestStarted,
    StateSet,
)
from tests.conformance.story import Story

if TYPE_CHECKING:
    from fake_backend.faults import Fault

LONG = {"text": "x" * 200}
REPORT = Report(delivered=2, undelivered=1, completed=True, dropped={"full": 3, "bad": 1}, unconfirmed=1)

WORDS: list[tuple[AnyRecord, str]] = [
    (
        SenderOpened(time=0.1, sender=1, run_id="run-1", token="t", capabilities=frozenset({"handoff"})),
        "sender 1 is opened for run run-1",
    ),
    (
        EnqueueCalled(time=0.2, sender=1, call=1, burst=1, returned=0.2, outcome="accepted", event={"text": "Zoë"}),
        'sender 1: enqueue({"text": "Zoë"}) is answered \'accepted\'',
    ),
    (
        EnqueueCalled(
            time=0.2, sender=1, call=2, burst=1, returned=0.2, outcome="full", event=None, unserializable="a NaN"
        ),
        "sender 1: enqueue(a NaN) is answered 'full'",
    ),
    (
        EnqueueCalled(time=0.2, sender=1, call=3, burst=1, returned=0.2, outcome="accepted", event=LONG),
        'sender 1: enqueue({"text": "' + 90 * "x" + "…) is answered 'accepted'",
    ),
    (StopCalled(time=0.3, sender=1, call=1, complete=False), "sender 1: stop(complete=False) is called"),
    (StopReturned(time=0.4, sender=1, call=1, report=None), "sender 1: stop returns no report"),
    (
        StopReturned(time=0.4, sender=1, call=1, report=REPORT),
        "sender 1: stop returns a report: 2 delivered, 1 undelivered, 3 dropped as full, 1 dropped as bad, completed",
    ),
    (
        StopReturned(time=0.4, sender=1, call=1, report=Report(delivered=0, undelivered=0, completed=False)),
        "sender 1: stop returns a report: 0 delivered, 0 undelivered, not completed",
    ),
    (
        LineReceived(time=0.4, request=1, run_id="r", size=9, decision="invalid", raw="\x1b[2J\ud800\u2028é"),
        "request 1: a line of 9 bytes is invalid: \\u001b[2J\\ud800\\u2028é",
    ),
    (StopOverdue(time=0.5, sender=1, call=1), "sender 1: stop has not returned, and is waited for no longer"),
    (
        StopCancelled(time=0.5, sender=1, call=1),
        "sender 1: stop raises CancelledError, though nobody has cancelled this call of it",
    ),
    (BackendWentDown(time=0.6), "the backend goes down"),
    (
        NetworkTrouble(time=1.0, what="nothing arrives at the sender", seconds=0.5),
        "on the network, nothing arrives at the sender, for 0.5 s",
    ),
    (BackendCameUp(time=0.7), "the backend comes up"),
    (RetryAfterAsked(time=0.8, request=1, seconds=2.5), "request 1: the answer asks to wait 2.5 s"),
    (CutShort(time=0.9, seconds=30.0), "the scenario is cut short, after 30 s"),
    (AdapterSaid(time=0.9, lines=("a", "b")), "the adapter wrote to its standard error: a | b"),
    (
        StrayRequest(time=0.9, origin="a:80", path="/x", authorization="Bearer t"),
        "a request arrives at a:80/x, with the token",
    ),
    (
        StrayRequest(time=0.9, origin="a:80", path="/x", authorization=None),
        "a request arrives at a:80/x, without the token",
    ),
    (
        RequestStarted(
            time=1.0,
            request=1,
            connection=1,
            method="POST",
            path="/p",
            host="h",
            run_id=None,
            authorization=None,
            content_type=None,
        ),
        "request 1: POST /p arrives",
    ),
    (
        LineReceived(time=1.1, request=1, run_id="run-1", size=9, decision="accepted", seq=3, event={"n": 1}),
        'request 1: a line of 9 bytes is accepted: number 3, {"n": 1}',
    ),
    (
        LineReceived(time=1.1, request=1, run_id="run-1", size=4, decision="invalid", raw="oops", well_formed=False),
        "request 1: a line of 4 bytes is invalid: oops",
    ),
    (
        CompletionReceived(time=1.2, request=1, run_id="run-1", final_seq=3, by="line", decision="completed"),
        "request 1: completion at 3 is completed",
    ),
    (BodyEnded(time=1.3, request=1, size=90, lines=3), "request 1: the body ends after 3 lines and 90 bytes"),
    (
        FaultStruck(time=1.4, request=1, fault=Stall(phase="after-lines", lines=2)),
        "request 1: a fault strikes: stall(phase='after-lines', lines=2)",
    ),
    (AnswerSent(time=1.5, request=1, status=200, body="{}", headers={"A": "b"}), "request 1: answered 200 {}"),
    (RequestBroken(time=1.6, request=1, cause="fault"), "request 1: ends without an answer (fault)"),
    (StateSet(time=1.7, run_id="run-1", last_accepted_seq=42, complete=False, why="so"), "run run-1 is set to 42: so"),
    (
        StateSet(time=1.7, run_id="run-1", last_accepted_seq=42, complete=True, why="so"),
        "run run-1 is set to 42 and complete: so",
    ),
]

ODD_EVENTS: list[dict[str, Any]] = [
    {"large": 2**64 - 1, "small": -(2**63)},
    {"larger": 10**30},
    {"surrogate": "\ud800"},
    {"float": 1e-300, "null": None, "": [[]]},
]


def history_of(*records: AnyRecord) -> History:
    """A history of just that."""
    return Story(records=list(records)).history()


def test_every_kind_of_record_is_tried() -> None:
    """The list above leaves no kind of record out."""
    assert {type(record) for record, _ in WORDS} == set(get_args(AnyRecord))


@pytest.mark.parametrize(("record", "words"), WORDS, ids=lambda each: type(each).__name__)
def test_a_record_is_one_line_of_prose(record: AnyRecord, words: str) -> None:
    """Whoever reads why a sender failed reads sentences."""
    assert in_words(record) == words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Latency(seconds=0.5), "latency(seconds=0.5, phase='after-accept')"),
        (ResetPeer(), "reset_peer(phase='after-accept')"),
        (
            Status(status=429, headers={"Retry-After": "1"}),
            "status(status=429, headers={'Retry-After': '1'}, phase='bef",
        ),
        (Partial(lines=3), "partial(lines=3)"),
    ],
)
def test_a_fault_is_described_by_what_it_does(fault: Fault, words: str) -> None:
    """Its name, and what differs from nothing."""
    assert describe_fault(fault).startswith(words)


def test_a_history_of_every_record_goes_to_json_and_back() -> None:
    """Nothing is lost on the way, and it is one line."""
    history = history_of(*(record for record, _ in WORDS))
    assert History.from_json(history.to_json()) == history
    assert b"\n" not in history.to_json()
    assert History.from_json(history.to_json()).to_json() == history.to_json()


@pytest.mark.parametrize("event", ODD_EVENTS, ids=lambda event: next(iter(event)))
def test_a_history_keeps_whatever_json_can_carry(event: dict[str, Any]) -> None:
    """Numbers of any size and lone surrogates too."""
    call = EnqueueCalled(time=0.2, sender=1, call=1, burst=1, returned=0.2, outcome="accepted", event=event)
    history = history_of(call)
    assert History.from_json(history.to_json()) == history


@pytest.mark.parametrize(
    ("found", "put", "says"),
    [
        (r'"world":"simulated"', '"world":"flat"', "Invalid enum value 'flat' - at `$.world`"),
        (r'"type":"StopOverdue"', '"type":"Stopped"', "Invalid value 'Stopped' - at `$.records[0].type`"),
        (r'"time":0.5', '"time":"soon"', "Expected `float`, got `str` - at `$.records[0].time`"),
        (r'"call":1', '"calls":1', "Object contains unknown field `calls` - at `$.records[0]`"),
        (r'"scenario":"made by hand",', "", "Object missing required field `scenario`"),
    ],
)
def test_a_damaged_history_says_where(found: str, put: str, says: str) -> None:
    """The message names the place and what was expected there."""
    text, count = re.subn(found, put, history_of(StopOverdue(time=0.5, sender=1, call=1)).to_json().decode())
    assert count == 1
    with pytest.raises(msgspec.ValidationError) as raised:
        History.from_json(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "{", "not JSON", '{"records": [}', "[" * 100_000, "\ud800", '["\\ud800", ' + "[" * 100_000]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """It is a DecodeError, as the docstring says, however it is damaged."""
    with pytest.raises(msgspec.DecodeError):
        History.from_json(text)


def test_equal_histories_are_the_same_to_the_byte() -> None:
    """Neither the order of a set nor that of keys shows in the JSON."""
    one, other = (
        Story(
            records=[SenderOpened(time=0.0, sender=1, run_id="r", token="t", capabilities=frozenset(names))]
        ).history()
        for names in (("a", "b", "c", "d"), ("d", "c", "b", "a"))
    )
    assert one.to_json() == other.to_json()
    assert b'"capabilities":["a","b","c","d"]' in one.to_json()
