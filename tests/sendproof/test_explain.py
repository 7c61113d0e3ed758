"""What is explained in a terminal is what a rule's page says."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from conformance import RULES
from conformance.report import rule_pages
from conformance.scenarios import SCENARIOS
from sendproof.explain import explain

if TYPE_CHECKING:
    from conformance.rules.catalogue import Rule

PAGES = rule_pages.pages()


def words(text: str) -> str:
    """A text as it is read, without its marks and its lines."""
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_terminal_says_what_the_page_says(rule: Rule) -> None:
    """Every text of a rule, and the story of every scenario that attacks it, is on its page and in the terminal."""
    printed = io.StringIO()
    explain(Console(file=printed, width=100, highlight=False, markup=False), rule, SCENARIOS)
    texts = [rule.claim, rule.loss, rule.unseen, rule.why, *rule.causes, rule.fix]
    texts += [text for each in SCENARIOS if rule.id in each.rules for text in (each.name, each.story)]
    page, terminal = words(PAGES[f"rules/{rule.id}.md"]), words(printed.getvalue())
    assert [text for text in texts if words(text) not in page] == []
    assert [text for text in texts if words(text) not in terminal] == []
