"""The judge: nothing is passed for lack of evidence, nothing is ignored, and the same comes out each time."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest

from conformance import check
from conformance.capabilities import CAPABILITIES
from conformance.errors import AdapterError, ConformanceError, SuiteError, UnknownRuleError
from conformance.evidence.history import AdapterSaid, CutShort
from conformance.harness.scenario import Scenario
from conformance.harness.worlds import SimulatedWorld, TcpWorld
from conformance.judging.judge import contradictions, examine, judge, scenarios_for, select_rules
from conformance.judging.target import Target, claimed_capabilities, target_of_factory
from conformance.judging.verdicts import Judgement, Verdict
from conformance.rules.catalogue import RULES, Level, rule_of
from conformance.scenarios import SCENARIOS
from tests.conformance.mutants.inert import DoesNothing
from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.story import REPORTING, Story, event

if TYPE_CHECKING:
    from conformance.evidence.history import History
    from conformance.harness.scenario import Stage

# The catalogue of the guarantees, written once more: a rule can't be lost, nor come in by the back door.
SHOULD = {"RTY-4", "RTY-5", "LIV-3"}
OPTIONAL = {"DRN-4": "drain-report", "DRN-12": "handoff"}
COUNTS = {"WIRE": 5, "SEQ": 5, "DLV": 8, "RTY": 9, "WIN": 5, "LIV": 3, "DRN": 12}


async def _nothing(stage: Stage) -> None:
    sender = await stage.open()
    await sender.stop()


def scenario(*rules: str, script: Any = _nothing, capability: str | None = None) -> Scenario:
    """A scenario that attacks rules."""
    return Scenario(name="made-by-hand", rules=rules, story="A test.", script=script, capability=capability)


def verdict_on(
    rule: str, attack: Scenario, factory: Any = PlainSender, capabilities: frozenset[str] = CAPABILITIES
) -> Verdict:
    """The verdict on one rule from one scenario."""
    [verdict] = judge(
        Target(factory=factory, capabilities=capabilities),
        rules=(rule_of(rule),),
        scenarios=(attack,),
    )
    return verdict


def test_the_catalogue_is_that_of_the_guarantees() -> None:
    """Every rule of the guarantees is there in its order, at its level, and no other."""
    assert [rule.id for rule in RULES] == [
        f"{group}-{n}" for group, count in COUNTS.items() for n in range(1, count + 1)
    ]
    assert {rule.id for rule in RULES if rule.level is Level.SHOULD} == SHOULD
    assert {rule.id: rule.capability for rule in RULES if rule.level is Level.OPTIONAL} == OPTIONAL
    assert {rule.id for rule in RULES if rule.capability is not None} == set(OPTIONAL)
    assert all(rule.claim.endswith(".") and rule.loss.endswith(".") for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_attacked(rule: Any) -> None:
    """Each rule has a scenario at the least."""
    assert scenarios_for((rule,), SCENARIOS)


def test_scenarios_are_sound() -> None:
    """Each has a name of its own in hyphens, a story of a sentence, and rules that exist, each once."""
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
    for each in SCENARIOS:
        assert " " not in each.name
        assert each.story.endswith(".")
        assert len(set(each.rules)) == len(each.rules)
        assert {rule_of(rule).id for rule in each.rules} == set(each.rules)


def test_a_scenario_of_an_unknown_rule_is_an_error() -> None:
    """An expectation that nobody checks isn't ignored."""
    with pytest.raises(SuiteError, match="scenario made-by-hand attacks DLV-99, which nobody knows"):
        scenarios_for(RULES, (scenario("DLV-1", "DLV-99"),))


@pytest.mark.parametrize("written", ["DRN-3", "drn-3", " Drn-3 "])
def test_a_rule_is_found_however_it_is_written(written: str) -> None:
    """Case and blanks don't matter."""
    assert rule_of(written).id == "DRN-3"


@pytest.mark.parametrize(("wrong", "hint"), [("DRN-33", "did you mean DRN-3"), ("???", "no rule is called '???'")])
def test_an_unknown_rule_is_an_error_with_a_hint(wrong: str, hint: str) -> None:
    """What is nearly like it is named, if anything is."""
    with pytest.raises(UnknownRuleError) as raised:
        rule_of(wrong)
    assert hint in str(raised.value)
    assert ("did you mean" in str(raised.value)) is hint.startswith("did")
    assert isinstance(raised.value, ConformanceError)


def test_rules_are_selected_by_id_or_by_level() -> None:
    """Ids win, and the order is that of the catalogue."""
    assert [rule.id for rule in select_rules(["drn-3", "DLV-1"], frozenset())] == ["DLV-1", "DRN-3"]
    assert {rule.id for rule in select_rules([], frozenset({Level.SHOULD}))} == SHOULD


def test_a_rule_passes_where_it_was_kept() -> None:
    """Evidence for it and none against it."""
    assert verdict_on("DRN-8", scenario("DRN-8")).judgement is Judgement.PASSED


def test_nothing_to_judge_is_a_failure() -> None:
    """A sender that never did what a rule is about doesn't pass it."""
    verdict = verdict_on("DLV-3", scenario("DLV-3"))
    assert verdict.judgement is Judgement.FAILED
    assert "there was nothing to judge: the backend accepted no two events" in verdict.failures[0].violation.sentence


def test_a_rule_that_is_not_attacked_is_still_held_against_a_history() -> None:
    """A scenario that attacks another rule can convict, but it can't acquit."""
    verdict = verdict_on("DRN-8", scenario("DRN-3"), factory=DoesNothing)
    assert (verdict.scenarios, verdict.judgement) == (0, Judgement.FAILED)
    assert verdict_on("DRN-8", scenario("DRN-3")).judgement is Judgement.SKIPPED


def test_the_front_door_is_a_factory_and_a_rule() -> None:
    """A target knows its world and what it claims; the scenarios are those that attack the rules."""
    target = target_of_factory(DoesNothing)
    verdicts = judge(target, rules=select_rules(["DRN-5", "DRN-8"]))
    assert [verdict.rule.id for verdict in verdicts.failed] == ["DRN-8"]
    assert verdicts.of("drn-5").judgement is Judgement.PASSED
    assert verdicts.of("DRN-8").scenarios == len(scenarios_for(select_rules(["DRN-8"]), SCENARIOS))
    assert verdicts.level is None
    with pytest.raises(UnknownRuleError, match=r"^DRN-1 is not among the rules that were judged$"):
        verdicts.of("DRN-1")


def test_what_is_not_claimed_is_skipped() -> None:
    """Neither the rule of a capability nor a scenario that needs it is tried on a sender that doesn't claim it."""
    attack = scenario("DRN-12", capability="handoff")
    verdict = verdict_on("DRN-12", attack, capabilities=frozenset())
    assert (verdict.scenarios, verdict.judgement) == (0, Judgement.SKIPPED)


async def _sleeps_in_a_thread(stage: Stage) -> None:
    await stage.open()
    await asyncio.to_thread(print)


async def _one_event(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(event(1))


class RaisesInEnqueue(PlainSender):
    """A sender that raises for every event."""

    def enqueue(self, _event: Any) -> str:
        """Raise."""
        raise TypeError("no")


def _raises(_settings: Any) -> PlainSender:
    raise OSError("no such file")


@pytest.mark.parametrize(
    ("factory", "script", "says"),
    [
        (_raises, _nothing, "AdapterError: the factory raised OSError: no such file"),
        (PlainSender, _sleeps_in_a_thread, "NotSimulatedError: "),
        (RaisesInEnqueue, _one_event, "AdapterError: enqueue raised TypeError: no, for an event that JSON can carry"),
    ],
)
def test_what_can_not_be_performed_is_not_judged(factory: Any, script: Any, says: str) -> None:
    """A broken contract is neither a pass nor a failure, and the verdict says what was wrong."""
    verdict = verdict_on("DRN-8", scenario("DRN-8", script=script), factory=factory)
    assert verdict.judgement is Judgement.NOT_JUDGED
    assert says in verdict.errors[0][1]
    assert verdict_on("DRN-3", scenario("DRN-8", script=script), factory=factory).judgement is Judgement.SKIPPED


class Recorded:
    """A world in which every performance gives the same history."""

    at_a_time = 1

    def __init__(self, story: Story, *, enough: int | None = None) -> None:
        self.enough = enough
        self.performed: list[str] = []
        self._history = story.history()

    def perform(self, scenario: Scenario, _factory: Any) -> History:
        """Give the history."""
        self.performed.append(scenario.name)
        return self._history


TWICE = Story().open().enqueue(event(1)).request((1, event(1)), last=1).request((2, event(1)), last=2)


@pytest.mark.parametrize(("enough", "times"), [(None, 5), (2, 2)])
def test_a_rule_that_failed_often_enough_costs_no_more(enough: int | None, times: int) -> None:
    """Where performing takes time, no scenario is performed for the sake of rules that have failed in so many."""
    world = Recorded(TWICE, enough=enough)
    attacks = [dataclasses.replace(scenario("DLV-2"), name=f"attack-{number}") for number in range(5)]
    [verdict] = judge(Target(factory=PlainSender, world=world), rules=(rule_of("DLV-2"),), scenarios=attacks)
    assert (verdict.judgement, verdict.failed_in, verdict.scenarios) == (Judgement.FAILED, times, times)
    assert verdict.spared == attacks[times:]
    assert world.performed == [each.name for each in attacks[:times]]


def test_what_attacks_another_rule_is_performed_all_the_same() -> None:
    """A scenario is spared only if every rule that it attacks has failed often enough."""
    world = Recorded(TWICE, enough=1)
    attacks = [
        scenario("DLV-2"),
        dataclasses.replace(scenario("DLV-2", "DRN-8"), name="of-both"),
        dataclasses.replace(scenario("DLV-2"), name="of-one"),
    ]
    rules = (rule_of("DLV-2"), rule_of("DRN-8"))
    judge(Target(factory=PlainSender, world=world), rules=rules, scenarios=attacks)
    assert world.performed == ["made-by-hand", "of-both"]


def test_what_an_adapter_cannot_do_is_told_with_the_rule_that_asks_for_it() -> None:
    """Not with others, of which it has other scenarios."""
    attacks = [dataclasses.replace(scenario("WIN-4"), ability="unserializable"), scenario("DRN-8")]
    rules = (rule_of("WIN-4"), rule_of("DRN-8"))
    world = Recorded(Story().open())
    verdicts = judge(
        Target(factory=PlainSender, world=world, abilities=frozenset()),
        rules=rules,
        scenarios=attacks,
    )
    assert [verdict.lacking for verdict in verdicts] == [{"unserializable"}, set()]


def test_what_an_adapter_complained_of_is_told_with_what_could_not_be_judged() -> None:
    """A thread that died, for one, says so there, and its program goes on in silence."""
    said = AdapterSaid(time=60.0, lines=("thread 'stop' panicked",))
    story = cut(Story().open()).write(said)
    with pytest.raises(AdapterError, match="standard error:\n  thread 'stop' panicked"):
        contradictions(story.history(), scenario("DLV-2"), frozenset())


def cut(story: Story) -> Story:
    """The story, cut short at its end."""
    return story.write(CutShort(time=60.0, seconds=30.0))


def test_a_scenario_that_was_cut_short_can_convict_but_not_acquit() -> None:
    """What was seen until then contradicts a rule, or leaves it without a verdict."""
    kept = Story().open().enqueue(event(1)).request((1, event(1)), last=1)
    attack = scenario("DLV-2")
    for story, judgement in ((kept, Judgement.NOT_JUDGED), (TWICE, Judgement.FAILED)):
        [verdict] = judge(
            Target(factory=PlainSender, world=Recorded(cut(story))),
            rules=(rule_of("DLV-2"),),
            scenarios=(attack,),
        )
        assert verdict.judgement is judgement
    with pytest.raises(AdapterError, match="cut short after 30 s"):
        contradictions(cut(kept).history(), attack, frozenset())
    assert contradictions(cut(TWICE).history(), attack, frozenset())


async def _waits_for_ever(stage: Stage) -> None:
    sender = await stage.open()
    await sender.delivered(1, within=1_000)


def test_no_scenario_takes_for_ever_in_real_time() -> None:
    """It is ended once it has taken a multiple of what it needs, and the history says so."""
    attack = scenario("DRN-8", script=_waits_for_ever)
    history = TcpWorld(patience=0.05).perform(attack, PlainSender)
    assert isinstance(history.records[-1], CutShort)
    with pytest.raises(
        AdapterError, match=r"cut short after 0.05 s, .* waiting for sender 1 to deliver what it accepted"
    ):
        contradictions(history, attack, frozenset())


def test_what_was_claimed_is_found_out() -> None:
    """The capabilities are those of a sender that the factory really made."""
    assert claimed_capabilities(SimulatedWorld(), PlainSender, scenario("DRN-8")) == CAPABILITIES


def test_any_history_can_be_checked() -> None:
    """It needs no scenario: what contradicts a rule is found, and what says nothing about one contributes nothing."""
    story = Story().open().enqueue(event(1)).request((1, event(1)), last=1).request((2, event(1)), last=2)
    assert {violation.rule for violation in check(story.history())} == {"DLV-2"}
    assert check(Story().history()) == []


def test_a_capability_is_held_against_those_that_claim_it() -> None:
    """The rules of a capability are left out where no sender claims it."""
    rules = [rule_of("DRN-4")]
    assert examine(Story().open().stop().returned().history(), rules) == []
    [found] = examine(Story().open(claims=REPORTING).stop().returned().history(), rules)
    assert found.violations


@pytest.mark.parametrize("name", [each.name for each in SCENARIOS])
def test_a_performance_is_the_same_each_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time, the same sender in the same scenario makes the same history, to the byte."""
    # The real time that `enqueue` took is the one thing in a history that a busy machine can change.
    monkeypatch.setattr("conformance.harness.in_process._CONSPICUOUS", math.inf)
    [attack] = [each for each in SCENARIOS if each.name == name]
    world = SimulatedWorld()
    assert world.perform(attack, PlainSender).to_json() == world.perform(attack, PlainSender).to_json()
