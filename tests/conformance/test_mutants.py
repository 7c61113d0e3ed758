"""The suite is itself under test: a correct sender passes it, and each broken one fails it for the reason it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.capabilities import CAPABILITIES
from conformance.harness.worlds import TcpWorld
from conformance.judging.judge import judge
from conformance.judging.target import Target
from conformance.judging.verdicts import Judgement, Verdicts
from conformance.rules.catalogue import RULES
from conformance.scenarios import SCENARIOS
from reference.adapter import create_sender as create_reference_sender
from tests.conformance.mutants import MUTANTS, Mutant
from tests.conformance.mutants.inert import ClaimsEverythingAndDoesNothing, DoesNothing
from tests.conformance.mutants.legal import LEGAL
from tests.conformance.mutants.matrix import fails_also, perform
from tests.conformance.mutants.page import read, render
from tests.conformance.mutants.plain_sender import PlainSender

# Minutes of performances, of code that other tests cover.
pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

PAGE = (Path(__file__).parents[2] / "docs" / "mutants.md").read_text(encoding="utf-8")

LIVELY_BY_DOING_NOTHING = {"LIV-1", "LIV-3", "DRN-3", "DRN-5", "DRN-7"}
QUICK = ("a-backend-that-does-nothing-wrong", "two-runs-in-one-process", "a-handoff", "completions-answered-403")


def verdicts_on(sender: type[DoesNothing | PlainSender]) -> Verdicts:
    """Perform everything with a sender, in virtual time."""
    return judge(Target(factory=sender, capabilities=sender.capabilities))


def judged(verdicts: Verdicts, judgement: Judgement) -> set[str]:
    """The ids of the rules of which that is said."""
    return {verdict.rule.id for verdict in verdicts if verdict.judgement is judgement}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule}-{mutant.name}")
def test_a_mutant_fails_its_rule_for_its_bug(mutant: Mutant) -> None:
    """Each broken sender is failed by the rule that it names, and the sentence says why; the page tells what else."""
    found = perform(mutant)
    sentences = found.sentences.get(mutant.rule, frozenset())
    assert [sentence for sentence in sentences if mutant.says in sentence], sentences
    assert found.errors == ()
    assert read(PAGE)[mutant.name] == fails_also(mutant, found)


def test_the_page_of_mutants_is_as_it_is_made() -> None:
    """It is what `python -m tests.conformance.mutants.page` prints, given that what it says of each mutant is so."""
    assert render(read(PAGE)) == PAGE


def test_every_rule_is_failed_by_a_mutant() -> None:
    """No rule is there without a broken sender that shows what it is for."""
    assert {mutant.rule for mutant in MUTANTS} == {rule.id for rule in RULES}


def test_mutants_can_be_told_apart() -> None:
    """Each mutant has a name of its own and says its bug."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.bug.endswith(".") for mutant in MUTANTS)


def test_a_correct_sender_that_is_not_the_reference_passes_everything() -> None:
    """The suite isn't fitted to the reference sender: one that is built otherwise passes every rule too."""
    assert judged(verdicts_on(PlainSender), Judgement.PASSED) == {rule.id for rule in RULES}


@pytest.mark.parametrize("sender", LEGAL, ids=lambda sender: sender.__name__)
def test_what_the_guarantees_leave_open_is_left_to_a_sender(sender: type[PlainSender]) -> None:
    """A correct sender that waits longer, or writes otherwise, than the plain one passes every rule too."""
    assert judged(verdicts_on(sender), Judgement.PASSED) == {rule.id for rule in RULES}


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("factory", [PlainSender, create_reference_sender])
def test_correct_senders_pass_on_real_sockets_too(name: str, factory: type[PlainSender]) -> None:
    """A scenario means the same in real time, on real sockets."""
    [scenario] = [each for each in SCENARIOS if each.name == name]
    verdicts = judge(Target(factory=factory, world=TcpWorld(), capabilities=CAPABILITIES), scenarios=(scenario,))
    assert [failure.violation for verdict in verdicts for failure in verdict.failures] == []
    assert set(scenario.rules) <= judged(verdicts, Judgement.PASSED)


@pytest.mark.parametrize(
    ("sender", "passed"),
    [
        (DoesNothing, LIVELY_BY_DOING_NOTHING | {"DRN-4"}),
        (ClaimsEverythingAndDoesNothing, LIVELY_BY_DOING_NOTHING - {"DRN-7"}),
    ],
)
def test_doing_nothing_passes_no_rule_that_asks_for_delivery(sender: type[DoesNothing], passed: set[str]) -> None:
    """What was never done can't have been done right."""
    assert judged(verdicts_on(sender), Judgement.PASSED) == passed
