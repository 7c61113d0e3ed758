"""The judge: performs the scenarios that attack the asked-for rules, has every history checked, and gives verdicts.

A rule passes if every scenario that attacks it gave it something to judge, and no history contradicts it. What a
sender doesn't claim is skipped. What can't be judged, since the sender broke the contract of a factory or the
simulation, is neither passed nor failed.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from conformance.capabilities import ABILITIES
from conformance.errors import AdapterError, SuiteError, UnknownScenarioError
from conformance.evidence.facts import Facts
from conformance.evidence.history import AdapterSaid, CutShort
from conformance.evidence.index import Index
from conformance.rules.catalogue import RULES, Level, rule_of
from conformance.rules.findings import Findings, Violation
from conformance.simulation import SimulationError
from fake_backend import FakeBackendError
from fake_backend.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.adapters import AdapterPool
    from conformance.evidence.history import History
    from conformance.harness.scenario import Factory, Scenario
    from conformance.harness.worlds import World
    from conformance.rules.catalogue import Rule


_HOPELESS = 12
"""So many scenarios in a row that can't be judged are enough: each may cost the whole time to wait for an answer."""
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


def how_well_it_shows(failure: Failure) -> tuple[bool, bool, int]:
    """By this failures are sorted for people: contradictions before what never was, attacks on the rule, short ones."""
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


def check(history: History, rules: Iterable[Rule] = RULES) -> list[Violation]:
    """Hold a history against rules, and give every contradiction, in the order of the rules.

    It may come from anywhere: the simulator, a test bench, a recording of production. A rule for which there is
    nothing to judge in it contributes nothing.
    """
    return [violation for found in examine(history, rules) for violation in found.violations]


def examine(history: History, rules: Iterable[Rule] = RULES) -> list[Findings]:
    """Hold a history against rules; gives for each what contradicts it, and how much there was to judge.

    Rules of a capability are held against senders that claim it, and only then.
    """
    facts = Facts(history)
    claimed = frozenset().union(*(sender.opened.capabilities for sender in facts.index.senders.values()))
    results = []
    for rule in rules:
        if rule.capability is not None and rule.capability not in claimed:
            continue
        found = Findings(rule.id)
        rule.check(facts, found)
        results.append(found)
    return results


def select_rules(ids: Sequence[str], levels: frozenset[Level] = frozenset(Level)) -> tuple[Rule, ...]:
    """The rules of those ids, or of those levels where no id is given.

    Raises:
        UnknownRuleError: There is no rule of an id.
    """
    if ids:
        wanted = {rule_of(rule_id).id for rule_id in ids}
        return tuple(rule for rule in RULES if rule.id in wanted)
    return tuple(rule for rule in RULES if rule.level in levels)


def select_scenarios(names: Sequence[str], scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """The scenarios of those names.

    Raises:
        UnknownScenarioError: There is none of a name; the message names those that are nearly like it.
    """
    by_name = {scenario.name: scenario for scenario in scenarios}
    for name in names:
        if name not in by_name:
            hint = did_you_mean(name, by_name, n=3, cutoff=0.5)
            raise UnknownScenarioError(f"no scenario is called {name!r}{hint}")
    return tuple(scenario for scenario in scenarios if scenario.name in names)


def scenarios_for(rules: Sequence[Rule], scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """The scenarios that attack one of the rules.

    Raises:
        SuiteError: A scenario names a rule that isn't in the catalogue: an expectation is never ignored.
    """
    known = {rule.id for rule in RULES}
    for scenario in scenarios:
        if unknown := set(scenario.rules) - known:
            raise SuiteError(f"scenario {scenario.name} attacks {', '.join(sorted(unknown))}, which nobody knows")
    wanted = {rule.id for rule in rules}
    return tuple(scenario for scenario in scenarios if wanted & set(scenario.rules))


def judge(
    factory: Factory | AdapterPool,
    *,
    rules: Sequence[Rule],
    scenarios: Sequence[Scenario],
    world: World,
    capabilities: frozenset[str],
    abilities: frozenset[str] = ABILITIES,
    on_progress: Callable[[Scenario], None] = lambda _: None,
) -> list[Verdict]:
    """Perform the scenarios with senders from the factory, and give a verdict for each of the rules.

    Args:
        factory: Makes the senders.
        rules: What is judged. A safety rule is held against every history, also of scenarios that attack another.
        scenarios: What is performed, unless it needs a capability that isn't claimed.
        world: Where.
        capabilities: What the sender claims.
        abilities: What its language can do.
        on_progress: Called with each scenario once it was performed and judged.
    """
    verdicts = {rule.id: Verdict(rule=rule, lacking={rule.capability or ""} - {"", *capabilities}) for rule in rules}
    judged = [rule for rule in rules if rule.capability is None or rule.capability in capabilities]
    performed = []
    for scenario in scenarios:
        lacking = {scenario.capability, scenario.ability} - {None, *capabilities, *abilities}
        if not lacking:
            performed.append(scenario)
        for rule in judged:
            if rule.id in scenario.rules:
                verdicts[rule.id].lacking |= {each for each in lacking if each is not None}

    enough = math.inf if world.enough is None else world.enough
    errors_in_a_row = 0
    noting = Lock()

    def history_of(scenario: Scenario) -> History:
        if errors_in_a_row >= _HOPELESS:
            raise AdapterError(f"not performed, since the {_HOPELESS} before it could not be judged either")
        return world.perform(scenario, factory)

    def perform(scenario: Scenario) -> Scenario:
        nonlocal errors_in_a_row
        attacked = [verdicts[rule.id] for rule in judged if rule.id in scenario.rules]
        if attacked and all(verdict.failed_in >= enough for verdict in attacked):
            for verdict in attacked:
                verdict.spared.append(scenario)
            return scenario
        try:
            history = history_of(scenario)
        except (AdapterError, SimulationError, FakeBackendError) as error:
            with noting:
                errors_in_a_row += 1
                for verdict in attacked:
                    verdict.note_error(scenario, f"{type(error).__name__}: {error}")
        else:
            results = examine(history, judged)
            with noting:
                errors_in_a_row = 0
                for found in results:
                    _note(verdicts[found.rule], scenario, found, history)
        return scenario

    with ThreadPoolExecutor(world.at_a_time) as stages:
        for performance in as_completed([stages.submit(perform, scenario) for scenario in performed]):
            on_progress(performance.result())
    order = {scenario.name: place for place, scenario in enumerate(performed)}
    for verdict in verdicts.values():
        verdict.failures.sort(key=lambda failure: order[failure.scenario.name])
        verdict.errors.sort(key=lambda error: order[error[0].name])
    return list(verdicts.values())


def contradictions(history: History, scenario: Scenario, capabilities: frozenset[str]) -> list[Violation]:
    """What contradicts the rules in the history of a scenario, or leaves nothing to judge of those that it attacks.

    Raises:
        AdapterError: It was cut short, and nothing contradicts them until there.
    """
    rules = [rule for rule in RULES if rule.capability is None or rule.capability in capabilities]
    results = examine(history, rules)
    cut = _cut_short(history)
    if cut is not None and not any(found.violations for found in results):
        raise AdapterError(cut)
    return [violation for found in results for violation in _violations(scenario, found)]


def _note(verdict: Verdict, scenario: Scenario, found: Findings, history: History) -> None:
    cut = _cut_short(history)
    if cut is not None and not found.violations:
        if found.rule in scenario.rules:
            verdict.note_error(scenario, cut)
        return
    verdict.scenarios += found.rule in scenario.rules
    violations = _violations(scenario, found)
    verdict.failures += [Failure(scenario=scenario, violation=each, history=history) for each in violations]


def _cut_short(history: History) -> str | None:
    """Why nothing can be passed by this history, if that is so."""
    last = next((each for each in reversed(history.records) if isinstance(each, CutShort)), None)
    if last is None:
        return None
    waiting = f", waiting for {' and '.join(last.waiting_for)}" if last.waiting_for else ""
    said = [line for each in history.records if isinstance(each, AdapterSaid) for line in each.lines]
    words = "".join(f"\n  {line}" for line in ("the adapter wrote to its standard error:", *said)) if said else ""
    return f"the scenario was cut short after {last.seconds:g} s, a multiple of what it takes{waiting}{words}"


def _violations(scenario: Scenario, found: Findings) -> list[Violation]:
    if found.violations or found.judged or found.rule not in scenario.rules:
        return found.violations
    sentence = f"there was nothing to judge: {rule_of(found.rule).unseen}"
    return [Violation(rule=found.rule, sentence=sentence, records=())]


def claimed_capabilities(world: World, factory: Factory, scenario: Scenario) -> frozenset[str]:
    """What the senders of a factory claim, found out by opening one in a scenario.

    Raises:
        AdapterError: The factory is none.
        SimulationError: The sender does what can't be simulated.
    """
    index = Index(world.perform(scenario, factory))
    return next(iter(index.senders.values())).opened.capabilities
