"""The catalogue is read strictly: what is wrong in rules.toml is told with the rule and the key."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from conformance.errors import SuiteError
from conformance.rules.catalogue import RULES, read_rules, rule_of

if TYPE_CHECKING:
    from conformance.rules.catalogue import Rule

TEXT = resources.files("conformance.rules").joinpath("rules.toml").read_text(encoding="utf-8")


def in_rule(rule_id: str, old: str, new: str) -> str:
    """The texts of the rules, with the first such line of one of them changed."""
    before, heading, after = TEXT.partition(f"[{rule_id}]\n")
    assert old in after
    return before + heading + after.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            in_rule("DLV-2", "\nfix = ", "\n# fix = "), r"DLV-2: .*missing required field `fix`", id="missing"
        ),
        pytest.param(
            in_rule("DLV-2", "\nfix = ", "\nfixes = 1\nfix = "), r"DLV-2: .*unknown field `fixes`", id="unknown"
        ),
        pytest.param(in_rule("LIV-3", '"SHOULD"', '"MIGHT"'), r"LIV-3: .*'MIGHT' - at `\$.level`", id="no-level"),
        pytest.param(in_rule("SEQ-1", "\ncauses = [", "\ncauses = [7, "), r"SEQ-1: .*`\$.causes\[0\]`", id="no-text"),
        pytest.param(TEXT.replace("[RTY-9]", "[RTY-99]"), "the same rules: RTY-9, RTY-99", id="other-rules"),
    ],
)
def test_what_is_wrong_is_told_with_its_rule_and_key(text: str, says: str) -> None:
    """A rule's key that is missing, unknown or of the wrong kind is named with the rule; so is a rule nobody checks."""
    with pytest.raises(SuiteError, match=says):
        read_rules(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_text_of_a_rule_repeats_another(rule: Rule) -> None:
    """A rule has two to four causes, and no sentence of its texts stands there twice."""
    texts = [rule.claim, rule.loss, rule.unseen, rule.why, *rule.causes, rule.fix]
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.?!:;]) ", text)]
    assert 2 <= len(rule.causes) <= 4
    assert {rule_of(named).id for named in re.findall(r"[A-Z]+-\d+", rule.unseen)} <= {each.id for each in RULES} - {
        rule.id
    }
    assert len(set(sentences)) == len(sentences)
