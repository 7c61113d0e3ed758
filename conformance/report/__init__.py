"""Reports of verdicts: report.json, junit.xml and report.html; and histories drawn as pages.

One structure, `Report`, is made of the verdicts, and the three files are made of that. See the page
"Reports" of the documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report.as_html import history_to_html, to_html
from conformance.report.as_json import to_json
from conformance.report.as_junit import to_junit
from conformance.report.build import report_of
from conformance.report.history_page import recorded
from conformance.report.load_history import HistoryFileError, read_history
from conformance.report.model import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.judging.verdicts import Verdict

__all__ = [
    "HistoryFileError",
    "Report",
    "history_to_html",
    "read_history",
    "recorded",
    "report_of",
    "to_html",
    "to_json",
    "to_junit",
    "write_reports",
]


def write_reports(directory: Path, verdicts: Sequence[Verdict], *, subject: str, world: str, replay: str) -> Path:
    """Write report.json, junit.xml and report.html into a directory, made if need be; return the path of the page.

    Args:
        directory: Where to. Reports that are there are overwritten.
        verdicts: What the judge said.
        subject: The sender, as it was named.
        world: Where it was judged, in words.
        replay: The command that judges one rule again, with `{rule}` in the place of the rule's id, and
            `{scenario}` in that of the scenario that shows best why.

    Raises:
        OSError: The directory can't be made, or a file can't be written.
    """
    report = report_of(verdicts, subject=subject, world=world, replay=replay)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_text(to_json(report), encoding="utf-8")
    (directory / "junit.xml").write_text(to_junit(report), encoding="utf-8")
    page = directory / "report.html"
    page.write_text(to_html(report), encoding="utf-8")
    return page
