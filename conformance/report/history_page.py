"""Prepares a recorded history for its page: what it is, which rules it contradicts, and its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from conformance.escaping import printable
from conformance.evidence.history import History, SenderOpened
from conformance.judging.judge import check
from conformance.report.build import contradictions_with_timeline, program_and_version
from conformance.rules.catalogue import rule_of
from fake_backend.records import RequestStarted

if TYPE_CHECKING:
    from conformance.evidence.history import WorldName
    from conformance.report.model import Contradiction, Timeline
    from conformance.rules.catalogue import Rule

_CONTRADICTIONS_OF_A_RULE = 2
_WORLDS: dict[WorldName, str] = {
    "simulated": "a simulated network, in virtual time",
    "tcp": "real sockets, in real time",
    "toxiproxy": "real sockets and a Toxiproxy, in real time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A rule that a history contradicts: how, and how often beyond that."""

    rule: Rule
    contradictions: tuple[Contradiction, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHistory:
    """A history, ready to be shown. `seconds` is how long it took."""

    name: str
    world: str
    seconds: float
    senders: int
    requests: int
    records: int
    broken: tuple[BrokenRule, ...]
    timeline: Timeline
    made_by: str


def recorded(history: History, *, most: int) -> RecordedHistory:
    """Hold a history against every rule, and draw it, with the contradictions marked, in about `most` rows."""
    by_rule = {rule: list(group) for rule, group in groupby(check(history), lambda each: each.rule)}
    chosen = [violation for group in by_rule.values() for violation in group[:_CONTRADICTIONS_OF_A_RULE]]
    told, timeline = contradictions_with_timeline(history, chosen, most=most)
    broken = tuple(
        BrokenRule(
            rule=rule_of(rule_id),
            contradictions=tuple(each for each in told if each.rule == rule_id),
            more=max(len(group) - _CONTRADICTIONS_OF_A_RULE, 0),
        )
        for rule_id, group in by_rule.items()
    )
    return RecordedHistory(
        name=printable(history.scenario),
        world=_WORLDS[history.world],
        seconds=max((record.time for record in history.records), default=history.began) - history.began,
        senders=sum(isinstance(record, SenderOpened) for record in history.records),
        requests=sum(isinstance(record, RequestStarted) for record in history.records),
        records=len(history.records),
        broken=broken,
        timeline=timeline,
        made_by=program_and_version(),
    )
