"""Renders junit.xml: a test suite for each family of rules, a test case for each rule, as CI systems read it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from conformance.judging.verdicts import Judgement
from conformance.report.layout import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.report.model import Report, RuleReport


def to_junit(report: Report) -> str:
    """Return the report as JUnit XML.

    A rule that failed is a failure, unless it is known to fail: then it is skipped, with the reason. One that could
    not be judged is an error.
    """
    root = ET.Element("testsuites", {"name": f"sendproof: {report.subject}", **_totals(report.rules)})
    for family, rules in groupby(report.rules, lambda rule: rule.family):
        members = list(rules)
        suite = ET.SubElement(root, "testsuite", {"name": family, **_totals(members)})
        properties = ET.SubElement(suite, "properties")
        for name, value in (("subject", report.subject), ("world", report.world), ("verdict", report.headline)):
            ET.SubElement(properties, "property", name=name, value=value)
        for rule in members:
            _add_case(suite, rule)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _totals(rules: Sequence[RuleReport]) -> dict[str, str]:
    skipped = sum(rule.judgement is Judgement.SKIPPED or rule.known is not None for rule in rules)
    return {
        "tests": str(len(rules)),
        "failures": str(sum(rule.judgement is Judgement.FAILED and rule.known is None for rule in rules)),
        "errors": str(sum(rule.judgement is Judgement.NOT_JUDGED for rule in rules)),
        "skipped": str(skipped),
    }


def _add_case(suite: ET.Element, rule: RuleReport) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"sendproof.{rule.family}", name=f"{rule.id} {rule.claim}")
    if rule.known is not None:
        ET.SubElement(case, "skipped", message=f"known to fail: {rule.known}")
    elif rule.judgement is Judgement.SKIPPED:
        ET.SubElement(case, "skipped", message=rule.skipped or "")
    elif rule.judgement is Judgement.FAILED:
        first = rule.failures[0].contradictions[0].sentence
        kind = "nothing to judge" if rule.is_unseen else "contradiction"
        failure = ET.SubElement(case, "failure", type=kind, message=first)
        failure.text = "\n".join(_failure(rule))
    elif rule.judgement is Judgement.NOT_JUDGED:
        error = ET.SubElement(case, "error", type="not judged", message=rule.unjudged[0].message)
        error.text = "\n".join(f"{', '.join(each.scenarios)}: {each.message}" for each in rule.unjudged)


def _failure(rule: RuleReport) -> Iterator[str]:
    for scenario in rule.failures:
        yield f"{scenario.name}: {scenario.story}"
        for contradiction in scenario.contradictions:
            yield f"  {contradiction.sentence}"
            for record in contradiction.records:
                yield f"    {seconds(record.at):>9} s  {record.words}"
        if scenario.more:
            yield f"  and {scenario.more} more like it"
        if scenario.said:
            yield "  the adapter wrote to its standard error:"
            yield from (f"    {line}" for line in scenario.said)
    if not rule.is_unseen:
        yield f"What it costs: {rule.loss}"
        yield f"How to fix it: {rule.fix}"
    yield f"See it again: {rule.replay}"
