"""Verdicts as they are printed: what explains most comes first, and one is told where to begin."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from conformance.catalogue import rule_of
from conformance.findings import Violation
from conformance.judge import Failure, Verdict
from conformance.scenario import Scenario
from sendproof.verdicts import print_verdicts
from tests.conformance.story import Story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.scenario import Stage

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
    print_verdicts(Console(file=file, width=120, highlight=False, markup=False), "A sender", verdicts)
    return file.getvalue()


def test_what_was_never_seen_is_told_after_what_was() -> None:
    """A rule of which nothing could be judged explains less than one that was broken."""
    text = printed(failed("WIRE-3", "one", is_seen=False), failed("DLV-1", "one"))
    assert text.index("DLV-1 failed") < text.index("WIRE-3 failed")


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
        assert f"Begin with: {begin_with}The others failed only where" in text


def test_what_was_spared_is_told_in_numbers() -> None:
    """How many scenarios of how many a rule failed in without having been tried in all."""
    verdict = failed("DLV-1", "one", "two", "three")
    verdict.spared = [scenario("four"), scenario("five")]
    text = printed(verdict)
    assert "3 of 5" in text
    assert "Not performed: 2 scenarios" in text
