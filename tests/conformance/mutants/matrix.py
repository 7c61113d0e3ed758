"""What each mutant does when it is judged: the matrix of mutants and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.capabilities import CAPABILITIES
from conformance.judging.judge import judge, scenarios_for
from conformance.judging.target import Target
from conformance.rules.catalogue import RULES, rule_of
from conformance.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conformance.mutants.registry import Mutant

BY_THE_CLOCK = frozenset({"LIV-1"})
"""What is measured in real time, so that a busy machine may fail any mutant by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What a mutant was failed by: the sentences of each rule that failed it, and what could not be judged."""

    sentences: Mapping[str, frozenset[str]]
    errors: tuple[str, ...]


def perform(mutant: Mutant) -> Performance:
    """Perform the scenarios that attack the rule that a mutant names, and judge the histories by every rule.

    All mutants in all scenarios would take minutes.
    """
    target = Target(factory=mutant.make, capabilities=CAPABILITIES)
    verdicts = judge(target, scenarios=scenarios_for((rule_of(mutant.rule),), SCENARIOS))
    return Performance(
        sentences={
            verdict.rule.id: frozenset(failure.violation.sentence for failure in verdict.failures)
            for verdict in verdicts
            if verdict.failures and (verdict.rule.id == mutant.rule or verdict.rule.id not in BY_THE_CLOCK)
        },
        errors=tuple(error for verdict in verdicts for _, error in verdict.errors),
    )


def fails_also(mutant: Mutant, found: Performance) -> tuple[str, ...]:
    """The rules that fail a mutant besides its own."""
    return tuple(rule.id for rule in RULES if rule.id in found.sentences and rule.id != mutant.rule)
