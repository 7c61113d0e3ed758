"""Prints verdicts: a table, then each failure with the records that contradict each other."""

from __future__ import annotations

import os
import re
import sys
from itertools import groupby
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.evidence.describe import in_words
from conformance.evidence.history import AdapterSaid
from conformance.judging.verdicts import Judgement, clarity, level_reached, where_to_begin
from sendproof.exit_status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from conformance.harness.scenario import Scenario
    from conformance.judging.verdicts import Failure, Verdict
    from conformance.rules.catalogue import Rule
    from conformance.rules.findings import Violation

STYLES = {
    Judgement.PASSED: "green",
    Judgement.FAILED: "bold red",
    Judgement.SKIPPED: "dim",
    Judgement.NOT_JUDGED: "bold yellow",
}
_SCENARIOS_IN_FULL = 2
_VIOLATIONS_IN_FULL = 2
_SCENARIOS_NAMED = 6
_UNSEEN_NAMED = 1
_WIDTH_OF_A_FILE = 120


def exit_status(judgements: Collection[Judgement]) -> ExitStatus:
    """Return how a command exits: by whether one failed, and then by whether one could not be judged."""
    if Judgement.FAILED in judgements:
        return ExitStatus.FAILED
    return ExitStatus.NOT_DONE if Judgement.NOT_JUDGED in judgements else ExitStatus.OK


class _WithoutBlanksAtEnds:
    """A stream whose lines don't end in blanks, with which tables are filled up; rich writes whole lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def verdict_console() -> Console:
    """Return where verdicts are printed: standard output, in a file or pipe as wide as COLUMNS says, or wide enough."""
    if sys.stdout.isatty():
        return Console(highlight=False, markup=False)
    width = None if os.environ.get("COLUMNS", "").isdigit() else _WIDTH_OF_A_FILE
    return Console(file=cast("TextIO", _WithoutBlanksAtEnds(sys.stdout)), width=width, highlight=False, markup=False)


def print_verdicts(console: Console, title: str, verdicts: Sequence[Verdict]) -> None:
    """Print the table, the failures, and what could not be judged."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True)
    for heading in ("rule", "level", "performed", "failed in", "verdict"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in {"performed", "failed in"} else "left")
    table.add_column("claim", no_wrap=True, overflow="ellipsis", ratio=1)
    for verdict in verdicts:
        table.add_row(
            verdict.rule.id,
            verdict.rule.level,
            f"{verdict.scenarios} of {verdict.scenarios + len(verdict.spared)}"
            if verdict.spared
            else str(verdict.scenarios),
            str(verdict.failed_in or ""),
            _in_a_word(verdict),
            verdict.rule.claim,
        )
    console.print(table)
    failed = [verdict for verdict in verdicts if verdict.failures and verdict.known is None]
    for verdict in failed:
        if not verdict.is_unseen:
            _print_failures(console, verdict)
    _print_unseen(console, [verdict for verdict in failed if verdict.is_unseen])
    _print_known(console, verdicts)
    _print_errors(console, verdicts)
    _print_skipped(console, verdicts)
    _print_spared(console, verdicts)
    _print_where_to_begin(console, verdicts)


def print_conclusion(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print the count and, where that can be said, the level."""
    console.print()
    console.print(_count(verdicts), soft_wrap=True)
    level = level_reached(verdicts)
    if level is not None:
        console.print(Text(level, style=_style_of_a_level(level)))


def list_rules(console: Console, rules: Sequence[Rule], scenarios: Sequence[Scenario]) -> None:
    """Print every rule with its level, how many scenarios attack it, and its claim."""
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "level", "scenarios"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "scenarios" else "left")
    table.add_column("claim")
    for rule in rules:
        attacks = sum(rule.id in scenario.rules for scenario in scenarios)
        level = f"{rule.level} ({rule.capability})" if rule.capability else rule.level
        table.add_row(rule.id, level, str(attacks), rule.claim)
    console.print(table)


def print_violation(console: Console, violation: Violation, *, began: float, indent: int) -> None:
    """Print a contradiction, and the records behind it with their times since the beginning."""
    print_indented(console, Text(violation.sentence, style="red"), by=indent)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for record in sorted(violation.records, key=lambda each: each.time):
        table.add_row(f"{record.time - began:9.3f} s", in_words(record))
    if violation.records:
        print_indented(console, table, by=indent)


def _in_a_word(verdict: Verdict) -> Text:
    if verdict.known is not None:
        return Text("known", style="yellow")
    if verdict.is_unseen:
        return Text("not seen", style=STYLES[Judgement.FAILED])
    return Text(verdict.judgement, style=STYLES[verdict.judgement])


def _style_of_a_level(level: str) -> str:
    return "bold green" if level.startswith("conforms") else "bold red"


def _print_failures(console: Console, verdict: Verdict) -> None:
    rule = verdict.rule
    console.print()
    console.print(Text.assemble((f"{rule.id} failed", "bold red"), f"  {rule.claim}"))
    by_scenario = [(name, list(group)) for name, group in groupby(verdict.failures, lambda each: each.scenario.name)]
    by_scenario.sort(key=lambda named: clarity(named[1][0]))
    for _, failures in by_scenario[:_SCENARIOS_IN_FULL]:
        _print_scenario(console, failures)
    if more := [name for name, _ in by_scenario[_SCENARIOS_IN_FULL:]]:
        print_indented(console, f"And in {len(more)} more: {_some(more)}.", by=2)
    print_indented(console, Text.assemble(("What it costs: ", "bold"), rule.loss), by=2)
    print_indented(console, Text.assemble(("How to fix it: ", "bold"), rule.fix), by=2)


def _print_scenario(console: Console, failures: list[Failure]) -> None:
    scenario = failures[0].scenario
    print_indented(console, Text.assemble((scenario.name, "cyan"), f": {scenario.story}"), by=2)
    for failure in failures[:_VIOLATIONS_IN_FULL]:
        print_violation(console, failure.violation, began=failure.history.began, indent=4)
    said = [line for each in failures[0].history.records if isinstance(each, AdapterSaid) for line in each.lines]
    if said:
        print_indented(console, "The adapter wrote to its standard error:", by=4)
        for line in said:
            print_indented(console, Text(line, style="dim"), by=6)
    if len(failures) > _VIOLATIONS_IN_FULL:
        print_indented(console, f"… and {len(failures) - _VIOLATIONS_IN_FULL} more like it", by=4)


def _print_unseen(console: Console, unseen: Sequence[Verdict]) -> None:
    if not unseen:
        return
    console.print()
    console.print(
        Text("Not seen", style="bold red"),
        "means failed, for scenarios gave these nothing to judge. It mostly follows from other failures:",
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict in unseen:
        names = list(dict.fromkeys(failure.scenario.name for failure in verdict.failures))
        table.add_row(verdict.rule.id, f"{verdict.rule.unseen}; in {_some(names, most=_UNSEEN_NAMED)}")
    print_indented(console, table, by=2)


def _print_errors(console: Console, verdicts: Sequence[Verdict]) -> None:
    alike: dict[str, dict[str, str]] = {}  # by the first line of a message: the messages by scenario
    for verdict in verdicts:
        for scenario, message in verdict.errors:
            alike.setdefault(message.partition("\n")[0], {}).setdefault(scenario.name, message)
    for messages in alike.values():
        names = list(messages)
        console.print()
        console.print(Text("Could not be judged", style="bold yellow"), f"in {_some(names)}")
        for line in messages[names[0]].splitlines():
            console.print(f"  {line}", soft_wrap=True)


def _print_skipped(console: Console, verdicts: Sequence[Verdict]) -> None:
    skipped = [verdict for verdict in verdicts if verdict.judgement is Judgement.SKIPPED]
    unclaimed = [f"{each.rule.id} ({', '.join(sorted(each.lacking))})" for each in skipped if each.lacking]
    if unclaimed:
        console.print()
        console.print(f"Skipped, since the sender does not claim the capability: {', '.join(unclaimed)}")
    unattacked = [each.rule.id for each in skipped if not each.lacking]
    if unattacked:
        console.print()
        console.print(f"Skipped, since no scenario that was performed attacks it: {', '.join(unattacked)}")


def _print_spared(console: Console, verdicts: Sequence[Verdict]) -> None:
    spared = {scenario.name for verdict in verdicts for scenario in verdict.spared}
    if spared:
        console.print()
        console.print(
            f"Not performed: {len(spared)} scenarios; each attacks only rules that had failed in several others by then"
        )


def _print_where_to_begin(console: Console, verdicts: Sequence[Verdict]) -> None:
    first = where_to_begin(verdicts)
    if first:
        console.print()
        console.print(
            Text("Begin with:", style="bold"),
            f"{', '.join(first)}. Where another rule was contradicted, one of these was too.",
        )


def _some(names: Sequence[str], *, most: int = _SCENARIOS_NAMED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _print_known(console: Console, verdicts: Sequence[Verdict]) -> None:
    known = [verdict for verdict in verdicts if verdict.known is not None]
    if known:
        console.print()
        console.print(Text("Known to fail:", style="bold"))
    for verdict in known:
        print_indented(console, f"{verdict.rule.id}  {verdict.known}", by=2)


def _count(verdicts: Sequence[Verdict]) -> str:
    number = {each: sum(verdict.judgement is each for verdict in verdicts) for each in Judgement}
    known = sum(verdict.known is not None for verdict in verdicts)
    unseen = sum(verdict.is_unseen and verdict.known is None for verdict in verdicts)
    details = [f"{unseen} not seen"] * bool(unseen) + [f"{known} known"] * bool(known)
    failed = f"{number[Judgement.FAILED]} failed" + (f" ({', '.join(details)})" if details else "")
    rules = "1 rule" if len(verdicts) == 1 else f"{len(verdicts)} rules"
    line = f"{rules}: {number[Judgement.PASSED]} passed, {failed}, {number[Judgement.SKIPPED]} skipped"
    if number[Judgement.NOT_JUDGED]:
        line += f", {number[Judgement.NOT_JUDGED]} could not be judged"
    return line


def print_indented(console: Console, what: Text | Table | str, *, by: int) -> None:
    """Print a paragraph, or a table, with a margin on its left."""
    console.print(Padding(what, (0, 0, 0, by), expand=False))
