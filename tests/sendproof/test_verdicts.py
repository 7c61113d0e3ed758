"""Verdicts as they are printed: what explains most comes first, and one is told where to begin."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from conformance.evidence.history import AdapterSaid
from conformance.harness.scenario import Scenario
from conformance.judging.verdicts import Failure, Verdict
from conformance.rules.catalogue import rule_of
from conformance.rules.findings import Violation
from sendproof.verdicts import print_conclusion, print_verdicts, verdict_console
from tests.conformance.story import Story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.harness.scenario import Stage

HISTORY = Story().open().history()


async def _nothing(_stage: Stage) -> None:
    pass


def scenario(name: str) -> Scenario:
    """A scenario of that name."""
    return Scenario(name=name, rules=(), story=f"The story of {name}.", script=_nothing)


def failed(rule: str, *scenarios: str, is_seen: bool = True) -> Verdict:
    """A rule that failed in those scenarios, by a record or for want of any."""
    violation = Violation(rule=rule, sentence="It is so.", records=HISTORY.records if is_seen else ())
    failures = [Failure(scenario=scenario(name), violation=violation, history=HISTORY) for name in scenarios]
    return Verdict(rule=rule_of(rule), scenarios=len(scenarios), failures=failures)


def printed(*verdicts: Verdict) -> str:
    """What is printed of them."""
    file = io.StringIO()
    console = Console(file=file, width=120, highlight=False, markup=False)
    print_verdicts(console, "A sender", verdicts)
    print_conclusion(console, verdicts)
    return file.getvalue()


def test_what_was_never_seen_is_told_after_what_was() -> None:
    """A rule of which nothing could be judged explains less than one that was broken."""
    text = printed(failed("WIRE-3", "one", "two", is_seen=False), failed("DLV-1", "one"))
    assert re.search(r"^WIRE-3 +MUST +2 +2 +not seen ", text, flags=re.MULTILINE)
    _, told = text.split("Not seen means failed, for scenarios gave these nothing to judge.")
    assert "  WIRE-3  no request carried two events (see WIN-5); in one and 1 more" in told
    assert "DLV-1 failed" in text.partition("Not seen means")[0]
    assert "WIRE-3 failed" not in text
    assert rule_of("WIRE-3").loss not in text
    assert "2 rules: 0 passed, 2 failed (1 not seen), 0 skipped" in text


def test_what_mends_a_failure_is_told_with_it() -> None:
    """What it costs, and how to fix it, without another command."""
    text = " ".join(printed(failed("DLV-1", "one")).split())
    rule = rule_of("DLV-1")
    assert f"What it costs: {rule.loss} How to fix it: {rule.fix}" in text
    assert "1 rule: 0 passed, 1 failed, 0 skipped" in text


def test_what_an_adapter_complained_of_is_told_with_the_failure() -> None:
    """Its standard error, with the scenario in which it wrote that."""
    history = (
        Story().open().write(AdapterSaid(time=1.0, lines=("thread 'main' panicked", "  at src/main.rs"))).history()
    )
    violation = Violation(rule="DLV-1", sentence="It is so.", records=history.records[:1])
    failure = Failure(scenario=scenario("one"), violation=violation, history=history)
    text = printed(Verdict(rule=rule_of("DLV-1"), scenarios=1, failures=[failure]))
    assert "    The adapter wrote to its standard error:\n      thread 'main' panicked" in text


@pytest.mark.parametrize(("columns", "widest"), [(None, 120), ("80", 80), ("wide", 120)])
def test_a_file_has_no_blanks_at_the_ends_of_its_lines(
    columns: str | None, widest: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is as wide as COLUMNS says, or wide enough to be read."""
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    print_verdicts(verdict_console(), "A sender", [failed("DLV-1", "one")])
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if line != line.rstrip()]
    assert max(map(len, lines)) == widest


@pytest.mark.parametrize(
    ("scenarios", "begin_with"),
    [
        ({"SEQ-1": "ab", "DLV-1": "b", "DLV-2": "b", "DRN-1": "bc"}, "SEQ-1, DRN-1. "),
        ({"SEQ-1": "a", "DLV-1": "a", "DLV-2": "a", "DRN-1": "a"}, "SEQ-1. "),
        ({"SEQ-1": "a", "WIN-1": "c", "DLV-1": "b", "DRN-1": "b"}, "SEQ-1, WIN-1, DLV-1. "),
        ({"SEQ-1": "a", "DLV-1": "b", "DLV-2": "c", "DRN-1": "d"}, None),
        ({"SEQ-1": "ab", "DLV-1": "b", "DLV-2": "b"}, None),
    ],
    ids=["some are alone", "none is", "some fail only together", "all are", "few"],
)
def test_where_to_begin(scenarios: Mapping[str, str], begin_with: str | None) -> None:
    """With what failed somewhere alone, where many failed and others did only in its company."""
    text = printed(*(failed(rule, *names) for rule, names in scenarios.items()))
    assert ("Begin with:" in text) is (begin_with is not None)
    if begin_with is not None:
        assert f"Begin with: {begin_with}Where another rule was" in text


def test_what_was_spared_is_told_in_numbers() -> None:
    """How many scenarios of how many a rule failed in without having been tried in all."""
    verdict = failed("DLV-1", "one", "two", "three")
    verdict.spared = [scenario("four"), scenario("five")]
    text = printed(verdict)
    assert "3 of 5" in text
    assert "Not performed: 2 scenarios" in text
