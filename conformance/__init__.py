"""The judge of senders: rules, scenarios that attack them, checkers that read histories, and a simulated world.

`judge(target_of_factory(make_sender))` performs every scenario with your sender and gives a verdict on each rule;
`check` holds any recorded history against the rules. The command is `sendproof check --sender MODULE:FACTORY`.

What is exported here is imported when it is first asked for, so that a part of the package, as the simulator, loads
without the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.errors import AdapterError, ConformanceError, CouldNotJudgeError, SuiteError, UnknownRuleError
    from conformance.evidence.history import History
    from conformance.evidence.settings import Settings
    from conformance.judging.judge import check, judge
    from conformance.judging.target import (
        Target,
        target_of_command,
        target_of_factory,
        target_of_name,
        target_of_port,
    )
    from conformance.judging.verdicts import Judgement, Verdict, Verdicts
    from conformance.rules.catalogue import RULES, Level, Rule, rule_of
    from conformance.rules.findings import Findings, Violation

__all__ = [
    "RULES",
    "AdapterError",
    "ConformanceError",
    "CouldNotJudgeError",
    "Findings",
    "History",
    "Judgement",
    "Level",
    "Rule",
    "Settings",
    "SuiteError",
    "Target",
    "UnknownRuleError",
    "Verdict",
    "Verdicts",
    "Violation",
    "check",
    "judge",
    "rule_of",
    "target_of_command",
    "target_of_factory",
    "target_of_name",
    "target_of_port",
]

_EXPORTS = {
    "conformance.errors": ("AdapterError", "ConformanceError", "CouldNotJudgeError", "SuiteError", "UnknownRuleError"),
    "conformance.evidence.history": ("History",),
    "conformance.evidence.settings": ("Settings",),
    "conformance.judging.judge": ("check", "judge"),
    "conformance.judging.target": (
        "Target",
        "target_of_command",
        "target_of_factory",
        "target_of_name",
        "target_of_port",
    ),
    "conformance.judging.verdicts": ("Judgement", "Verdict", "Verdicts"),
    "conformance.rules.catalogue": ("RULES", "Level", "Rule", "rule_of"),
    "conformance.rules.findings": ("Findings", "Violation"),
}
"""What each module exports here: the imports above, which only the type checker makes."""

_MODULES = {name: module for module, names in _EXPORTS.items() for name in names}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # A type checker that saw it would take any name for an export.

    def __getattr__(name: str) -> object:
        """Import an export on its first use (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        export = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return export
