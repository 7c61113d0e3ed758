"""Each mutant in every scenario, not only in those that attack its rule: what more of an attack must not heal it."""

from __future__ import annotations

import os
from typing import Final

import pytest

from conformance.capabilities import CAPABILITIES
from conformance.judging.judge import judge
from conformance.judging.target import Target
from tests.conformance.mutants import MUTANTS, Mutant

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

_SAMPLE: Final = slice(7, None, 40)
"""Which of them are performed each time; `nox -s nightly` performs all, which takes many minutes."""

_PERFORMED: Final = MUTANTS if os.environ.get("SENDPROOF_NIGHTLY") == "1" else MUTANTS[_SAMPLE]


@pytest.mark.parametrize("mutant", _PERFORMED, ids=lambda mutant: f"{mutant.rule}-{mutant.name}")
def test_a_mutant_fails_its_rule_whatever_else_is_performed(mutant: Mutant) -> None:
    """Its verdict is that of all scenarios together, as `sendproof check` gives it."""
    verdicts = judge(Target(factory=mutant.make, capabilities=CAPABILITIES))
    assert mutant.rule in {verdict.rule.id for verdict in verdicts.failed}
