"""Histories made by hand: a few records in the order in which they are told, for tests of single checkers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.evidence.facts import Facts
from conformance.evidence.history import (
    EnqueueCalled,
    History,
    Report,
    RetryAfterAsked,
    SenderOpened,
    StopCalled,
    StopCancelled,
    StopOverdue,
    StopReturned,
)
from conformance.evidence.settings import Settings
from conformance.rules.catalogue import rule_of
from conformance.rules.findings import Findings
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
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from conformance.evidence.history import AnyRecord
    from fake_backend.faults import Fault
    from fake_backend.records import CompletionDecision, LineDecision

TOKEN = "token"
REPORTING = frozenset({"drain-report", "handoff"})
AROUND = len('{"seq":,"event":}')


def event(n: int) -> dict[str, Any]:
    """An event that can be told from others."""
    return {"n": n}


@dataclass
class Story:
    """What happened so far; `now` is the time at which the next record is written.

    Every method tells one thing, and gives the story, so that a history is one expression.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    world: Literal["simulated", "tcp"] = "simulated"
    slack: float = 0.0
    now: float = 1.0
    records: list[AnyRecord] = field(default_factory=list)
    requests: int = 0
    connection: int = 1
    calls: int = 0
    stops: int = 0

    def write(self, *records: AnyRecord) -> Story:
        """Put records into the history as they are."""
        self.records += records
        return self

    def wait(self, seconds: float) -> Story:
        """Let time pass."""
        self.now += seconds
        return self

    def reconnect(self) -> Story:
        """What follows comes over a new connection, so that nobody knows whether the last answer was heard."""
        self.connection += 1
        return self

    def open(self, sender: int = 1, *, run_id: str = "run-1", claims: frozenset[str] = frozenset()) -> Story:
        """A sender is opened for a run."""
        return self.write(SenderOpened(time=self.now, sender=sender, run_id=run_id, token=TOKEN, capabilities=claims))

    def enqueue(
        self,
        *events: dict[str, Any] | None,
        sender: int = 1,
        outcome: str = "accepted",
        took: float = 0.0,
        blocked_for: float = 0.0,
    ) -> Story:
        """Events are enqueued in one burst; None stands for one that JSON can't carry."""
        burst = self.calls + 1
        for each in events:
            self.calls += 1
            self.write(
                EnqueueCalled(
                    time=self.now,
                    sender=sender,
                    call=self.calls,
                    burst=burst,
                    returned=self.now + took,
                    outcome=outcome,
                    event=each,
                    unserializable="an object" if each is None else None,
                    blocked_for=blocked_for,
                )
            )
        return self

    def request(
        self,
        *lines: tuple[int, dict[str, Any]] | tuple[int, dict[str, Any], LineDecision],
        status: int | None = 200,
        last: int | None = None,
        body: str | None = None,
        completes: tuple[int, CompletionDecision] | None = None,
        faults: Iterable[Fault] = (),
        took: float = 0.01,
        run_id: str = "run-1",
        authorization: str | None = f"Bearer {TOKEN}",
        content_type: str | None = "application/x-ndjson",
        size: int | None = None,
        retry_after: float | None = None,
    ) -> Story:
        """A request with its lines (number, event, decision) is made and answered, or broken where status is None."""
        self.requests += 1
        number, began = self.requests, self.now
        self.write(
            RequestStarted(
                time=began,
                request=number,
                connection=self.connection,
                method="POST",
                path=f"/v1/runs/{run_id}/ingest",
                host="backend",
                run_id=run_id,
                authorization=authorization,
                content_type=content_type,
                content_length=0 if not lines and completes is None else None,
            )
        )
        self.write(*(FaultStruck(time=began, request=number, fault=fault) for fault in faults))
        sizes = []
        for seq, its_event, *decision in lines:
            sizes.append(len(json.dumps(its_event, separators=(",", ":"))) + AROUND + len(str(seq)))
            self.write(
                LineReceived(
                    time=began,
                    request=number,
                    run_id=run_id,
                    size=sizes[-1],
                    decision=decision[0] if decision else "accepted",
                    seq=seq,
                    event=its_event,
                )
            )
        if status is not None:
            total = sum(sizes) + max(len(sizes) - 1, 0) if size is None else size
            self.write(BodyEnded(time=began, request=number, size=total, lines=len(lines)))
        if completes is not None:
            final_seq, what = completes
            self.write(
                CompletionReceived(
                    time=began, request=number, run_id=run_id, final_seq=final_seq, by="line", decision=what
                )
            )
        self.now += took
        if status is None:
            return self.write(RequestBroken(time=self.now, request=number, cause="fault"))
        said = {} if last is None else {"last_accepted_seq": last}
        error = {"error": "as a backend says it"} if status in {401, 403, 404, 410} else {}
        told = json.dumps(said | error) if said or error else ""
        self.write(AnswerSent(time=self.now, request=number, status=status, body=told if body is None else body))
        if retry_after is not None:
            self.write(RetryAfterAsked(time=self.now, request=number, seconds=retry_after))
        return self

    def complete(self, final_seq: int, what: CompletionDecision = "completed", **answer: Any) -> Story:
        """A completion comes alone."""
        return self.request(completes=(final_seq, what), **({"last": final_seq} | answer))

    def set(self, last: int, *, complete: bool = False, run_id: str = "run-1") -> Story:
        """The state of a run is set from outside."""
        return self.write(
            StateSet(time=self.now, run_id=run_id, last_accepted_seq=last, complete=complete, why="the test says so")
        )

    def stop(self, *, sender: int = 1, complete: bool = True) -> Story:
        """Stop is called."""
        self.stops += 1
        return self.write(StopCalled(time=self.now, sender=sender, call=self.stops, complete=complete))

    def returned(
        self,
        *,
        sender: int = 1,
        call: int | None = None,
        delivered: int | None = None,
        undelivered: int = 0,
        completed: bool = True,
        dropped: dict[str, int] | None = None,
    ) -> Story:
        """Stop returns, with a report where it is said what was delivered."""
        report = None
        if delivered is not None:
            report = Report(delivered=delivered, undelivered=undelivered, completed=completed, dropped=dropped or {})
        return self.write(StopReturned(time=self.now, sender=sender, call=call or self.stops, report=report))

    def overdue(self) -> Story:
        """Stop is waited for no longer."""
        return self.write(StopOverdue(time=self.now, sender=1, call=self.stops))

    def cancelled(self) -> Story:
        """The last call of stop ends as if it had been cancelled."""
        return self.write(StopCancelled(time=self.now, sender=1, call=self.stops))

    def history(self) -> History:
        """The history of all that."""
        return History(
            scenario="made by hand",
            world=self.world,
            settings=Settings(url="http://backend", token=TOKEN, run_id="run-1", **self.settings),
            began=0.0,
            round_trip=0.01,
            slack=self.slack,
            records=tuple(self.records),
        )


def findings(rule: str, story: Story) -> Findings:
    """What the checker of a rule finds in a story, as it is after a trip through JSON."""
    history = History.from_json(story.history().to_json())
    assert history == story.history()
    found = Findings(rule)
    rule_of(rule).check(Facts(history), found)
    return found
