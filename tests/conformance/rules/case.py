"""A case of a checker's test: a story, and how it breaks the rule, if it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.story import findings

if TYPE_CHECKING:
    from tests.conformance.story import Story


@dataclass(frozen=True, kw_only=True)
class Case:
    """A story that keeps a rule, or breaks it: `says` is a part of the sentence, `records` are the kinds behind it."""

    rule: str
    name: str
    story: Story
    says: str | None = None
    records: tuple[str, ...] = ()
    judged: bool = True


def keeps(rule: str, name: str, story: Story) -> Any:
    """The story keeps the rule, and there was something to judge."""
    return pytest.param(Case(rule=rule, name=name, story=story), id=f"{rule}-{name}")


def is_silent_on(rule: str, name: str, story: Story) -> Any:
    """The story says nothing about the rule."""
    return pytest.param(Case(rule=rule, name=name, story=story, judged=False), id=f"{rule}-{name}")


def breaks(rule: str, name: str, story: Story, says: str, *records: str) -> Any:
    """The story breaks the rule."""
    return pytest.param(Case(rule=rule, name=name, story=story, says=says, records=records), id=f"{rule}-{name}")


def hold(case: Case) -> None:
    """Assert that the checker finds what it should."""
    found = findings(case.rule, case.story)
    if case.says is None:
        assert [each.sentence for each in found.violations] == []
        assert bool(found.judged) is case.judged
        return
    assert found.violations, "the checker found nothing"
    first = found.violations[0]
    assert case.says in first.sentence
    assert first.rule == case.rule
    assert tuple(type(record).__name__ for record in first.records) == case.records
