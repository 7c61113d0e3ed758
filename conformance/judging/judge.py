"""The judge: performs the scenarios that attack the asked-for rules, has every history checked, and gives verdicts.

A rule passes if every scenario that attacks it gave it something to judge, and no history contradicts it. What a
sender doesn't claim is skipped. What can't be judged, since the sender broke the contract of a factory or the
simulation, is neither passed nor failed.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock
from typing import TYPE_CHECKING

from conformance.errors import AdapterError, CouldNotJudgeError, SuiteError, UnknownScenarioError
from conformance.evidence.facts import Facts
from conformance.evidence.history import AdapterSaid, CutShort
from conformance.judging.verdicts import Failure, Verdict, Verdicts
from conformance.rules.catalogue import RULES, Level, rule_of
from conformance.rules.findings import Findings, Violation
from conformance.scenarios import SCENARIOS
from fake_backend.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.evidence.history import History
    from conformance.harness.scenario import Scenario
    from conformance.judging.target import Target
    from conformance.rules.catalogue import Rule


_HOPELESS = 12
"""So many scenarios in a row that can't be judged are enough: each may cost the whole time to wait for an answer."""


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
    target: Target,
    *,
    rules: Sequence[Rule] = RULES,
    scenarios: Sequence[Scenario] | None = None,
    on_progress: Callable[[Scenario], None] = lambda _: None,
) -> Verdicts:
    """Perform scenarios with the senders of a target, and give a verdict for each of the rules.

    Args:
        target: Who is judged, and where.
        rules: What is judged. A safety rule is held against every history, also of scenarios that attack another.
        scenarios: What is performed, unless it needs a capability that isn't claimed; all that attack one of the rules
            if none are given.
        on_progress: Called with each scenario once it was performed and judged.
    """
    scenarios = scenarios_for(rules, SCENARIOS) if scenarios is None else scenarios
    factory, world, capabilities, abilities = target.factory, target.world, target.capabilities, target.abilities
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
        except CouldNotJudgeError as error:
            with noting:
                errors_in_a_row += 1
                for verdict in attacked:
                    verdict.note_error(scenario, error.reason)
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
    return Verdicts(verdicts.values())


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
