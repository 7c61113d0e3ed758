"""What scenarios and mutants say of themselves is read one at a time, in the report and on a rule's page."""

from __future__ import annotations

import pytest

from conformance.scenarios import SCENARIOS
from tests.conformance.mutants import MUTANTS

STORIES = {scenario.name: scenario.story for scenario in SCENARIOS} | {each.name: each.bug for each in MUTANTS}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_stands_alone(name: str) -> None:
    """It is a sentence, and doesn't point to another story."""
    story = STORIES[name]
    assert not story[0].islower() or story.startswith("stop ")  # which is what the call is named
    assert story.endswith(".")
    assert not story.startswith(("The same", "Likewise", "As above", "And "))


def test_no_two_scenarios_have_the_same_story() -> None:
    """Each says what is its own."""
    assert len({scenario.story for scenario in SCENARIOS}) == len(SCENARIOS)
