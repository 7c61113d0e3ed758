"""A history, sorted: by request, by run, by sender, by kind of record and by content. It judges nothing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from conformance.evidence.exchanges import Request, Run, Sender
from conformance.evidence.history import (
    EnqueueCalled,
    RetryAfterAsked,
    SenderOpened,
    StopCalled,
    StopCancelled,
    StopOverdue,
    StopReturned,
)
from conformance.evidence.payloads import Payloads
from conformance.evidence.protocol import ACCEPTED
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
    from collections.abc import Iterator

    from conformance.evidence.history import History


class Index:
    """The records of a history by whom and what they are about, each list in the order of the history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.payloads = Payloads()
        self.requests: dict[int, Request] = {}
        self.runs: dict[str, Run] = {}
        self.senders: dict[int, Sender] = {}
        self._places = {id(record): place for place, record in enumerate(history.records)}
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
                if record.decision == ACCEPTED:
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
            case StopCancelled(sender=number):
                self.senders[number].cancelled.append(record)
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

    @cached_property
    def ended(self) -> float:
        """The time of the last record."""
        return max((record.time for record in self.history.records), default=self.history.began)

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
                    by_content.setdefault(self.payloads.content(call.event), []).append(call)
        return found

    def is_unique(self, run_id: str, key: str) -> bool:
        """Whether no two events of a run have this content, so that a line of it stems from one call alone."""
        return len(self.enqueued.get(run_id, {}).get(key, ())) <= 1

    def completions_of(self, sender: Sender, run: Run) -> list[CompletionReceived]:
        """The completions of its run that came while this sender was at work: not a predecessor's or a successor's."""
        return [
            each
            for each in run.completions
            if self.is_before(sender.opened, each) and (not sender.returns or self.is_before(each, sender.returns[0]))
        ]
