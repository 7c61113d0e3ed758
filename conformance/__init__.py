"""The judge of senders: rules, scenarios that attack them, checkers that read histories, and a simulated world.

`judge` performs scenarios with a sender of yours and gives verdicts; `check` holds any recorded history against the
rules. The command is `sendproof check --sender MODULE:FACTORY`.
"""

from conformance.errors import AdapterError, ConformanceError, SuiteError, UnknownRuleError
from conformance.evidence.history import History
from conformance.evidence.settings import Settings
from conformance.judging.judge import Judgement, Verdict, check, judge
from conformance.rules.catalogue import RULES, Level, Rule, rule_of
from conformance.rules.findings import Findings, Violation

__all__ = [
    "RULES",
    "AdapterError",
    "ConformanceError",
    "Findings",
    "History",
    "Judgement",
    "Level",
    "Rule",
    "Settings",
    "SuiteError",
    "UnknownRuleError",
    "Verdict",
    "Violation",
    "check",
    "judge",
    "rule_of",
]
