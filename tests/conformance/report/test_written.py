"""The three files: JSON by its schema, XML that can be read, HTML that holds nothing but its own."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import msgspec
import pytest
from jsonschema import Draft202012Validator

from conformance.judging.verdicts import Verdict
from conformance.report import Report, history_to_html, recorded, schema, to_html, to_json, to_junit, write_reports
from conformance.report.as_html import with_code
from conformance.rules.catalogue import rule_of
from tests.conformance.report.by_hand import NASTY, all_rules, doubled, failed, failed_by, not_judged, report_on

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent.parent.parent
SCHEMA = ROOT / "docs" / "schemas" / "report.schema.json"
VOID = {"meta", "link"}


def of_every_kind() -> list[Verdict]:
    """Verdicts of which each kind is there: failed, known, skipped, not judged, passed."""
    return all_rules(
        failed("DLV-2", doubled().history()),
        failed_by(doubled().history(), rule_id="DLV-3", sentence="it never did"),
        failed("WIRE-4", doubled("x").set(0).request((1, {"z": 1}), last=1).history(), known="a ticket"),
        not_judged("SEQ-1"),
        Verdict(rule=rule_of("DRN-12"), lacking={"handoff"}),
    )


def nasty() -> Report:
    """A report in which everything that comes from outside is as bad as can be."""
    history = msgspec.structs.replace(doubled(NASTY).history(), scenario=NASTY)
    verdict = failed("DLV-2", history, known=NASTY)
    wrong = failed_by(history, *history.records, rule_id="DLV-3", sentence=NASTY)
    return report_on(
        all_rules(verdict, wrong, not_judged("SEQ-1", NASTY)), subject=NASTY, replay=f"check {NASTY} {{rule}}"
    )


class Page(HTMLParser):
    """A page, read: the elements by name, what they refer to, whether they are closed, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        values = dict(attrs)
        self.references += [value for name in ("src", "href", "xlink:href", "action") if (value := values.get(name))]
        self.ids += [value] if (value := values.get("id")) else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text += data


def test_the_published_schema_is_that_of_the_code() -> None:
    """docs/schemas/report.schema.json is what `python -m conformance.report.schema` prints."""
    assert SCHEMA.read_text(encoding="utf-8") == schema.render()


@pytest.mark.parametrize("report", [report_on(of_every_kind()), nasty(), report_on([])], ids=["kinds", "nasty", "none"])
def test_the_json_is_valid_by_its_schema_and_comes_back(report: Report) -> None:
    """The published schema describes it, and it is the report without loss."""
    text = to_json(report)
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert list(validator.iter_errors(json.loads(text))) == []
    assert msgspec.json.decode(text, type=Report) == report


@pytest.mark.parametrize("broken", [{"format": "another"}, {"rules": [{}]}, {"counts": None}, {"level": 3}])
def test_the_schema_refuses_what_is_no_report(broken: dict[str, object]) -> None:
    """A schema that takes anything would prove nothing."""
    document = json.loads(to_json(report_on(of_every_kind()))) | broken
    assert not Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).is_valid(document)


def test_junit_has_a_suite_for_each_family_and_a_case_for_each_rule() -> None:
    """Failures, errors and what was skipped are there as CI systems look for them, and are counted."""
    root = ET.fromstring(to_junit(report_on(of_every_kind())))  # noqa: S314 - our own XML
    assert [suite.get("name") for suite in root] == ["WIRE", "SEQ", "DLV", "RTY", "WIN", "LIV", "DRN"]
    outcomes = {
        (case.get("name") or "").partition(" ")[0]: [child.tag for child in case] for case in root.iter("testcase")
    }
    assert len(outcomes) == 47
    assert {name: tags for name, tags in outcomes.items() if tags} == {
        "DLV-2": ["failure"],
        "DLV-3": ["failure"],
        "WIRE-4": ["skipped"],
        "SEQ-1": ["error"],
        "DRN-12": ["skipped"],
    }
    counted = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counted == ["47", "2", "1", "2"]
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert all(int(suite.get(name, "")) == len(list(suite.iter(tag))) for suite in root)


def test_junit_tells_the_sentence_the_records_and_the_reasons() -> None:
    """Who sees no more than the CI's page learns what is wrong all the same."""
    root = ET.fromstring(to_junit(report_on(of_every_kind())))  # noqa: S314 - our own XML
    said = {(case.get("name") or "").partition(" ")[0]: case[0] for case in root.iter("testcase") if len(case)}
    assert said["DLV-2"].get("message") == "an event was accepted twice, as number 1 and as number 2"
    text = said["DLV-2"].text or ""
    assert "1.010 s  request 2: a line of 35 bytes is accepted: number 1" in text
    assert "See it again: sendproof check --rule DLV-2" in text
    assert said["WIRE-4"].get("message") == "known to fail: a ticket"
    assert said["DRN-12"].get("message") == "the sender does not claim the capability handoff"
    assert said["SEQ-1"].get("message") == "AdapterError: it is no sender"


def test_a_scenario_with_more_of_the_same_says_how_many_in_junit() -> None:
    """The count isn't lost."""
    history = doubled().history()
    verdict = failed_by(history, history.records[0])
    verdict.failures *= 4
    assert "and 2 more like it" in to_junit(report_on([verdict]))


def test_the_page_is_one_well_formed_file_without_anything_from_outside() -> None:
    """Every element is closed, and every reference is to the page itself, or holds its own data."""
    page = Page(to_html(report_on(of_every_kind())))
    assert page.open == []
    assert [each for each in page.references if not each.startswith(("#", "data:"))] == []
    assert {each[1:] for each in page.references if each.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.names.count("script") == 1
    assert {"img", "iframe", "object", "embed", "video", "base", "form"} & set(page.names) == set()


def test_the_style_asks_for_nothing_from_outside() -> None:
    """No font, no image, no other style sheet."""
    html = to_html(report_on([]))
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"@import|url\(", style)


def test_what_comes_from_outside_is_text_and_nothing_else() -> None:
    """Events, messages and names may hold markup, control characters and half of a pair: they are shown, not obeyed."""
    html = to_html(nasty())
    page = Page(html)
    assert page.names.count("script") == 1
    assert "boom()" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\\u0000" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]", html)
    html.encode()


def test_what_comes_from_outside_is_text_in_junit_too() -> None:
    """XML 1.0 has no way to write a control character; the file can be read all the same."""
    root = ET.fromstring(to_junit(nasty()).encode())  # noqa: S314 - our own XML
    assert "</script>" in (root.get("name") or "")
    assert root.find(".//script") is None


def test_a_history_of_anything_is_text_too() -> None:
    """The page of a recorded history escapes like the report."""
    history = msgspec.structs.replace(doubled(NASTY).history(), scenario=NASTY)
    page = Page(history_to_html(recorded(history, most=100)))
    assert page.names.count("script") == 1
    assert page.open == []


def test_the_page_tells_verdict_contradiction_and_command() -> None:
    """What a person looks for is there as text, in this order."""
    text = Page(to_html(report_on(of_every_kind()))).text
    order = [
        text.index(each)
        for each in (
            "does not conform",
            "What failed",
            "an event was accepted twice, as number 1 and as number 2",
            "sendproof check --rule DLV-2",
            "What could not be judged",
            "AdapterError: it is no sender",
            "The rules",
            "Skipped: the sender does not claim the capability handoff.",
        )
    ]
    assert order == sorted(order)


def test_a_report_without_failures_shows_no_section_of_them() -> None:
    """A sender that conforms gets a verdict and a table."""
    text = Page(to_html(report_on(all_rules()))).text
    assert "conforms: MUST+SHOULD" in text
    assert "What failed" not in text
    assert "What could not be judged" not in text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("`stop` returns", "<code>stop</code> returns"),
        ("a `<b>` & more", "a <code>&lt;b&gt;</code> &amp; more"),
        ("a lone ` stays", "a lone ` stays"),
        ("`one` and ` lone", "<code>one</code> and ` lone"),
    ],
)
def test_names_between_backticks_are_set_as_code(text: str, html: str) -> None:
    """The catalogue's claims are Markdown as far as that; nothing else in them is markup."""
    assert with_code(text) == html


def test_three_files_are_written_into_a_directory_that_is_made(tmp_path: Path) -> None:
    """The path of the page is given; an earlier report is overwritten."""
    directory = tmp_path / "new" / "reports"
    pages = [
        write_reports(directory, verdicts, subject="me", world="on paper", replay="check --rule {rule}")
        for verdicts in (all_rules(), of_every_kind())
    ]
    assert pages == [directory / "report.html"] * 2
    assert sorted(each.name for each in directory.iterdir()) == ["junit.xml", "report.html", "report.json"]
    assert json.loads((directory / "report.json").read_text(encoding="utf-8"))["subject"] == "me"
    html = pages[1].read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "does not conform" in html


def test_a_directory_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    """The caller says it to the user."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_reports(tmp_path / "file", [], subject="me", world="on paper", replay="")
