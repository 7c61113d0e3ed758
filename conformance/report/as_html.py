"""Renders report.html, and the page of a history: one file each, which needs no other."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from conformance.judging.verdicts import Judgement
from conformance.report.layout import LANES, picture_of, seconds

if TYPE_CHECKING:
    from conformance.report.history_page import RecordedHistory
    from conformance.report.model import Report, RuleReport

_OPEN_AT_FIRST = 3
"""So many failed rules are shown open; of more, only their claims."""

_CODE = re.compile("`([^`]+)`")

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("conformance.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def with_code(text: str) -> Markup:
    """Text in which names stand between backticks, with these set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - what is put in stands around escaped text


_templates.filters |= {"seconds": seconds, "picture": picture_of, "with_code": with_code}
_templates.globals |= {"lanes": LANES}


def to_html(report: Report) -> str:
    """Return the report as a page."""
    failed = [rule for rule in report.rules if rule.judgement is Judgement.FAILED]
    failed.sort(key=lambda rule: rule.is_unseen)  # which explains the least
    return _render(
        "report.html.jinja",
        report=report,
        failed=failed,
        opened=len(failed) <= _OPEN_AT_FIRST,
        unjudged=_by_message(report.rules),
    )


def history_to_html(recorded: RecordedHistory) -> str:
    """Return a history as a page."""
    return _render("history.html.jinja", recorded=recorded)


def _render(template: str, **values: object) -> str:
    style, script = _source("style.css"), _source("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _templates.get_template(template).render(style=style, script=script, digest=digest, **values)


def _source(name: str) -> str:
    return _templates.get_template(name).render().strip()


def _by_message(rules: tuple[RuleReport, ...]) -> dict[str, dict[str, list[str]]]:
    """For each message, the scenarios that it came from, and the rules that these attack."""
    found: dict[str, dict[str, list[str]]] = {}
    for rule in rules:
        for each in rule.unjudged:
            for scenario in each.scenarios:
                found.setdefault(each.message, {}).setdefault(scenario, []).append(rule.id)
    return found
