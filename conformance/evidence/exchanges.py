"""What was asked and what the backend saw, by request, by sender and by run: the parts that evidence consists of."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from conformance.evidence.protocol import (
    ACCEPTED,
    COMPLETED,
    CONFLICT,
    FINAL,
    SUCCESS,
    is_backends_own_error,
    read_last,
)
from fake_backend.records import StateSet

if TYPE_CHECKING:
    from conformance.evidence.history import (
        EnqueueCalled,
        RetryAfterAsked,
        SenderOpened,
        StopCalled,
        StopCancelled,
        StopOverdue,
        StopReturned,
    )
    from fake_backend.faults import Fault
    from fake_backend.records import (
        AnswerSent,
        BodyEnded,
        CompletionReceived,
        LineReceived,
        RequestBroken,
        RequestStarted,
    )

Kind: TypeAlias = Literal["data", "completion", "sync", "unknown"]

MOST_AROUND_AN_EVENT = 100
"""Bytes that a sender may write around an event on its line, and between its parts, at the most."""


@dataclass(eq=False)
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

    @property
    def how_it_broke(self) -> str:
        """In a few words, what its sender saw of an answer that was broken off; else nothing."""
        began = self.broken is not None and any(getattr(fault, "phase", "") == "in-answer" for fault in self.faults)
        return " (its answer began, and was broken off)" if began else ""

    @cached_property
    def succeeded(self) -> bool:
        """Whether the sender was told, beyond doubt, that it succeeded."""
        return self.status in SUCCESS and self.last_told is not None

    @cached_property
    def is_final(self) -> bool:
        """Whether the backend itself said that this sender may not write the run, or not any more."""
        return self.answer is not None and self.status in FINAL and is_backends_own_error(self.answer.body)

    @cached_property
    def is_final_by_a_proxy(self) -> bool:
        """Whether a proxy answered what would be final if the backend had: it may pass."""
        return self.status in FINAL and not self.is_final

    @cached_property
    def first_seq(self) -> int | None:
        """The number of its first event line."""
        return next((line.seq for line in self.lines if line.seq is not None), None)

    @cached_property
    def is_reported_complete(self) -> bool:
        """Whether it was answered by a 409 that asks for just what it got, or did for all that was seen of it."""
        if self.status != CONFLICT or self.last_told is None:
            return False
        if self.first_seq is None and not self.completions:
            return self.kind != "sync"
        return self.last_told == (self.completions[0].final_seq if self.first_seq is None else self.first_seq - 1)

    @cached_property
    def highest_seq(self) -> int:
        """The highest number among its lines."""
        return max((line.seq for line in self.lines if line.seq is not None), default=0)


@dataclass(slots=True, eq=False)
class Sender:
    """One sender: what was asked of it and what it said."""

    opened: SenderOpened
    enqueues: list[EnqueueCalled] = field(default_factory=list)
    accepted: list[EnqueueCalled] = field(default_factory=list)
    """The calls of `enqueue` that took their event, in order."""
    stops: list[StopCalled] = field(default_factory=list)
    returns: list[StopReturned] = field(default_factory=list)
    overdue: dict[int, StopOverdue] = field(default_factory=dict)
    cancelled: list[StopCancelled] = field(default_factory=list)

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
        return [line for line in self.lines if line.decision == ACCEPTED]

    @cached_property
    def first_taken(self) -> dict[int, float]:
        """When the backend accepted a line under each number, first of all."""
        return {line.seq: line.time for line in reversed(self.taken) if line.seq is not None}

    @property
    def completed(self) -> CompletionReceived | None:
        """The completion that took effect."""
        return next((each for each in self.completions if each.decision == COMPLETED), None)

    @cached_property
    def final_answers(self) -> list[Request]:
        """The requests whose answers end all sending: no right to send, or a run that takes nothing more."""
        return [each for each in self.requests if each.is_reported_complete or each.is_final]


def last_after(change: LineReceived | StateSet) -> int:
    """Return the last number that a run has after a change of where it stands."""
    return change.last_accepted_seq if isinstance(change, StateSet) else (change.seq or 0)
