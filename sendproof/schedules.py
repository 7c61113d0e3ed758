"""Prints a schedule that was performed and judged; what `simulate` and `replay` have in common."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis.configuration import set_hypothesis_home_dir
from rich.padding import Padding
from rich.text import Text

from conformance.rules.catalogue import rule_of
from conformance.search import as_script
from conformance.search.render import size_in_words
from sendproof.exit_status import ExitStatus
from sendproof.verdicts import print_violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from conformance.search import Examined, Schedule

EXIT_STATUSES = (
    "Exit status: 0 if no rule was broken, 1 if one was, 2 if the sender could not be judged under a schedule."
)
_VIOLATIONS_IN_FULL = 2


@contextmanager
def nothing_else_written() -> Iterator[None]:
    """Have Hypothesis keep what it notes of the sender's modules for as long as the block, and not in `.hypothesis`.

    A command writes what it was asked for into somebody's directory, and nothing else.
    """
    with TemporaryDirectory(prefix="sendproof-") as directory:
        set_hypothesis_home_dir(directory)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def exit_status(examined: Examined) -> ExitStatus:
    """Return the exit status that a performed schedule leads to."""
    if examined.violations:
        return ExitStatus.FAILED
    return ExitStatus.OK if examined.error is None else ExitStatus.NOT_DONE


def print_examined(console: Console, examined: Examined, *, found: str) -> None:
    """Print a schedule as a script, and what it broke."""
    what, style = _verdict(examined)
    console.print(Text(f"A schedule with {size_in_words(examined.schedule)} {what}", style=style))
    console.print(f"({found})")
    console.print()
    _print_script(console, examined.schedule)
    for rule_id, violations in groupby(examined.violations, lambda each: each.rule):
        console.print()
        console.print(Text.assemble((rule_id, "bold red"), f"  {rule_of(rule_id).claim}"))
        for violation in list(violations)[:_VIOLATIONS_IN_FULL]:
            print_violation(console, violation, began=0.0, indent=2)
    if examined.error is not None:
        console.print()
        console.print(Padding(Text(examined.error), (0, 0, 0, 2), expand=False))


def _verdict(examined: Examined) -> tuple[str, str]:
    if examined.error is not None:
        return "could not be judged", "bold yellow"
    broken = dict.fromkeys(violation.rule for violation in examined.violations)
    return (f"breaks {', '.join(broken)}", "bold red") if broken else ("breaks no rule", "bold green")


def _print_script(console: Console, schedule: Schedule) -> None:
    lines = as_script(schedule)
    width = max(len(who) for who, _ in lines)
    for who, group in groupby(lines, lambda line: line[0]):
        for place, (_, what) in enumerate(group):
            console.print(Text.assemble("  ", (f"{'' if place else who:<{width}}", "cyan"), f"  {what}"))
