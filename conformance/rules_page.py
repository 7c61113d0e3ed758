"""Makes docs/guarantees.md of the catalogue: `python -m conformance.rules_page > docs/guarantees.md`."""

from __future__ import annotations

import sys
from itertools import groupby

from conformance.catalogue import RULES
from conformance.scenarios import SCENARIOS

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
what the sender says of itself, except where the rule is about that. This page is made from the catalogue
(`python -m conformance.rules_page`); `sendproof check --explain DRN-3` tells how a rule is attacked.

**MUST** binds every sender, **SHOULD** every good one, **OPTIONAL** those that claim the capability beside it.

A *window* is a request that carries events. *Accepted* is what the backend took. An *ambiguous* attempt is one whose
outcome the sender can't know.
"""


def render() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for family, rules in groupby(RULES, lambda rule: rule.id.partition("-")[0]):
        parts.append(f"## {family}: {_FAMILIES[family]}\n")
        parts.append(
            "| rule | level | claim | what is lost where it is broken | attacks |\n| --- | --- | --- | --- | ---: |"
        )
        for rule in rules:
            level = f"{rule.level} `{rule.capability}`" if rule.capability else rule.level
            attacks = sum(rule.id in scenario.rules for scenario in SCENARIOS)
            parts.append(f"| {rule.id} | {level} | {rule.claim} | {rule.loss} | {attacks} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render())
