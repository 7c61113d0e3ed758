"""The conformance suite as tests of pytest: one for each scenario, with the rules that it attacks in its name.

In a test tree of your own, inherit and give the factory:

    from conformance.testing import SenderConformance

    class TestMySender(SenderConformance):
        @pytest.fixture
        def factory(self):
            return make_sender

`pytest --pyargs conformance --sender MODULE:FACTORY` needs no file at all.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from conformance.errors import CouldNotJudgeError
from conformance.evidence.describe import in_words
from conformance.judging.judge import contradictions
from conformance.judging.target import Target, target_of_command, target_of_factory
from conformance.scenarios import SCENARIOS

if TYPE_CHECKING:
    from conformance.evidence.history import History
    from conformance.harness.scenario import Factory, Scenario
    from conformance.rules.findings import Violation

__all__ = ["SenderConformance", "Target", "target_of_command", "target_of_factory"]


def _name(scenario: Scenario) -> str:
    return f"{'+'.join(scenario.rules)}:{scenario.name}"


class SenderConformance:
    """Inherit from it, and override the fixture `factory`; or `target`, for a world other than the simulated one."""

    @pytest.fixture
    def factory(self) -> Factory:
        """What makes the senders that are tested."""
        raise NotImplementedError(f"{type(self).__name__} lacks its fixture `factory`, which gives what makes a sender")

    @pytest.fixture
    def target(self, factory: Factory) -> Target:
        """The sender that is tested, and where."""
        return _simulated(factory)

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
    def test_scenario(self, target: Target, scenario: Scenario) -> None:
        """The sender goes through a scenario, and what the backend saw contradicts no rule."""
        reason = target.reason_to_skip(scenario)
        if reason is not None:
            pytest.skip(reason)
        try:
            history = target.world.perform(scenario, target.factory)
            broken = contradictions(history, scenario, target.capabilities)
        except CouldNotJudgeError as error:
            pytest.fail(f"{scenario.story}\n\nIt could not be judged.\n{error.reason}", pytrace=False)
        if broken:
            told = "\n\n".join(_in_words(violation, history) for violation in broken)
            pytest.fail(f"{scenario.story}\n\n{told}", pytrace=False)


@cache
def _simulated(factory: Factory) -> Target:
    return target_of_factory(factory, getattr(factory, "__qualname__", repr(factory)))


def _in_words(violation: Violation, history: History) -> str:
    records = sorted(violation.records, key=lambda record: record.time)
    lines = [f"{record.time - history.began:9.3f} s  {in_words(record)}" for record in records]
    return "\n".join([f"{violation.rule}  {violation.sentence}", *lines])
