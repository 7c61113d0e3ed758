"""Verdicts made by hand, of histories made by hand: what reports are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.harness.scenario import Scenario
from conformance.judging.judge import check
from conformance.judging.verdicts import Failure, Verdict
from conformance.report import report_of
from conformance.rules.catalogue import RULES, rule_of
from conformance.rules.findings import Violation
from fake_backend.faults import ResetPeer
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.evidence.history import History
    from conformance.report import Report

NASTY = "</script><script>boom()</script> & \" ' \x00 \x1b[31m \ud800 \u202e \ufffe ]]> {{ 7 * 7 }}"
"""What breaks HTML, JavaScript, XML, UTF-8, terminals, and templates."""


def doubled(text: str = "") -> Story:
    """A sender that renumbers after a reset: its first event is accepted as number 1 and as number 2."""
    first = event(1) | {"text": text}
    return (
        Story()
        .open()
        .enqueue(first, event(2))
        .request(last=0)
        .request((1, first), status=None, faults=[ResetPeer(phase="after-lines", lines=1)])
        .wait(30.0)
        .request(last=1)
        .request((2, first), (3, event(2)), last=3)
        .stop()
        .complete(3)
        .returned(delivered=2)
    )


async def _nothing(_stage: Any) -> None:
    """Perform nothing."""


def scenario(name: str, *rules: str, story: str = "It is made by hand.") -> Scenario:
    """A scenario of that name."""
    return Scenario(name=name, rules=rules, story=story, script=_nothing)


def failed(rule_id: str, *histories: History, known: str | None = None) -> Verdict:
    """The verdict on a rule that these histories contradict, each of a scenario with a number."""
    verdict = Verdict(rule=rule_of(rule_id), scenarios=len(histories), known=known)
    for number, history in enumerate(histories, 1):
        where = scenario(f"scenario-{number}", rule_id)
        found = check(history, [rule_of(rule_id)])
        assert found
        verdict.failures += [Failure(scenario=where, violation=each, history=history) for each in found]
    return verdict


def failed_by(history: History, *records: Any, rule_id: str = "DLV-2", sentence: str = "it is so") -> Verdict:
    """The verdict on a rule that these records contradict."""
    violation = Violation(rule=rule_id, sentence=sentence, records=records)
    failure = Failure(scenario=scenario("by-hand", rule_id), violation=violation, history=history)
    return Verdict(rule=rule_of(rule_id), scenarios=1, failures=[failure])


def not_judged(rule_id: str, message: str = "AdapterError: it is no sender") -> Verdict:
    """The verdict on a rule that could not be judged."""
    return Verdict(rule=rule_of(rule_id), scenarios=1, errors=[(scenario("broken", rule_id), message)])


def all_rules(*verdicts: Verdict) -> list[Verdict]:
    """These verdicts, and for every other rule that it passed."""
    given = {verdict.rule.id: verdict for verdict in verdicts}
    return [given.get(rule.id, Verdict(rule=rule, scenarios=2)) for rule in RULES]


def report_on(
    verdicts: Sequence[Verdict], *, subject: str = "my_app:make", replay: str = "sendproof check --rule {rule}"
) -> Report:
    """The report on them."""
    return report_of(verdicts, subject=subject, world="on paper", replay=replay)
