"""`sendproof check`: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from conformance.rules.catalogue import RULES
from conformance.scenarios import SCENARIOS
from sendproof.check import check
from tests.conformance.mutants.plain_sender import PlainSender, Report

if TYPE_CHECKING:
    from click.testing import Result

    from conformance.evidence.settings import Settings

PLAIN = "tests.conformance.mutants.plain_sender:create_sender"
REFERENCE = "reference.adapter:create_sender"
MUTANTS = "tests.conformance.mutants"
HERE = "tests.sendproof.test_check"


def make_nothing(_settings: Settings) -> Any:
    """A factory that raises."""
    raise OSError("no such file")


class RaisesWhenStopped(PlainSender):
    """A sender whose stop raises, once it has sent something."""

    async def stop(self, *, complete: bool = True) -> Report | None:
        """Raise, if there was something to send."""
        if self.delivered:
            raise ValueError("no")
        return await super().stop(complete=complete)


class NeverCompletesAndRaises(RaisesWhenStopped):
    """The same, which completes no run either."""

    async def finish(self) -> None:
        """Leave the run open."""
        self.over = True


class ReachesForTheRealWorld(PlainSender):
    """A sender that does in a thread what can't be simulated."""

    async def work(self) -> None:
        """Start with a thread."""
        await asyncio.to_thread(print)


class ClaimsNothing(PlainSender):
    """A correct sender that claims no capability."""

    capabilities = frozenset()


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(check, arguments)


def row(result: Result, rule: str) -> list[str]:
    """The row of a rule in the table, word by word."""
    [words] = [
        line.split()
        for line in result.stdout.splitlines()
        if line.startswith(f"{rule} ") and "failed  " not in line[:20]
    ]
    return words


def count(result: Result) -> str:
    """The line that counts the verdicts."""
    [line] = [line for line in result.stdout.splitlines() if line[:1].isdigit() and " passed, " in line]
    return line


def level(result: Result) -> str:
    """The level that was reached, which is the last thing that is said."""
    return result.stdout.splitlines()[-1]


def test_the_reference_sender_passes() -> None:
    """All rules, each with a row, and exit status 0."""
    result = run("--sender", REFERENCE)
    assert result.exit_code == 0
    assert count(result) == "47 rules: 47 passed, 0 failed, 0 skipped"
    assert result.stdout.startswith("reference.adapter:create_sender, on a simulated network, in virtual time")
    assert [row(result, rule.id)[3] for rule in RULES] == ["passed"] * 47


@pytest.mark.no_cover
@pytest.mark.one_python
@pytest.mark.parametrize(
    ("asked", "counted", "reached"),
    [
        ("must", "42 rules: 42 passed, 0 failed, 0 skipped", "conforms: MUST"),
        ("should", "45 rules: 45 passed, 0 failed, 0 skipped", "conforms: MUST+SHOULD"),
        ("all", "47 rules: 45 passed, 0 failed, 2 skipped", "conforms: MUST+SHOULD"),
    ],
)
def test_a_level_is_judged_with_those_that_bind_more(asked: str, counted: str, reached: str) -> None:
    """MUST; MUST and SHOULD; or all, where what isn't claimed is skipped, and said so."""
    result = run("--sender", f"{HERE}:ClaimsNothing", "--level", asked)
    assert (result.exit_code, count(result), level(result)) == (0, counted, reached)
    is_said = "Skipped, since the sender does not claim the capability: DRN-4 (drain-report), DRN-12 (handoff)"
    assert (is_said in result.stdout) is (asked == "all")


def test_rules_can_be_picked() -> None:
    """Those that are named are judged, and no other."""
    result = run("--sender", PLAIN, "--rule", "drn-8", "--rule", "SEQ-1")
    assert result.exit_code == 0
    assert count(result) == "2 rules: 2 passed, 0 failed, 0 skipped"
    attacks = sum("SEQ-1" in scenario.rules for scenario in SCENARIOS)
    assert row(result, "SEQ-1")[:4] == ["SEQ-1", "MUST", str(attacks), "passed"]


def test_a_scenario_can_be_picked() -> None:
    """The rules that it attacks are judged by it, or those that are named, which it may not attack."""
    result = run("--sender", PLAIN, "--scenario", "a-handoff")
    assert result.exit_code == 0
    assert count(result) == "1 rule: 1 passed, 0 failed, 0 skipped"
    assert row(result, "DRN-12")[:4] == ["DRN-12", "OPTIONAL", "1", "passed"]
    result = run("--sender", PLAIN, "--scenario", "a-handoff", "--rule", "DRN-12", "--rule", "RTY-2")
    assert count(result) == "2 rules: 1 passed, 0 failed, 1 skipped"
    assert "Skipped, since no scenario that was performed attacks it: RTY-2" in result.stdout


def test_an_unknown_scenario_is_an_error_with_a_suggestion() -> None:
    """Exit status 2, and what may have been meant."""
    result = run("--sender", PLAIN, "--scenario", "a-handof")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "no scenario is called 'a-handof' (did you mean a-handoff" in said
    assert "sendproof check --explain RULE" in said


@pytest.mark.no_cover
@pytest.mark.one_python
@pytest.mark.parametrize(
    ("sender", "rule", "says"),
    [
        ("inert:DoesNothing", "DLV-1", "never reached the backend, although nothing prevented it"),
        ("delivery:RenumbersAfterAReset", "DLV-2", "an event was accepted twice, as number "),
        ("draining:CompletesBeforeItHasDrained", "DRN-2", "completion at 0 came before 12 events had been sent"),
        ("draining:StopIgnoresItsDeadline", "DRN-3", "; its deadline was "),
    ],
)
def test_a_broken_sender_fails_its_rule(sender: str, rule: str, says: str) -> None:
    """Exit status 1, the sentence, the records with their times, and what the failure costs."""
    result = run("--sender", f"{MUTANTS}.{sender}", "--rule", rule)
    assert result.exit_code == 1
    assert row(result, rule)[4] == "failed"
    assert count(result) == "1 rule: 0 passed, 1 failed, 0 skipped"
    printed = " ".join(result.stdout.split())
    assert f"{rule} failed" in printed
    assert says in printed
    assert " s sender 1: " in printed or " s request " in printed
    assert "What it costs: " in printed


def test_of_many_failures_a_few_are_printed_in_full() -> None:
    """Two scenarios, two contradictions of each; the rest is counted or named."""
    result = run("--sender", f"{MUTANTS}.wire:PrintsPrettily", "--rule", "WIRE-1")
    assert "more like it" in result.stdout
    assert result.stdout.count("a line is not one JSON object") == 4
    assert "more: " in result.stdout


@pytest.mark.parametrize(
    ("sender", "says"),
    [
        ("nonsense", "'nonsense' is not of the form MODULE:FACTORY"),
        ("no_such_module:make", "can't import 'no_such_module'"),
        (f"{HERE}:nobody", "has no 'nobody'"),
        (f"{HERE}:HERE", "a factory must be callable"),
        (f"{HERE}:make_nothing", "the factory raised OSError: no such file"),
        (f"{HERE}:ReachesForTheRealWorld", "running a function in a thread"),
        ("builtins:dict", "the factory raised TypeError"),
    ],
)
def test_a_sender_that_can_not_be_judged_ends_with_2(sender: str, says: str) -> None:
    """It is said why, on standard error, and nothing is printed that looks like a verdict."""
    result = run("--sender", sender)
    assert result.exit_code == 2
    assert result.stderr.startswith("The sender could not be judged: ")
    assert says in result.stderr
    assert result.stdout == ""


def test_what_could_not_be_judged_is_told_beside_the_verdicts() -> None:
    """A stop that raises here and there is no verdict on the rule, and the exit status is 2."""
    result = run("--sender", f"{HERE}:RaisesWhenStopped", *("--rule", "WIRE-2", "--rule", "SEQ-1", "--rule", "DRN-8"))
    assert result.exit_code == 2
    assert row(result, "SEQ-1")[3:5] == ["not", "judged"]
    assert row(result, "DRN-8")[3] == "passed"
    assert "Could not be judged in a-backend-that-does-nothing-wrong, " in result.stdout
    assert "AdapterError: stop raised ValueError: no" in result.stdout
    assert count(result) == "3 rules: 1 passed, 0 failed, 0 skipped, 2 could not be judged"


def test_a_failure_counts_for_more_than_what_could_not_be_judged() -> None:
    """Exit status 1 where a rule failed, whatever else could not be judged; both are told."""
    result = run("--sender", f"{HERE}:NeverCompletesAndRaises", "--rule", "SEQ-1", "--rule", "DRN-8")
    assert result.exit_code == 1
    assert count(result) == "2 rules: 0 passed, 1 failed, 0 skipped, 1 could not be judged"


@pytest.mark.parametrize("arguments", [("--sender", PLAIN, "--rule", "DRN-33"), ("--explain", "DRN-33")])
def test_an_unknown_rule_is_an_error_with_a_suggestion(arguments: tuple[str, ...]) -> None:
    """Exit status 2, and what may have been meant."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "no rule is called 'DRN-33' (did you mean DRN-3" in result.stderr
    assert "sendproof check --list" in " ".join(result.stderr.split())


def test_without_a_sender_there_is_nothing_to_judge() -> None:
    """The message says what to say."""
    result = run()
    assert result.exit_code == 2
    assert "Say who is to be judged, by one of --sender MODULE:FACTORY" in result.stderr


def test_the_list_has_every_rule() -> None:
    """With its level, its capability, and how many scenarios attack it."""
    result = run("--list")
    assert result.exit_code == 0
    assert all(f"\n{rule.id} " in result.stdout for rule in RULES)
    attacks = sum("DRN-12" in scenario.rules for scenario in SCENARIOS)
    assert row(result, "DRN-12")[:4] == ["DRN-12", "OPTIONAL", "(handoff)", str(attacks)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_is_explained(rule: Any) -> None:
    """What it claims, why that matters, what breaks it and how to fix that, and every scenario that attacks it."""
    result = run("--explain", rule.id.lower())
    printed = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert printed.startswith(f"{rule.id} {rule.level}")
    assert rule.claim in printed
    assert "Why it matters: " in printed
    assert printed.count("•") == len(rule.causes)
    assert "How to fix it: " in printed
    assert (f"claim the capability {rule.capability}." in printed) is (rule.capability is not None)
    assert all(scenario.name in printed for scenario in SCENARIOS if rule.id in scenario.rules)


def test_the_real_world_can_be_judged_in() -> None:
    """With --real the same is done on real sockets."""
    result = run("--sender", PLAIN, "--rule", "DRN-12", "--real")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.startswith(f"{PLAIN}, on real sockets, in real time")
    assert count(result) == "1 rule: 1 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--sender", PLAIN, "--rule", "DRN-8"), 0, "1 rule: 1 passed, 0 failed, 0 skipped"),
        (("--sender", f"{MUTANTS}.draining:NeverCompletes", "--rule", "DRN-8", "-v"), 1, "1 rule: 0 passed, 1 failed"),
        (("--sender", "nonsense"), 2, "could not be judged"),
    ],
)
def test_the_exit_status_is_that_of_the_process(arguments: tuple[str, ...], status: int, says: str) -> None:
    """What a pipeline sees: 0, 1 or 2, and no traceback."""
    command = [sys.executable, "-W", "error", "-m", "sendproof", "check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
