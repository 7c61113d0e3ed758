"""Verdicts: what is said of each rule, and what they come to together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from conformance.errors import UnknownRuleError
from conformance.rules.catalogue import RULES, Level, rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.evidence.history import History
    from conformance.harness.scenario import Scenario
    from conformance.rules.catalogue import Rule
    from conformance.rules.findings import Violation

_MANY = 4
"""So many failed rules are too many to begin with just any of them."""


class Judgement(StrEnum):
    """What is said of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A rule was broken in a scenario: how, and where the records are."""

    scenario: Scenario
    violation: Violation
    history: History


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What is said of one rule, and why."""

    rule: Rule
    scenarios: int = 0
    failures: list[Failure] = field(default_factory=list)
    errors: list[tuple[Scenario, str]] = field(default_factory=list)
    spared: list[Scenario] = field(default_factory=list)
    """What was not performed, since the rules that it attacks had failed often enough."""
    lacking: set[str] = field(default_factory=set)
    """The capabilities that aren't claimed, and without which it, or scenarios that attack it, aren't tried."""
    known: str | None = None
    """Why it is known to fail, where it is."""

    @property
    def is_unseen(self) -> bool:
        """Whether all that is held against it is that there was nothing to judge. That explains the least."""
        return bool(self.failures) and not any(failure.violation.records for failure in self.failures)

    @property
    def failed_in(self) -> int:
        """In how many scenarios it failed."""
        return len({failure.scenario.name for failure in self.failures})

    def note_error(self, scenario: Scenario, message: str) -> None:
        """A scenario that attacks it could not be judged."""
        self.scenarios += 1
        self.errors.append((scenario, message))

    @property
    def judgement(self) -> Judgement:
        """The verdict in a word. A rule that failed somewhere has failed, whatever could not be judged elsewhere."""
        if self.failures:
            return Judgement.FAILED
        if self.errors:
            return Judgement.NOT_JUDGED
        return Judgement.PASSED if self.scenarios else Judgement.SKIPPED


def clarity(failure: Failure) -> tuple[bool, bool, int]:
    """Return a key that sorts failures: contradictions before what never was, attacks on the rule, short ones."""
    is_an_attack = failure.violation.rule in failure.scenario.rules
    return not failure.violation.records, not is_an_attack, len(failure.history.records)


def where_to_begin(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Where many rules failed: those that failed in some scenario in which no other did, for the rest may follow.

    Where several failed, and none of those, the first of the catalogue is taken: no scenario is without one of them.
    Nothing where few failed, or where that would be none, or all of them. What is known to fail doesn't count, nor does
    what failed only as there was nothing to judge.
    """
    failed = [verdict for verdict in verdicts if verdict.failures and not verdict.is_unseen and verdict.known is None]
    together: dict[str, set[str]] = {}
    for verdict in failed:
        for failure in verdict.failures:
            together.setdefault(failure.scenario.name, set()).add(verdict.rule.id)
    alone = {rule for rules in together.values() if len(rules) == 1 for rule in rules}
    for rules in together.values():
        if not rules & alone:
            alone.add(next(verdict.rule.id for verdict in failed if verdict.rule.id in rules))
    first = tuple(verdict.rule.id for verdict in failed if verdict.rule.id in alone)
    return first if len(failed) >= _MANY and len(first) < len(failed) else ()


def level_reached(verdicts: Sequence[Verdict]) -> str | None:
    """How far a sender conforms, in a word; None where not every MUST rule was among what was judged.

    What a sender claims binds it like a MUST. A rule that is known to fail has failed.
    """
    levels = {level: [each for each in verdicts if each.rule.level is level] for level in Level}
    if len(levels[Level.MUST]) < sum(rule.level is Level.MUST for rule in RULES):
        return None
    binding = {each.judgement for each in (*levels[Level.MUST], *levels[Level.OPTIONAL])}
    if Judgement.FAILED in binding:
        return "does not conform"
    if Judgement.NOT_JUDGED in binding:
        return "could not be judged"
    should = {each.judgement for each in levels[Level.SHOULD]}
    return "conforms: MUST+SHOULD" if should == {Judgement.PASSED} else "conforms: MUST"


class Verdicts(tuple[Verdict, ...]):
    """The verdicts on one sender, in the order of the catalogue."""

    __slots__ = ()

    def of(self, rule_id: str) -> Verdict:
        """Return the verdict on the rule of that id; case doesn't matter.

        Raises:
            UnknownRuleError: There is no such rule, or it was not judged.
        """
        rule = rule_of(rule_id)
        for verdict in self:
            if verdict.rule is rule:
                return verdict
        raise UnknownRuleError(f"{rule.id} is not among the rules that were judged")

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts on the rules that failed."""
        return tuple(verdict for verdict in self if verdict.judgement is Judgement.FAILED)

    @property
    def level(self) -> str | None:
        """How far the sender conforms, in a word; see `level_reached`."""
        return level_reached(self)
