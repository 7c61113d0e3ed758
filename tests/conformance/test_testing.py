"""The suite as tests of pytest: by its options, and in a test tree of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from conformance.scenarios import SCENARIOS

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

pytest_plugins = ["pytester"]

Run: TypeAlias = Callable[..., pytest.RunResult]

REFERENCE = "reference.adapter:create_sender"
BROKEN = "tests.conformance.mutants.delivery:RenumbersAfterAReset"
ROOT = Path(__file__).parents[2]

INHERITS = """
import pytest
from conformance.testing import SenderConformance
from reference.adapter import create_sender

class TestMine(SenderConformance):
    @pytest.fixture
    def factory(self):
        return create_sender

class TestForgotten(SenderConformance):
    pass
"""
CLAIMS_NOTHING = """
from tests.conformance.mutants.plain_sender import PlainSender

class ClaimsNothing(PlainSender):
    capabilities = frozenset()
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in a process of its own, in an empty folder."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{pytester.path}")

    def run(*arguments: str) -> pytest.RunResult:
        asyncio_mode = ("-o", "asyncio_default_fixture_loop_scope=function")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *asyncio_mode, *arguments)

    return run


def test_there_is_a_test_for_each_scenario_of_a_rule(run: Run) -> None:
    """The rules are in its name, so that -k picks them."""
    result = run("--pyargs", "conformance", "--sender", REFERENCE, "-k", "DRN-12", "-v")
    attacks = sum("DRN-12" in scenario.rules for scenario in SCENARIOS)
    result.assert_outcomes(passed=attacks, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*TestSender::test_scenario[[]*DRN-12*:a-handoff[]] PASSED*"])


def test_a_failure_tells_the_contradiction(run: Run) -> None:
    """In a sentence, with the records; not as a traceback."""
    result = run("--pyargs", "conformance", "--sender", BROKEN, "-k", "every-third-answer-is-lost")
    result.assert_outcomes(failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(
        ["DLV-2  an event was accepted twice, as number 5 and as number 7", "* s  request 4: *"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_is_not_claimed_is_skipped(run: Run, pytester: pytest.Pytester) -> None:
    """With the reason, and never as passed."""
    pytester.makepyfile(mine=CLAIMS_NOTHING)
    result = run("--pyargs", "conformance", "--sender", "mine:ClaimsNothing", "-k", "a-handoff", "-rs")
    assert result.parseoutcomes()["skipped"] >= 1
    result.stdout.fnmatch_lines(["SKIPPED*the sender does not claim the capability handoff"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Say who is to be judged, by --sender MODULE:FACTORY or --command COMMAND."),
        (("--sender", REFERENCE, "--command", "true"), "Say who is to be judged, by --sender"),
        (("--sender", "nowhere:x"), "The sender could not be judged: can't import 'nowhere'"),
        (("--command", "no-such-program"), "the adapter can't be started: there is no program 'no-such-program'"),
    ],
)
def test_without_a_sender_the_run_ends(run: Run, arguments: tuple[str, ...], says: str) -> None:
    """At once, with a sentence, instead of failing two hundred times."""
    result = run("--pyargs", "conformance", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines([f"*{says}*"])


def test_an_adapter_is_tested_too(run: Run) -> None:
    """A program in any language, behind the adapter protocol."""
    command = f"{sys.executable} -m sendproof adapter --sender {REFERENCE}"
    result = run("--pyargs", "conformance", "--command", command, "-k", "a-restarted or two-runs-in-one-process")
    assert result.parseoutcomes()["passed"] == 1


def test_a_test_tree_of_ones_own_inherits(run: Run, pytester: pytest.Pytester) -> None:
    """The factory is a fixture; a class without it says what it lacks."""
    pytester.makepyfile(test_mine=INHERITS)
    result = run("test_mine.py", "-k", "DLV-8")
    assert result.parseoutcomes()["passed"] == 1
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["*TestForgotten lacks its fixture `factory`, which gives what makes a sender*"])


def test_other_runs_are_left_alone(run: Run, pytester: pytest.Pytester) -> None:
    """The options are there for the suite only: their names may be another plugin's."""
    pytester.makepyfile(test_mine="def test_nothing(): pass")
    result = run("test_mine.py", "--sender", REFERENCE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unrecognized arguments: --sender*"])
