"""What a checker finds: contradictions, and how much there was to judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.evidence.history import AnyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule was broken: a sentence that says how, and the few records that contradict each other."""

    rule: str
    sentence: str
    records: tuple[AnyRecord, ...]


@dataclass(slots=True)
class Findings:
    """What one checker found in one history.

    `judged` counts what the checker could hold against its rule or for it: requests, events, calls, as the rule has
    it. A history in which it is 0 says nothing about the rule, and a sender doesn't pass by it.
    """

    rule: str
    judged: int = 0
    violations: list[Violation] = field(default_factory=list)

    def count(self, number: int = 1) -> None:
        """Note that there was something to judge."""
        self.judged += number

    def violate(self, sentence: str, *records: AnyRecord | None) -> None:
        """Note a contradiction, and the records behind it."""
        behind = tuple(record for record in records if record is not None)
        self.violations.append(Violation(rule=self.rule, sentence=sentence, records=behind))
