"""Performs schedules and judges them, up to the first under which a sender breaks a rule."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.errors import CouldNotJudgeError
from conformance.judging.judge import examine
from conformance.search.generate import Drawer
from conformance.search.perform import perform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.evidence.history import History
    from conformance.harness.scenario import Factory
    from conformance.rules.catalogue import Rule
    from conformance.rules.findings import Violation
    from conformance.search.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A schedule, performed and judged.

    Attributes:
        schedule: What was performed.
        history: What happened; None where the sender could not be judged.
        judged: How much each rule found to judge.
        violations: The rules that were broken, and how.
        error: Why the sender could not be judged, or None.
    """

    schedule: Schedule
    history: History | None = None
    judged: Counter[str] = field(default_factory=Counter)
    violations: tuple[Violation, ...] = ()
    error: str | None = None

    @property
    def breaks(self) -> str | None:
        """The rule that is broken first, or the name of the error; None if all is well."""
        if self.violations:
            return self.violations[0].rule
        return None if self.error is None else self.error.partition(":")[0]

    def breaks_too(self, other: Examined) -> bool:
        """Return whether what is broken first by another schedule is broken by this one as well."""
        rules = {violation.rule for violation in self.violations}
        return other.breaks is not None and (other.breaks in rules or other.breaks == self.breaks)

    def digest(self) -> bytes:
        """Return a digest of all that happened, to the byte."""
        told = self.history.to_json() if self.history is not None else (self.error or "").encode()
        return hashlib.sha256(told).digest()


def examine_schedule(schedule: Schedule, factory: Factory, rules: Sequence[Rule]) -> Examined:
    """Perform a schedule with senders from the factory, and hold the history against the rules."""
    try:
        history = perform(schedule, factory)
    except CouldNotJudgeError as error:
        return Examined(schedule=schedule, error=error.reason)
    findings = examine(history, rules)
    return Examined(
        schedule=schedule,
        history=history,
        judged=Counter({found.rule: found.judged for found in findings}),
        violations=tuple(violation for found in findings for violation in found.violations),
    )


@dataclass(slots=True, kw_only=True)
class Searched:
    """What a search has seen so far.

    Attributes:
        schedules: How many schedules were performed.
        events: How many events they enqueued.
        troubles: How many faults they held.
        judged: How much each rule found to judge in them.
        digest: A digest of all that happened, in order of the schedules.
        index: That of the schedule that breaks a rule, which ended the search; None if there was none.
        found: That schedule.
    """

    schedules: int = 0
    events: int = 0
    troubles: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    index: int | None = None
    found: Examined | None = None

    def add(self, other: Searched) -> None:
        """Take in what a search of the following schedules has seen."""
        self.schedules += other.schedules
        self.events += other.events
        self.troubles += other.troubles
        self.judged.update(other.judged)
        self.digest = hashlib.sha256(f"{self.digest}{other.digest}".encode()).hexdigest()
        self.index, self.found = other.index, other.found


def search(factory: Factory, rules: Sequence[Rule], *, seed: int, indices: Iterable[int]) -> Searched:
    """Examine the schedules of a seed, in order, up to the first that breaks a rule."""
    drawer = Drawer()
    searched = Searched()
    digest = hashlib.sha256()
    for index in indices:
        examined = examine_schedule(drawer.draw(seed, index), factory, rules)
        searched.schedules += 1
        searched.events += examined.schedule.events
        searched.troubles += examined.schedule.troubles
        searched.judged.update(examined.judged)
        digest.update(examined.digest())
        if examined.breaks is not None:
            searched.index, searched.found = index, examined
            break
    searched.digest = digest.hexdigest()
    return searched
