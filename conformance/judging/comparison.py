"""One sender, the same scenarios, several worlds: is the same said of it in each?

Where it isn't, one of the worlds is wrong, and the simulator is the first to be suspected.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.errors import CouldNotJudgeError
from conformance.judging.judge import contradictions
from conformance.judging.verdicts import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from conformance.adapters import AdapterPool
    from conformance.evidence.history import History
    from conformance.harness.scenario import Factory, Scenario
    from conformance.harness.worlds import World
    from conformance.rules.findings import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a scenario in one world: its history and what contradicts the rules in it, or an error."""

    history: History | None = None
    violations: tuple[Violation, ...] = ()
    error: str | None = None

    @property
    def failed(self) -> tuple[str, ...]:
        """The ids of the rules that are broken, each once, in their order."""
        return tuple(dict.fromkeys(violation.rule for violation in self.violations))

    @property
    def judgement(self) -> Judgement:
        """The verdict in a word."""
        if self.error is not None:
            return Judgement.NOT_JUDGED
        return Judgement.FAILED if self.violations else Judgement.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of a scenario, by the name of the world."""

    scenario: Scenario
    outcomes: Mapping[str, Outcome]

    @property
    def judgement(self) -> Judgement:
        """The worst verdict: failed in a world, else not judged in one, else passed in all."""
        judgements = {outcome.judgement for outcome in self.outcomes.values()}
        return next(each for each in (Judgement.FAILED, Judgement.NOT_JUDGED, Judgement.PASSED) if each in judgements)

    @property
    def is_alike(self) -> bool:
        """Whether the same rules are broken in each world that could judge it."""
        return len({outcome.failed for outcome in self.outcomes.values() if outcome.error is None}) <= 1


def compare(
    factory: Factory | AdapterPool,
    *,
    scenarios: Sequence[Scenario],
    worlds: Mapping[str, World],
    rules: Collection[str],
    capabilities: frozenset[str],
    on_progress: Callable[[Scenario], None] = lambda _: None,
) -> list[Comparison]:
    """Perform each scenario in each world, one world after the other, and hold the histories against the same rules.

    Args:
        factory: Makes the senders.
        scenarios: What is performed.
        worlds: Where, by what they are called.
        rules: The ids of the rules.
        capabilities: What the sender claims.
        on_progress: Called with each scenario once it was performed in a world.
    """

    def outcome(world: World, scenario: Scenario) -> Outcome:
        try:
            history = world.perform(scenario, factory)
            broken = contradictions(history, scenario, capabilities)
        except CouldNotJudgeError as error:
            return Outcome(error=error.reason)
        return Outcome(history=history, violations=tuple(each for each in broken if each.rule in rules))

    found: dict[str, dict[str, Outcome]] = {scenario.name: {} for scenario in scenarios}
    for name, world in worlds.items():
        with ThreadPoolExecutor(world.at_a_time) as stages:
            outcomes = stages.map(lambda scenario, world=world: outcome(world, scenario), scenarios)
            for scenario, each in zip(scenarios, outcomes, strict=True):
                found[scenario.name][name] = each
                on_progress(scenario)
    return [Comparison(scenario=scenario, outcomes=found[scenario.name]) for scenario in scenarios]
