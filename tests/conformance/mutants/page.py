"""Makes docs/mutants.md of what the mutants do: `python -m tests.conformance.mutants.page > docs/mutants.md`.

The page can be read back, so that a test of one mutant sees whether the page tells the truth about it.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from conformance.rules.catalogue import RULES
from tests.conformance.mutants import MUTANTS
from tests.conformance.mutants.matrix import fails_also, perform

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADINGS = "| rule | mutant | its bug | how the failure reads | fails also |"
_HEAD = """\
# The mutants

The suite is itself under test. Each of these senders has one small deliberate bug, and must be failed by the rule that
it names, with a sentence that says why; the tests hold it to that. A sender without a bug, which all but a few of them
are mutants of, passes every rule.

This page is made of what they do (`python -m tests.conformance.mutants.page`): each is performed in the scenarios that
attack the rule it names, in virtual time, and every rule judges what happened. So what else fails a mutant is what
fails it there; LIV-1, which is measured in real time, isn't counted.

## Bugs, and what they fail
"""


def render(also: Mapping[str, tuple[str, ...]]) -> str:
    """The page, as Markdown, given what else fails each mutant."""
    order = {rule.id: place for place, rule in enumerate(RULES)}
    mutants = sorted(MUTANTS, key=lambda mutant: (order[mutant.rule], mutant.name))
    parts = [_HEAD, _HEADINGS, "| --- | --- | --- | --- | --- |"]
    others: dict[str, list[str]] = {rule.id: [] for rule in RULES}
    for mutant in mutants:
        for rule_id in also[mutant.name]:
            others[rule_id].append(mutant.name)
        bug = " ".join(mutant.bug.split())
        parts.append(f"| {mutant.rule} | {mutant.name} | {bug} | … {mutant.says} … | {', '.join(also[mutant.name])} |")
    parts += ["\n## Rules, and who fails them\n", "| rule | mutants of it | fails also |", "| --- | --- | --- |"]
    named = {rule_id: [each.name for each in group] for rule_id, group in groupby(mutants, lambda each: each.rule)}
    parts += [
        f"| {rule.id} | {', '.join(named.get(rule.id, []))} | {', '.join(sorted(others[rule.id]))} |" for rule in RULES
    ]
    return "\n".join(parts) + "\n"


def read(page: str) -> dict[str, tuple[str, ...]]:
    """What else fails each mutant, by the page."""
    rows = page.partition(_HEADINGS)[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[1]: tuple(row[-1].split(", ")) if row[-1] else () for row in cells}


if __name__ == "__main__":
    sys.stdout.write(render({mutant.name: fails_also(mutant, perform(mutant)) for mutant in MUTANTS}))
