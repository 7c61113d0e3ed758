"""`sendproof check --toxiproxy`: the scenarios of the network in the simulator, on TCP, and through a Toxiproxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from conformance.harness.worlds import SimulatedWorld, TcpWorld
from conformance.judging.comparison import compare
from conformance.judging.judge import scenarios_for
from conformance.judging.target import target_of_name
from conformance.judging.verdicts import Judgement
from conformance.scenarios import SCENARIOS
from sendproof.toxiproxy import needs_toxiproxy
from sendproof.verdicts import STYLES, print_indented, print_violation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from conformance.harness.scenario import Scenario
    from conformance.judging.comparison import Comparison, Outcome
    from conformance.rules.catalogue import Rule

WORLDS = ("simulator", "TCP", "Toxiproxy")


def network_scenarios(rules: Sequence[Rule]) -> tuple[Scenario, ...]:
    """Return the scenarios of the network that attack one of the rules.

    Raises:
        click.UsageError: None does.
    """
    scenarios = [scenario for scenario in scenarios_for(rules, SCENARIOS) if scenario.is_of_the_network]
    if not scenarios:
        asked = ", ".join(rule.id for rule in rules)
        attacked = sorted({rule for scenario in SCENARIOS if scenario.is_of_the_network for rule in scenario.rules})
        raise click.UsageError(f"No scenario of the network attacks {asked}; they attack {', '.join(attacked)}.")
    return tuple(scenarios)


def compare_worlds(
    sender: str,
    url: str,
    *,
    scenarios: Sequence[Scenario],
    rules: Sequence[Rule],
    at_a_time: int,
    on_progress: Callable[[Scenario], None],
) -> list[Comparison]:
    """Perform scenarios with a named sender in all three worlds.

    Raises:
        ToxiproxyError: There is no Toxiproxy at the URL.
        CouldNotJudgeError: The sender is none, or does what can't be simulated.
    """
    with needs_toxiproxy():
        from conformance.harness.toxiproxy import toxiproxy_world  # noqa: PLC0415 - an extra

    with toxiproxy_world(url, at_a_time=at_a_time) as proxied, target_of_name(sender) as target:
        return compare(
            target.factory,
            scenarios=[scenario for scenario in scenarios if target.reason_to_skip(scenario) is None],
            worlds=dict(zip(WORLDS, (SimulatedWorld(), TcpWorld(at_a_time=at_a_time), proxied), strict=True)),
            rules={rule.id for rule in rules},
            capabilities=target.capabilities,
            on_progress=on_progress,
        )


def print_comparisons(
    console: Console, title: str, comparisons: Sequence[Comparison], *, known: Mapping[str, str]
) -> None:
    """Print the table, then what failed, in which world, and what differs; then the count."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    for world in WORLDS:
        table.add_column(world)
    for comparison in comparisons:
        table.add_row(comparison.scenario.name, *map(_in_a_word, comparison.outcomes.values()))
    console.print(table)
    for comparison in comparisons:
        if comparison.judgement is not Judgement.PASSED:
            _print_comparison(console, comparison)
    console.print()
    if known:
        console.print(f"Known to fail, and not compared: {', '.join(known)}")
    number = {each: sum(comparison.judgement is each for comparison in comparisons) for each in Judgement}
    line = f"{len(comparisons)} scenarios in three worlds: {number[Judgement.PASSED]} passed in all"
    if number[Judgement.FAILED]:
        differ = sum(not comparison.is_alike for comparison in comparisons)
        line += f", {number[Judgement.FAILED]} failed, {differ} of them not in all alike"
    if number[Judgement.NOT_JUDGED]:
        line += f", {number[Judgement.NOT_JUDGED]} could not be judged"
    console.print(line, soft_wrap=True)


def _in_a_word(outcome: Outcome) -> Text:
    word = f"{outcome.judgement} {', '.join(outcome.failed)}".strip()
    return Text(word, style=STYLES[outcome.judgement])


def _print_comparison(console: Console, comparison: Comparison) -> None:
    console.print()
    console.print(Text.assemble((comparison.scenario.name, "cyan"), f": {comparison.scenario.story}"))
    if not comparison.is_alike:
        print_indented(console, Text("The worlds don't agree.", style="bold"), by=2)
    for world, outcome in comparison.outcomes.items():
        if outcome.error is not None:
            print_indented(console, Text.assemble((f"{world}: ", "bold"), outcome.error), by=2)
        for rule in outcome.failed:
            violation = next(each for each in outcome.violations if each.rule == rule)
            print_indented(console, Text(f"{world}: {rule}", style="bold"), by=2)
            if outcome.history is not None:
                print_violation(console, violation, began=outcome.history.began, indent=4)
