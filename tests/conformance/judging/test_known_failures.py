"""The list of rules that a sender is known to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.errors import KnownFailuresError
from conformance.judging.known_failures import note_known_failures, read_known_failures
from conformance.judging.verdicts import Failure, Verdict, level_reached
from conformance.rules.catalogue import RULES, Level, rule_of
from conformance.rules.findings import Violation
from conformance.scenarios import SCENARIOS
from tests.conformance.story import Story

if TYPE_CHECKING:
    from pathlib import Path


def verdict(rule: str, judgement: str) -> Verdict:
    """A verdict on a rule."""
    made = Verdict(rule=rule_of(rule), scenarios=judgement != "skipped")
    if judgement == "failed":
        violation = Violation(rule=rule, sentence="it broke", records=())
        made.failures.append(Failure(scenario=SCENARIOS[0], violation=violation, history=Story().history()))
    if judgement == "not judged":
        made.errors.append((SCENARIOS[0], "it raised"))
    return made


def verdicts(**exceptions: str) -> list[Verdict]:
    """A verdict on every rule: passed, but for the exceptions (`DLV_2="failed"`)."""
    return [verdict(rule.id, exceptions.get(rule.id.replace("-", "_"), "passed")) for rule in RULES]


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    """An id, in either case, with or without a colon, and why; comments and empty lines are skipped."""
    path = tmp_path / "known.txt"
    path.write_text("# of our old client\n\nDLV-2 doubles after a reset, see #12\n  drn-3:  hangs\n", encoding="utf-8")
    assert read_known_failures(path) == {"DLV-2": "doubles after a reset, see #12", "DRN-3": "hangs"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"DLV-2", "line 1: DLV-2 lacks a reason; a line is an id and a reason"),
        (b"DLV-2 a\n\nDLV-2 b", "line 3: DLV-2 is there twice"),
        (b"DVL-2 a", "line 1: no rule is called 'DVL-2' (did you mean DLV-2"),
        (b"DLV-2 \xff", "is not UTF-8: invalid start byte at byte 6"),
        (None, "No such file or directory"),
    ],
)
def test_a_wrong_list_is_told_with_its_line(tmp_path: Path, text: bytes | None, says: str) -> None:
    """Nothing in it is passed over."""
    path = tmp_path / "known.txt"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(KnownFailuresError) as raised:
        read_known_failures(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_rule_that_is_known_to_fail_must_fail() -> None:
    """One that fails is marked with the reason; one that passes, or wasn't judged, makes the list wrong."""
    judged = [verdict("DLV-2", "failed"), verdict("DRN-3", "passed"), verdict("DRN-4", "skipped")]
    judged.append(verdict("DRN-1", "not judged"))
    reasons = {"DLV-2": "old", "DRN-3": "old", "DRN-4": "old", "DRN-1": "old", "SEQ-1": "old"}
    assert note_known_failures(judged, reasons) == [
        "DRN-3 is known to fail, and it passed: take it off the list",
        "DRN-4 is known to fail, and it was skipped: take it off the list",
        "DRN-1 is known to fail, and it could not be judged: take it off the list",
        "SEQ-1 is known to fail, and was not among the rules that were judged",
    ]
    assert [each.known for each in judged] == ["old", None, None, None]


@pytest.mark.parametrize(
    ("exceptions", "level"),
    [
        ({}, "conforms: MUST+SHOULD"),
        ({"DRN_4": "skipped", "WIN_4": "skipped"}, "conforms: MUST+SHOULD"),
        ({"RTY_4": "failed"}, "conforms: MUST"),
        ({"RTY_4": "not judged"}, "conforms: MUST"),
        ({"DLV_2": "failed", "DLV_1": "not judged"}, "does not conform"),
        ({"DRN_4": "failed"}, "does not conform"),
        ({"DLV_2": "not judged"}, "could not be judged"),
    ],
)
def test_the_level_is_what_was_reached(exceptions: dict[str, str], level: str) -> None:
    """What a sender claims binds it; a SHOULD rule that fails costs the level, not the verdict."""
    assert level_reached(verdicts(**exceptions)) == level


def test_a_part_of_the_rules_reaches_no_level() -> None:
    """Who judges one rule knows of that one."""
    assert level_reached([verdict("DLV-2", "passed")]) is None
    must = [each for each in verdicts() if each.rule.level is Level.MUST]
    assert level_reached(must) == "conforms: MUST"
