"""Builds a report from verdicts, and a timeline from a history with what contradicts the rules in it."""

from __future__ import annotations

from itertools import chain, count, groupby
from typing import TYPE_CHECKING

from conformance.escaping import printable
from conformance.evidence.describe import in_words
from conformance.evidence.history import AdapterSaid
from conformance.judging.verdicts import Judgement, clarity, level_reached, where_to_begin
from conformance.report.model import (
    Contradiction,
    Counts,
    FailedScenario,
    RecordTold,
    Report,
    RuleReport,
    Timeline,
    Unjudged,
)
from conformance.report.timeline import timeline_of
from fake_backend.installed import installed_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.evidence.history import History
    from conformance.judging.verdicts import Failure, Verdict
    from conformance.rules.findings import Violation

_SCENARIOS_WITH_A_TIMELINE = 2
_CONTRADICTIONS_OF_A_SCENARIO = 2
_ROWS_OF_A_TIMELINE = 40
_A_MESSAGE = 4_000
_LETTERS = 26


def report_of(verdicts: Sequence[Verdict], *, subject: str, world: str, replay: str) -> Report:
    """Return the report on a sender.

    Args:
        verdicts: What the judge said.
        subject: The sender, as it was named.
        world: Where it was judged, in words.
        replay: The command that judges one rule again, with `{rule}` in the place of the rule's id,
            and `{scenario}` in that of the scenario that shows best why.
    """
    rules = tuple(_rule(verdict, replay) for verdict in verdicts)
    counts = _counts(verdicts)
    level = level_reached(verdicts)
    return Report(
        subject=printable(subject),
        world=printable(world),
        level=level,
        headline=_headline(counts, len(rules)) if level is None else level,
        counts=counts,
        begin_with=where_to_begin(verdicts),
        rules=rules,
        made_by=program_and_version(),
    )


def program_and_version() -> str:
    """Return this program's name and version; the name alone where nobody has installed it."""
    return " ".join(filter(None, ["sendproof", installed_version()]))


def contradictions_with_timeline(
    history: History, violations: Sequence[Violation], *, most: int
) -> tuple[tuple[Contradiction, ...], Timeline]:
    """Contradictions in a history, and its timeline with their records marked, of `most` rows if it can be.

    A record has a letter, the same one in every contradiction that it is in.
    """
    places = {id(record): place for place, record in enumerate(history.records)}
    behind = [sorted(places[id(record)] for record in each.records if id(record) in places) for each in violations]
    marked = dict(zip(dict.fromkeys(chain.from_iterable(behind)), _letters(), strict=False))
    told = tuple(_contradiction(history, each, places, marked) for each in violations)
    return told, timeline_of(history, marked, most=most)


def _contradiction(
    history: History, violation: Violation, places: dict[int, int], marked: dict[int, str]
) -> Contradiction:
    return Contradiction(
        rule=violation.rule,
        sentence=printable(violation.sentence, _A_MESSAGE),
        records=tuple(
            RecordTold(
                mark=marked.get(places.get(id(record), -1)),
                kind=type(record).__name__,
                at=record.time - history.began,
                words=printable(in_words(record)),
            )
            for record in sorted(violation.records, key=lambda each: places.get(id(each), -1))
        ),
    )


def _letters() -> Iterator[str]:
    """Yield A to Z, AA to AZ, BA, and so on."""
    for number in count():
        ahead, letter = divmod(number, _LETTERS)
        yield ("" if not ahead else chr(ord("A") + (ahead - 1) % _LETTERS)) + chr(ord("A") + letter)


def _rule(verdict: Verdict, replay: str) -> RuleReport:
    rule = verdict.rule
    by_scenario = [list(group) for _, group in groupby(verdict.failures, lambda each: id(each.history))]
    by_scenario.sort(key=lambda group: clarity(group[0]))
    needs_a_replay = verdict.judgement in {Judgement.FAILED, Judgement.NOT_JUDGED}
    return RuleReport(
        id=rule.id,
        family=rule.id.partition("-")[0],
        level=rule.level,
        capability=rule.capability,
        claim=rule.claim,
        loss=rule.loss,
        fix=rule.fix,
        judgement=verdict.judgement,
        is_unseen=verdict.is_unseen,
        known=None if verdict.known is None else printable(verdict.known, _A_MESSAGE),
        skipped=_why_skipped(verdict),
        scenarios=verdict.scenarios,
        failed_in=verdict.failed_in,
        failures=tuple(
            _failed(group, with_timeline=place < _SCENARIOS_WITH_A_TIMELINE) for place, group in enumerate(by_scenario)
        ),
        unjudged=_unjudged(verdict),
        replay=printable(_replay(replay, verdict, by_scenario), _A_MESSAGE) if needs_a_replay else None,
    )


def _replay(command: str, verdict: Verdict, by_scenario: Sequence[Sequence[Failure]]) -> str:
    shown = by_scenario[0][0].scenario if by_scenario else verdict.errors[0][0]
    return command.replace("{rule}", verdict.rule.id).replace("{scenario}", shown.name)


def _failed(group: list[Failure], *, with_timeline: bool) -> FailedScenario:
    scenario, history = group[0].scenario, group[0].history
    violations = [each.violation for each in group[:_CONTRADICTIONS_OF_A_SCENARIO]]
    told, timeline = contradictions_with_timeline(history, violations, most=_ROWS_OF_A_TIMELINE)
    return FailedScenario(
        name=scenario.name,
        story=scenario.story,
        contradictions=told,
        more=len(group) - len(violations),
        said=tuple(line for each in history.records if isinstance(each, AdapterSaid) for line in each.lines),
        timeline=timeline if with_timeline else None,
    )


def _unjudged(verdict: Verdict) -> tuple[Unjudged, ...]:
    by_message: dict[str, list[str]] = {}
    for scenario, message in verdict.errors:
        by_message.setdefault(printable(message, _A_MESSAGE), []).append(scenario.name)
    return tuple(Unjudged(message=message, scenarios=tuple(names)) for message, names in by_message.items())


def _why_skipped(verdict: Verdict) -> str | None:
    if verdict.judgement is not Judgement.SKIPPED:
        return None
    if verdict.lacking:
        return f"the sender does not claim the capability {', '.join(sorted(verdict.lacking))}"
    return "no scenario that was performed attacks it"


def _counts(verdicts: Sequence[Verdict]) -> Counts:
    number = {each: sum(verdict.judgement is each for verdict in verdicts) for each in Judgement}
    return Counts(
        passed=number[Judgement.PASSED],
        failed=number[Judgement.FAILED],
        unseen=sum(verdict.is_unseen and verdict.known is None for verdict in verdicts),
        known=sum(verdict.known is not None for verdict in verdicts),
        skipped=number[Judgement.SKIPPED],
        not_judged=number[Judgement.NOT_JUDGED],
    )


def _headline(counts: Counts, rules: int) -> str:
    of = f"{rules} rules" if rules != 1 else "1 rule"
    if counts.failed:
        return f"{counts.failed} of {of} failed"
    if counts.not_judged:
        return f"{counts.not_judged} of {of} could not be judged"
    return f"{counts.passed} of {of} passed"
