"""A history, read once: by request, by run and by sender, so that a checker is a few lines about its rule."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from conformance.contents import Handwriting, compact_size, content, read_last, without
from conformance.hearing import Hearing
from conformance.history import (
    EnqueueCalled,
    RetryAfterAsked,
    SenderOpened,
    StopCalled,
    StopOverdue,
    StopReturned,
)
from conformance.poison import refused_calls
from conformance.trouble import Trouble
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
    from collections.abc import Callable, Iterator

    from conformance.history import History
    from fake_backend.faults import Fault

Found = TypeVar("Found")
Kind: TypeAlias = Literal["data", "completion", "sync", "unknown"]

FINAL_STATUSES = frozenset({401, 403, 404, 410})
_SUCCESS = range(200, 300)
_CONFLICT = 409
_REFUSED = frozenset({400, 413})
MOST_AROUND_AN_EVENT = 100
"""Bytes that a sender may write around an event on its line, and between its parts, at the most."""
_TIMES_THAT_PROVE_POISON = 2


@dataclass
class Request:
    """One request, as the backend saw it.

    Its places in the history order what happened at the same time: `began`, `data_began` and `ended` are positions.
    """

    started: RequestStarted
    began: int
    data_began: float = math.inf
    ended: float = math.inf
    lines: list[LineReceived] = field(default_factory=list)
    completions: list[CompletionReceived] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    body: BodyEnded | None = None
    answer: AnswerSent | None = None
    broken: RequestBroken | None = None
    retry_after: RetryAfterAsked | None = None

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.started.request

    @cached_property
    def kind(self) -> Kind:
        """What it carried; unknown where nothing of its body was seen."""
        if any(line.seq is not None or not line.well_formed for line in self.lines):
            return "data"
        if self.completions:
            return "completion"
        is_empty = self.started.content_length == 0 and not self.started.completion_header
        return "sync" if self.body is not None or is_empty else "unknown"

    @cached_property
    def end(self) -> AnswerSent | RequestBroken | None:
        """The record that ended it; None if it was still open when the history ended."""
        return self.answer or self.broken

    @cached_property
    def status(self) -> int:
        """The status of its answer, 0 if there was none."""
        return 0 if self.answer is None else self.answer.status

    @cached_property
    def ended_at(self) -> float:
        """When it ended."""
        return math.inf if self.end is None else self.end.time

    @cached_property
    def last_told(self) -> int | None:
        """The `last_accepted_seq` that its answer carried, where it said so beyond doubt and got out whole."""
        return None if self.answer is None else read_last(self.answer.body)

    @cached_property
    def succeeded(self) -> bool:
        """Whether the sender was told, beyond doubt, that it succeeded."""
        return self.status in _SUCCESS and self.last_told is not None

    @cached_property
    def first_seq(self) -> int | None:
        """The number of its first event line."""
        return next((line.seq for line in self.lines if line.seq is not None), None)

    @cached_property
    def is_told_closed(self) -> bool:
        """Whether it was answered by a 409 that asks for just what it got, or did for all that was seen of it."""
        if self.status != _CONFLICT or self.last_told is None:
            return False
        if self.first_seq is None and not self.completions:
            return self.kind != "sync"
        return self.last_told == (self.completions[0].final_seq if self.first_seq is None else self.first_seq - 1)

    @cached_property
    def highest_seq(self) -> int:
        """The highest number among its lines."""
        return max((line.seq for line in self.lines if line.seq is not None), default=0)


@dataclass(slots=True)
class Sender:
    """One sender: what was asked of it and what it said."""

    opened: SenderOpened
    enqueues: list[EnqueueCalled] = field(default_factory=list)
    accepted: list[EnqueueCalled] = field(default_factory=list)
    """The calls of `enqueue` that took their event, in order."""
    stops: list[StopCalled] = field(default_factory=list)
    returns: list[StopReturned] = field(default_factory=list)
    overdue: dict[int, StopOverdue] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run it writes."""
        return self.opened.run_id

    @property
    def stop_called(self) -> float:
        """When `stop` was first called."""
        return self.stops[0].time if self.stops else math.inf

    @property
    def stop_returned(self) -> float:
        """When `stop` first returned."""
        return self.returns[0].time if self.returns else math.inf


class Run:
    """One run, as the backend saw it; everything in the order of its arrival."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.senders: list[Sender] = []
        self.requests: list[Request] = []
        self.lines: list[LineReceived] = []
        self.completions: list[CompletionReceived] = []
        self.states: list[StateSet] = []
        self.changes: list[LineReceived | StateSet] = []
        """What changed where the run stands: lines that were accepted, and what was set."""

    @cached_property
    def data(self) -> list[Request]:
        """The requests that carried events, in the order of their first lines."""
        return sorted((each for each in self.requests if each.kind == "data"), key=lambda each: each.data_began)

    @cached_property
    def told(self) -> list[Request]:
        """The requests whose answers told a number, in the order of their ends."""
        return sorted((each for each in self.requests if each.last_told is not None), key=lambda each: each.ended)

    def told_before(self, place: float) -> list[Request]:
        """The requests whose answers had told a number before a place in the history."""
        return self.told[: bisect_left(self.told, place, key=lambda each: each.ended)]

    def told_between(self, request: Request, following: Request) -> list[Request]:
        """The requests whose answers told a number, from that of `request` on, until `following` began to send."""
        began = bisect_left(self.told, request.ended, key=lambda each: each.ended)
        return self.told[began : bisect_left(self.told, following.data_began, key=lambda each: each.ended)]

    @cached_property
    def taken(self) -> list[LineReceived]:
        """The lines that the backend accepted, in order."""
        return [line for line in self.lines if line.decision == "accepted"]

    @cached_property
    def first_taken(self) -> dict[int, float]:
        """When the backend accepted a line under each number, first of all."""
        return {line.seq: line.time for line in reversed(self.taken) if line.seq is not None}

    @property
    def completed(self) -> CompletionReceived | None:
        """The completion that took effect."""
        return next((each for each in self.completions if each.decision == "completed"), None)

    def is_poison(self, call: EnqueueCalled) -> bool:
        """Whether the backend refused an event so that its sender may drop it.

        A line that is too large isn't read to its end, so the event is told by its size alone.
        """
        return self.is_too_large(call) or (call.sender, call.call) in self._refused_calls

    def is_too_large(self, call: EnqueueCalled) -> bool:
        """Whether the line of an event may be one of those that the backend refused, again, for their size."""
        if call.event is None:
            return False
        return compact_size(call.event) + MOST_AROUND_AN_EVENT >= self._smallest_that_is_too_large

    @cached_property
    def _smallest_that_is_too_large(self) -> float:
        too_large = [line.size for line in self.lines if line.decision == "too-large"]
        unread = [each for each in self.requests if each.status in _REFUSED and each.kind == "unknown"]
        is_proven = len(too_large) + len(unread) >= _TIMES_THAT_PROVE_POISON
        return min(too_large, default=math.inf) if is_proven else math.inf

    @cached_property
    def _refused_calls(self) -> set[tuple[int, int]]:
        return refused_calls(self)

    @cached_property
    def final_answers(self) -> list[Request]:
        """The requests whose answers end all sending: no right to send, or a run that takes nothing more."""
        return [each for each in self.requests if each.is_told_closed or each.status in FINAL_STATUSES]


class Evidence:
    """A history, sorted out."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.settings = history.settings
        self.requests: dict[int, Request] = {}
        self.runs: dict[str, Run] = {}
        self.senders: dict[int, Sender] = {}
        self._places = {id(record): place for place, record in enumerate(history.records)}
        self._found: dict[tuple[str, int], Any] = {}
        for place, record in enumerate(history.records):
            self._sort(record, place)

    def is_before(self, record: Any, other: Any) -> bool:
        """Whether a record comes before another in the history; both may have the same time."""
        return self._places[id(record)] < self._places[id(other)]

    def _sort(self, record: Any, place: int) -> None:
        match record:  # most first: a case costs time, and most records are of the first two
            case EnqueueCalled(sender=number):
                sender = self.senders[number]
                sender.enqueues.append(record)
                if record.outcome == "accepted":
                    sender.accepted.append(record)
            case LineReceived(request=number, run_id=run_id):
                request, run = self.requests[number], self.run(run_id)
                request.lines.append(record)
                request.data_began = min(place, request.data_began)
                run.lines.append(record)
                if record.decision == "accepted":
                    run.changes.append(record)
            case RequestStarted(request=number, run_id=run_id):
                request = self.requests[number] = Request(record, place)
                if run_id is not None:
                    self.run(run_id).requests.append(request)
            case CompletionReceived(request=number, run_id=run_id):
                self.requests[number].completions.append(record)
                self.run(run_id).completions.append(record)
            case BodyEnded(request=number):
                self.requests[number].body = record
            case FaultStruck(request=number):
                self.requests[number].faults.append(record.fault)
            case AnswerSent(request=number):
                self.requests[number].answer = record
                self.requests[number].ended = place
            case RequestBroken(request=number):
                self.requests[number].broken = record
                self.requests[number].ended = min(place, self.requests[number].ended)
            case RetryAfterAsked(request=number):
                self.requests[number].retry_after = record
            case StateSet(run_id=run_id):
                run = self.run(run_id)
                run.states.append(record)
                run.changes.append(record)
            case SenderOpened(sender=number):
                self.senders[number] = Sender(record)
                self.run(record.run_id).senders.append(self.senders[number])
            case StopCalled(sender=number):
                self.senders[number].stops.append(record)
            case StopReturned(sender=number):
                self.senders[number].returns.append(record)
            case StopOverdue(sender=number):
                self.senders[number].overdue[record.call] = record
            case _:
                pass  # of no request, run or sender; a checker that needs it reads the records

    def run(self, run_id: str) -> Run:
        """The run of that name."""
        run = self.runs.get(run_id)
        if run is None:
            run = self.runs[run_id] = Run(run_id)
        return run

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one kind, in order."""
        return self._by_kind.get(kind, [])

    @cached_property
    def _by_kind(self) -> dict[type[Any], list[Any]]:
        found: dict[type[Any], list[Any]] = {}
        for record in self.history.records:
            found.setdefault(type(record), []).append(record)
        return found

    def once(self, what: str, about: Sender | Run, find: Callable[[], Found]) -> Found:
        """What is found about a sender or a run, and found only once, since many checkers ask for it."""
        key = what, id(about)
        if key not in self._found:
            self._found[key] = find()
        found: Found = self._found[key]
        return found

    def hearing(self, run: Run) -> Hearing:
        """What the senders of a run can know."""
        return self.once("hearing", run, lambda: Hearing(self, run))

    def handwriting(self, run: Run) -> Handwriting:
        """How the sender of a run writes its lines."""
        return self.once("handwriting", run, lambda: Handwriting(run.lines))

    @cached_property
    def ended(self) -> float:
        """The time of the last record."""
        return max((record.time for record in self.history.records), default=self.history.began)

    @cached_property
    def trouble(self) -> Trouble:
        """What stood in the senders' way."""
        return Trouble(self)

    def pairs(self) -> Iterator[tuple[Sender, Run]]:
        """Each sender with the run it writes."""
        for sender in self.senders.values():
            yield sender, self.run(sender.run_id)

    @cached_property
    def enqueued(self) -> dict[str, dict[str, list[EnqueueCalled]]]:
        """By run, then by content: the calls of `enqueue` that an event on the wire can stem from."""
        found: dict[str, dict[str, list[EnqueueCalled]]] = {}
        for sender in self.senders.values():
            by_content = found.setdefault(sender.run_id, {})
            for call in sender.enqueues:
                if call.event is not None:
                    by_content.setdefault(content(call.event), []).append(call)
        return found

    def is_one_of_a_kind(self, run_id: str, key: str) -> bool:
        """Whether no two events of a run have this content, so that a line of it can be told for whose it is."""
        return len(self.enqueued.get(run_id, {}).get(key, ())) <= 1

    def completions_of(self, sender: Sender, run: Run) -> list[CompletionReceived]:
        """The completions of its run that came while this sender was at work: not a predecessor's or a successor's."""
        return [
            each
            for each in run.completions
            if self.is_before(sender.opened, each) and (not sender.returns or self.is_before(each, sender.returns[0]))
        ]

    def missing(self, sender: Sender) -> list[EnqueueCalled]:
        """What `enqueue` accepted and the backend never did, in the order of the calls.

        A line that was a duplicate counts as there if the sender could not have known better: some answer had told it
        where the backend stands, and its number was free by that.
        """
        return self.once("missing", sender, lambda: self._missing(sender))

    def _missing(self, sender: Sender) -> list[EnqueueCalled]:
        run = self.run(sender.run_id)
        there = [line for line in run.lines if line.decision == "accepted" or self._is_blameless_duplicate(run, line)]
        return without(sender.accepted, there)

    def _is_blameless_duplicate(self, run: Run, line: LineReceived) -> bool:
        if line.decision != "duplicate" or line.seq is None:
            return False
        if run.first_taken.get(line.seq, math.inf) < line.time:
            return False  # its own earlier line; or another's, under a number that was given twice
        began = self.requests[line.request].began
        told = run.told_before(began)
        return bool(told) and (told[-1].last_told or 0) < line.seq

    def excuse(self, sender: Sender) -> bool:
        """Whether something stood in the way of delivery, for good or until the deadline."""
        run = self.run(sender.run_id)
        if run.final_answers or any(state.complete for state in run.states):
            return True
        return self.trouble.stood_in_the_way(sender)
