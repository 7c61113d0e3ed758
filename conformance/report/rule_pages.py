"""Makes docs/guarantees.md and docs/rules/ of the catalogue: `python -m conformance.report.rule_pages docs`."""

from __future__ import annotations

import sys
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.rules.catalogue import RULES
from conformance.scenarios import SCENARIOS

if TYPE_CHECKING:
    from conformance.rules.catalogue import Rule

_FAMILIES = {
    "WIRE": "what goes out",
    "SEQ": "numbers",
    "DLV": "delivery",
    "RTY": "retry",
    "WIN": "windows and limits",
    "LIV": "liveness",
    "DRN": "drain and completion",
}

_HEAD = """\
# What a sender must guarantee

The rules of `sendproof check`. Each is judged by what the backend saw and accepted and by when calls returned, never by
what the sender says of itself, except where the rule is about that. Each has a page that tells why it matters, what
commonly breaks it, how to fix that, and how it is attacked; `sendproof check --explain DRN-3` prints the same. The
pages are made from the catalogue (`python -m conformance.report.rule_pages docs`).

**MUST** binds every sender, **SHOULD** every good one, **OPTIONAL** those that claim the capability beside it.

A *window* is a request that carries events. *Accepted* is what the backend took. An *ambiguous* attempt is one whose
outcome the sender can't know.
"""


def pages() -> dict[str, str]:
    """Every page by its path in the folder of docs, as Markdown."""
    neighbors = dict(zip((rule.id for rule in RULES), _neighbors(), strict=True))
    return {"guarantees.md": _overview()} | {f"rules/{rule.id}.md": _page(rule, *neighbors[rule.id]) for rule in RULES}


def _overview() -> str:
    parts = [_HEAD]
    for family, rules in groupby(RULES, lambda rule: rule.family):
        parts.append(f"## {family}: {_FAMILIES[family]}\n")
        parts.append(
            "| rule | level | claim | what is lost where it is broken | attacks |\n| --- | --- | --- | --- | ---: |"
        )
        for rule in rules:
            link = f"[{rule.id}](rules/{rule.id}.md)"
            parts.append(f"| {link} | {_level(rule)} | {rule.claim} | {rule.loss} | {len(_attacks(rule))} |")
        parts.append("")
    return "\n".join(parts)


def _page(rule: Rule, before: Rule | None, after: Rule | None) -> str:
    attacks = "\n".join(f"| `{name}` | {story} |" for name, story in _attacks(rule))
    causes = "\n".join(f"- {cause}" for cause in rule.causes)
    links = [f"[{rule.family}: {_FAMILIES[rule.family]}](../guarantees.md)"]
    links += [f"{word}: [{each.id}]({each.id}.md)" for word, each in (("before", before), ("next", after)) if each]
    return f"""\
# {rule.id}: {rule.claim}

{_level(rule)}

## Why it matters

{rule.loss} {rule.why}

## What commonly breaks it

{causes}

## How to fix it

{rule.fix}

## How it is attacked

`sendproof check --rule {rule.id}` performs these scenarios; every other one is held against the rule too. A
scenario of these that gives it nothing to judge fails it: {rule.unseen}.

| scenario | what happens |
| --- | --- |
{attacks}

{" · ".join(links)}
"""


def _level(rule: Rule) -> str:
    return f"{rule.level} `{rule.capability}`" if rule.capability else str(rule.level)


def _attacks(rule: Rule) -> list[tuple[str, str]]:
    return [(scenario.name, scenario.story) for scenario in SCENARIOS if rule.id in scenario.rules]


def _neighbors() -> list[tuple[Rule | None, Rule | None]]:
    padded = [None, *RULES, None]
    return [(before, after) for (before, _), (_, after) in pairwise(pairwise(padded))]


def write(docs: Path) -> None:
    """Write every page into the folder of docs, and remove those of rules that are gone."""
    (docs / "rules").mkdir(exist_ok=True)
    made = pages()
    for stale in {path.name for path in (docs / "rules").glob("*.md")} - {Path(path).name for path in made}:
        (docs / "rules" / stale).unlink()
    for path, text in made.items():
        (docs / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
