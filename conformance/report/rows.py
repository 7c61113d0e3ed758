"""Makes the rows of a timeline from records: what is one row, on which lane it is, and its few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.escaping import printable
from conformance.evidence.describe import in_words
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
from conformance.evidence.protocol import COMPLETE, PRESENT, SUCCESS
from conformance.report.model import Moment
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
    from collections.abc import Iterator, Mapping

    from conformance.evidence.history import AnyRecord
    from conformance.evidence.index import Index
    from conformance.report.model import Lane, MomentKind, Tone

_WORDS_OF_A_MOMENT = 3
_LABEL = 42
_A_PAUSE = 1.0
_BROKEN = {"fault": "no answer", "client-disconnected": "given up", "shutdown": "cut off as the backend goes"}


@dataclass(slots=True, kw_only=True)
class Draft:
    """A row that may still grow: the places of its records in the history, and what its label is made of."""

    places: list[int]
    records: list[Any]

    @property
    def first(self) -> Any:
        """The record that it began with."""
        return self.records[0]


def drafts_of(records: tuple[AnyRecord, ...], marked: Mapping[int, str]) -> list[Draft]:
    """Return the rows of a history.

    Calls of `enqueue` with the same outcome, and lines of a request with the same decision, are one row as long as
    nothing else comes between them; but a record that is marked has a row of its own. The end of a body has none.
    """
    drafts: list[Draft] = []
    for place, record in enumerate(records):
        if isinstance(record, BodyEnded) and place not in marked:
            continue
        if drafts and _belongs(drafts[-1], record, is_marked=place in marked, marked=marked):
            drafts[-1].places.append(place)
            drafts[-1].records.append(record)
        else:
            drafts.append(Draft(places=[place], records=[record]))
    return drafts


def _belongs(draft: Draft, record: AnyRecord, *, is_marked: bool, marked: Mapping[int, str]) -> bool:
    last = draft.records[-1]
    match last, record:
        case AnswerSent(), RetryAfterAsked():
            return last.request == record.request  # a part of the answer
        case EnqueueCalled(), EnqueueCalled():
            is_like = (last.sender, last.outcome) == (record.sender, record.outcome)
        case LineReceived(), LineReceived():
            is_like = (last.request, last.decision) == (record.request, record.decision)
        case _:
            return False
    return is_like and not is_marked and draft.places[-1] not in marked and record.time - last.time < _A_PAUSE


class Teller:
    """Tells the rows of one history."""

    def __init__(self, index: Index, marked: Mapping[int, str]) -> None:
        self._index = index
        self._marked = marked
        self._began = index.history.began
        self._retries = dict(_retries(index))

    def moment(self, draft: Draft) -> Moment:
        """Return the row of a draft."""
        first = draft.first
        kind, lane, to, tone, label = self._place(draft)
        return Moment(
            kind=kind,
            at=first.time - self._began,
            until=draft.records[-1].time - self._began,
            lane=lane,
            to=to,
            tone=tone,
            label=printable(label, _LABEL),
            words=tuple(printable(in_words(record)) for record in draft.records[:_WORDS_OF_A_MOMENT]),
            more=max(len(draft.records) - _WORDS_OF_A_MOMENT, 0),
            marks=tuple(self._marked[place] for place in draft.places if place in self._marked),
            request=getattr(first, "request", None),
        )

    def _place(self, draft: Draft) -> tuple[MomentKind, Lane, Lane | None, Tone, str]:
        match first := draft.first:
            case SenderOpened() | EnqueueCalled() | StopCalled() | StopReturned() | StopOverdue() | StopCancelled():
                return "call", "sender", None, _tone_of_a_call(first), self._by(first.sender) + _call(draft)
            case RequestStarted():
                return "request", "sender", "backend", "plain", self._request(first)
            case LineReceived():
                is_bad = first.decision not in PRESENT
                return "lines", "backend", None, "bad" if is_bad else "plain", _lines(draft)
            case CompletionReceived():
                is_good = first.decision in COMPLETE
                at = "no number" if first.final_seq is None else first.final_seq
                label = f"completion at {at}: {first.decision}"
                return "completion", "backend", None, "good" if is_good else "bad", label
            case BodyEnded():
                return "body-end", "backend", None, "plain", f"{first.request}: the body ends"
            case FaultStruck():
                fault = first.fault
                side: Lane = "network" if fault.is_of_network else "backend"
                return "fault", side, None, "bad", str(fault.__struct_config__.tag)
            case AnswerSent():
                return self._answer(draft)
            case RequestBroken():
                lane: Lane = "sender" if first.cause == "client-disconnected" else "backend"
                return "broken", lane, "network", "bad", f"{first.request}: {_BROKEN[first.cause]}"
            case StateSet():
                complete = ", complete" if first.complete else ""
                return "state", "backend", None, "plain", f"set to {first.last_accepted_seq}{complete}: {first.why}"
            case BackendWentDown():
                return "outage", "backend", None, "bad", "goes down"
            case BackendCameUp():
                return "outage", "backend", None, "good", "comes up"
            case NetworkTrouble():
                return "trouble", "network", None, "bad", first.what
            case CutShort():
                return "trouble", "sender", None, "bad", f"cut short after {first.seconds:g} s"
            case AdapterSaid():
                return "trouble", "sender", None, "plain", f"standard error: {first.lines[-1]}"
            case StrayRequest():
                return "stray", "sender", "network", "bad", f"to {first.origin}"
            case _:  # RetryAfterAsked, where its answer isn't the record before
                return "answer", "backend", None, "plain", f"{first.request}: asks to wait {first.seconds:g} s"

    def _by(self, sender: int) -> str:
        return f"{sender}: " if len(self._index.senders) > 1 else ""

    def _request(self, started: RequestStarted) -> str:
        kind = self._index.requests[started.request].kind
        what = {"data": "events", "unknown": "nothing seen of its body"}.get(kind, kind)
        retry = self._retries[started.request]
        return f"{started.request}: {what}, retry {retry}" if retry else f"{started.request}: {what}"

    def _answer(self, draft: Draft) -> tuple[MomentKind, Lane, Lane | None, Tone, str]:
        sent = draft.first
        request = self._index.requests[sent.request]
        told = request.last_told if request.answer is sent else None
        asked = "".join(f", wait {each.seconds:g} s" for each in draft.records[1:])
        succeeded = told is not None and request.succeeded
        if told is not None:
            number = f", acknowledges {told}" if succeeded else f", has {told}"
        else:
            number = ", no number told" if sent.status in SUCCESS else ""
        label = f"{sent.request}: {sent.status}{number}{asked}"
        return "answer", "backend", "sender", "good" if succeeded else "bad", label


def _retries(index: Index) -> Iterator[tuple[int, int]]:
    """For each request, how many before it, of the same run and in a row, ended without success."""
    failed: dict[str | None, int] = {}
    for record in index.history.records:
        if isinstance(record, RequestStarted):
            yield record.request, failed.get(record.run_id, 0)
        elif isinstance(record, AnswerSent | RequestBroken):
            request = index.requests[record.request]
            if request.end is record:
                run = request.started.run_id
                failed[run] = 0 if request.succeeded else failed.get(run, 0) + 1


def _tone_of_a_call(call: AnyRecord) -> Tone:
    if isinstance(call, EnqueueCalled):
        return "plain" if call.outcome == "accepted" else "bad"
    return "bad" if isinstance(call, StopOverdue | StopCancelled) else "plain"


def _call(draft: Draft) -> str:
    match call := draft.first:
        case SenderOpened():
            return f"opened for {call.run_id}"
        case EnqueueCalled():
            times = f" {len(draft.records)} events" if len(draft.records) > 1 else ""
            return f"enqueue{times}" if call.outcome == "accepted" else f"enqueue{times}: {call.outcome}"
        case StopCalled():
            return "stop" if call.complete else "stop, without completing"
        case StopReturned():
            return f"stop returns{_reported(call)}"
        case StopOverdue():
            return "stop has not returned"
        case _:
            return "stop raises CancelledError"


def _reported(returned: StopReturned) -> str:
    report = returned.report
    if report is None:
        return ""
    undelivered = f", {report.undelivered} not" if report.undelivered else ""
    return f": {report.delivered} delivered{undelivered}"


def _lines(draft: Draft) -> str:
    numbers = [line.seq for line in draft.records]
    decision = draft.first.decision
    if None in numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        count = len(numbers)
        return f"a line {decision}" if count == 1 else f"{count} lines {decision}"
    return f"{numbers[0]} {decision}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} {decision}"
