"""Records in words, one line each, for people who read why a sender failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.escaping import printable
from conformance.evidence.history import (
    AdapterSaid,
    BackendCameUp,
    BackendWentDown,
    CutShort,
    EnqueueCalled,
    NetworkTrouble,
    RetryAfterAsked,
    SenderOpened,
    StopCalled,
    StopCancelled,
    StopOverdue,
    StopReturned,
    StrayRequest,
)
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

if TYPE_CHECKING:
    from conformance.evidence.history import AnyRecord

_LONGEST = 2_000
_MOST = 100


def in_words(record: AnyRecord) -> str:
    """A record as a line of prose, without its time.

    What a sender or a backend said in it can't drive a terminal: control characters are escaped.
    """
    return printable(_words(record), most=_LONGEST)


def _words(record: AnyRecord) -> str:
    match record:
        case SenderOpened():
            return f"sender {record.sender} is opened for run {record.run_id}"
        case EnqueueCalled():
            what = record.unserializable or _short(record.event)
            return f"sender {record.sender}: enqueue({what}) is answered {record.outcome!r}"
        case StopCalled():
            return f"sender {record.sender}: stop(complete={record.complete}) is called"
        case StopReturned():
            return f"sender {record.sender}: stop returns {_report(record.report)}"
        case StopOverdue():
            return f"sender {record.sender}: stop has not returned, and is waited for no longer"
        case StopCancelled():
            return f"sender {record.sender}: stop raises CancelledError, though nobody has cancelled this call of it"
        case BackendWentDown():
            return "the backend goes down"
        case BackendCameUp():
            return "the backend comes up"
        case NetworkTrouble():
            lasts = f", for {record.seconds:g} s" if record.seconds else ""
            return f"on the network, {record.what}{lasts}"
        case RetryAfterAsked():
            return f"request {record.request}: the answer asks to wait {record.seconds:g} s"
        case CutShort():
            return f"the scenario is cut short, after {record.seconds:g} s"
        case AdapterSaid():
            return f"the adapter wrote to its standard error: {' | '.join(record.lines)}"
        case StrayRequest():
            token = "with the token" if record.authorization else "without the token"
            return f"a request arrives at {record.origin}{record.path}, {token}"
        case RequestStarted():
            return f"request {record.request}: {record.method} {record.path} arrives"
        case LineReceived():
            read = f"number {record.seq}, {json.dumps(record.event, ensure_ascii=False)}"
            what = _cut(read if record.raw is None else record.raw)
            return f"request {record.request}: a line of {record.size} bytes is {record.decision}: {what}"
        case CompletionReceived():
            return f"request {record.request}: completion at {record.final_seq} is {record.decision}"
        case BodyEnded():
            return f"request {record.request}: the body ends after {record.lines} lines and {record.size} bytes"
        case FaultStruck():
            return f"request {record.request}: a fault strikes: {describe_fault(record.fault)}"
        case AnswerSent():
            asked = next((value for name, value in record.headers.items() if name.lower() == "retry-after"), None)
            waiting = "" if asked is None else f" Retry-After: {asked}"
            return f"request {record.request}: answered {record.status}{waiting} {_cut(record.body)}"
        case RequestBroken():
            return f"request {record.request}: ends without an answer ({record.cause})"
        case StateSet():
            complete = " and complete" if record.complete else ""
            return f"run {record.run_id} is set to {record.last_accepted_seq}{complete}: {record.why}"


def describe_fault(fault: msgspec.Struct) -> str:
    """A fault by its name and what differs from its defaults."""
    plain = msgspec.to_builtins(fault)
    kind = plain.pop("kind")
    details = ", ".join(f"{name}={value!r}" for name, value in plain.items() if value not in (0, {}, None))
    return f"{kind}({details})"


def _short(event: Any) -> str:
    return _cut(json.dumps(event, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def _report(report: Any) -> str:
    if report is None:
        return "no report"
    dropped = "".join(f", {count} dropped as {reason}" for reason, count in report.dropped.items())
    completed = "completed" if report.completed else "not completed"
    return f"a report: {report.delivered} delivered, {report.undelivered} undelivered{dropped}, {completed}"
