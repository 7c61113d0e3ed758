"""Explains a rule in a terminal, as its page in the docs does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from conformance.harness.scenario import Scenario
    from conformance.rules.catalogue import Rule


def explain(console: Console, rule: Rule, scenarios: Sequence[Scenario]) -> None:
    """Print what a rule claims, why it matters, what commonly breaks it, how it is attacked, and how to fix it."""
    console.print(Text.assemble((rule.id, "bold"), f"  {rule.level}"))
    if rule.capability:
        console.print(f"Only for senders that claim the capability {rule.capability}.")
    console.print()
    console.print(rule.claim)
    _heading(console, "Why it matters:")
    _paragraph(console, f"{rule.loss} {rule.why}")
    _heading(console, "What commonly breaks it:")
    _paragraph(console, "\n".join(f"- {cause}" for cause in rule.causes))
    _heading(console, "How it is attacked:")
    _paragraph(console, f"A scenario of these that gives it nothing to judge fails it: {rule.unseen}.")
    for scenario in scenarios:
        if rule.id in scenario.rules:
            console.print(Padding(Text(scenario.name, style="cyan"), (0, 0, 0, 2), expand=False))
            console.print(Padding(scenario.story, (0, 0, 0, 4), expand=False))
    _heading(console, "How to fix it:")
    _paragraph(console, rule.fix)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _paragraph(console: Console, markdown: str) -> None:
    console.print(Padding(Markdown(markdown), (0, 0, 0, 2)))
