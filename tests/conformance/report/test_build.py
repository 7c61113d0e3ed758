"""From verdicts to a report: how far the sender conforms, and what is told of each rule."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from itertools import islice

import pytest

from conformance.judging.verdicts import Verdict
from conformance.report import to_html
from conformance.report.build import _letters
from conformance.report.model import Moment
from conformance.rules.catalogue import rule_of
from conformance.scenarios import SCENARIOS
from tests.conformance.report.by_hand import (
    all_rules,
    doubled,
    failed,
    failed_by,
    not_judged,
    report_on,
    scenario,
)
from tests.conformance.story import Story, event

PASSED = Verdict(rule=rule_of("DLV-1"), scenarios=1)


@pytest.mark.parametrize(
    ("verdicts", "level", "headline"),
    [
        (all_rules(), "conforms: MUST+SHOULD", "conforms: MUST+SHOULD"),
        (all_rules(failed("DLV-2", doubled().history())), "does not conform", "does not conform"),
        ([failed("DLV-2", doubled().history()), PASSED], None, "1 of 2 rules failed"),
        ([not_judged("DLV-2"), PASSED], None, "1 of 2 rules could not be judged"),
        ([PASSED], None, "1 of 1 rule passed"),
    ],
)
def test_the_headline_is_the_level_or_what_became_of_the_rules(
    verdicts: list[Verdict], level: str | None, headline: str
) -> None:
    """A level is reached only where every MUST rule was judged."""
    report = report_on(verdicts)
    assert (report.level, report.headline) == (level, headline)


def test_rules_are_counted_and_those_known_to_fail_are_told_apart() -> None:
    """What is known is among the failed, and says why."""
    history = doubled().history()
    report = report_on(
        [failed("DLV-2", history, known="a ticket"), not_judged("DLV-3"), Verdict(rule=rule_of("DRN-12")), PASSED]
    )
    counts = report.counts
    assert (counts.passed, counts.failed, counts.known, counts.skipped, counts.not_judged) == (1, 1, 1, 1, 1)
    assert [rule.word for rule in report.rules] == ["known", "not judged", "skipped", "passed"]
    assert report.rules[0].known == "a ticket"


@pytest.mark.parametrize(
    ("rule_id", "lacking", "reason"),
    [
        ("DRN-12", {"handoff"}, "the sender does not claim the capability handoff"),
        ("WIN-4", {"unserializable"}, "the sender does not claim the capability unserializable"),
        ("DLV-2", set(), "no scenario that was performed attacks it"),
    ],
)
def test_what_was_skipped_says_why(rule_id: str, lacking: set[str], reason: str) -> None:
    """A capability that isn't claimed, or something that a language can't do."""
    (rule,) = report_on([Verdict(rule=rule_of(rule_id), lacking=lacking)]).rules
    assert rule.skipped == reason


def test_a_failure_is_told_with_its_records_in_order_and_their_letters() -> None:
    """The sentence, then what contradicts what, with the letters that the timeline has for them."""
    (rule,) = report_on([failed("DLV-2", doubled().history())]).rules
    (failure,) = rule.failures
    (contradiction,) = failure.contradictions
    assert contradiction.sentence == "an event was accepted twice, as number 1 and as number 2"
    assert [(each.mark, each.kind) for each in contradiction.records] == [("A", "LineReceived"), ("B", "LineReceived")]
    assert failure.timeline is not None
    marked = [row.marks for row in failure.timeline.rows if isinstance(row, Moment) and row.marks]
    assert marked == [("A",), ("B",)]


def test_a_contradiction_has_its_letters_before_the_next_has_any() -> None:
    """A and B are the first contradiction, C and D the second, wherever in time they are."""
    first, second = event(1), event(2)
    story = Story().open().enqueue(first, second)
    story.request((1, first), (2, second), last=2).request((3, first), (4, second), last=4)
    (rule,) = report_on([failed("DLV-2", story.history())]).rules
    contradictions = rule.failures[0].contradictions
    assert [[record.mark for record in each.records] for each in contradictions] == [["A", "B"], ["C", "D"]]


def test_a_record_that_is_not_of_the_history_has_no_letter() -> None:
    """A checker may point at what it made itself; the report says it, and can't draw it."""
    other = doubled().history().records[0]
    (rule,) = report_on([failed_by(doubled().history(), other)]).rules
    assert [record.mark for record in rule.failures[0].contradictions[0].records] == [None]


def test_only_the_first_scenarios_have_a_timeline_and_the_shortest_come_first() -> None:
    """Two pictures explain a rule; the other scenarios are named."""
    long, short = doubled(), doubled()
    long.wait(5).open(2)
    (rule,) = report_on([failed("DLV-2", *(story.history() for story in (long, short, long, short)))]).rules
    assert [(each.name, each.timeline is not None) for each in rule.failures] == [
        ("scenario-2", True),
        ("scenario-4", True),
        ("scenario-1", False),
        ("scenario-3", False),
    ]


def test_a_contradiction_comes_before_what_never_was() -> None:
    """That a sender never did what a rule is about explains less than what it did wrong."""
    verdict = failed_by(Story().open().history())
    verdict.failures += failed("DLV-2", doubled().history()).failures
    (rule,) = report_on([verdict]).rules
    assert [each.name for each in rule.failures] == ["scenario-1", "by-hand"]


def test_of_many_contradictions_in_a_scenario_two_are_told_and_the_rest_is_counted() -> None:
    """A flood of the same doesn't hide the others."""
    history = doubled().history()
    verdict = failed_by(history, history.records[0])
    verdict.failures *= 5
    (rule,) = report_on([verdict]).rules
    assert (len(rule.failures[0].contradictions), rule.failures[0].more) == (2, 3)


def test_what_could_not_be_judged_is_told_once_with_its_scenarios() -> None:
    """A sender that raises in every scenario gives one message, not hundreds."""
    verdict = not_judged("DLV-2", "it raised")
    verdict.errors += [(scenario("another"), "it raised"), (scenario("third"), "it hung")]
    (rule,) = report_on([verdict]).rules
    assert [(each.message, each.scenarios) for each in rule.unjudged] == [
        ("it raised", ("broken", "another")),
        ("it hung", ("third",)),
    ]


def test_it_is_told_where_to_begin_where_many_failed() -> None:
    """With what failed where no other did, and the first of what failed only together; by links."""
    history = doubled().history()
    together = [failed_by(history, history.records[0], rule_id=rule) for rule in ("DLV-1", "DLV-3", "DRN-1")]
    report = report_on([*together, failed("DLV-2", history)])
    assert report.begin_with == ("DLV-1", "DLV-2")
    assert '<b>Begin with:</b> <a href="#DLV-1">DLV-1</a>, <a href="#DLV-2">DLV-2</a>. Where another' in to_html(report)
    assert report_on(together).begin_with == ()


def test_the_command_that_judges_a_rule_again_names_it() -> None:
    """`{rule}` and `{scenario}` are replaced, and other braces stay; a rule that passed needs none."""
    verdicts = [failed("DLV-2", doubled().history()), not_judged("DLV-3"), PASSED]
    report = report_on(verdicts, replay="check --command '{x} {}' --rule {rule} --scenario {scenario}")
    assert [rule.replay for rule in report.rules] == [
        "check --command '{x} {}' --rule DLV-2 --scenario scenario-1",
        "check --command '{x} {}' --rule DLV-3 --scenario broken",
        None,
    ]


def test_a_report_is_made_where_sendproof_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout on the path has no version to tell; it judges all the same."""

    def nobody(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("fake_backend.installed.version", nobody)
    assert report_on([PASSED]).made_by == "sendproof"


def test_letters_go_on_after_z() -> None:
    """A history with many contradictions has enough of them, each once."""
    letters = list(islice(_letters(), 60))
    assert (letters[0], letters[25], letters[26], letters[52]) == ("A", "Z", "AA", "BA")
    assert len(set(letters)) == 60


def test_the_stories_of_the_scenarios_can_be_printed_as_they_are() -> None:
    """What the suite's own authors wrote into reports holds nothing that needs escaping."""
    assert all(each.story.isprintable() and each.name.isprintable() for each in SCENARIOS)
