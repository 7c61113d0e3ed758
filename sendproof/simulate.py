"""`sendproof simulate`: search for a schedule of work and trouble under which a sender breaks a rule."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn

from conformance.errors import AdapterError, UnknownRuleError
from conformance.judging.judge import select_rules
from conformance.judging.loading import load_factory
from conformance.search import Recorded, Searched, search_in_parts, shrink
from conformance.search.render import counted, size_in_words
from sendproof.exit_status import ExitStatus, give_up
from sendproof.pulse import progress_shown
from sendproof.schedules import EXIT_STATUSES, exit_status, nothing_else_written, print_examined
from sendproof.verdicts import verdict_console

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.search import Examined

_HELP = f"""Search for trouble that makes a sender break a rule.

Each schedule is drawn at random: what is enqueued and when stop is called, which faults of the backend strike, what
happens to the network, and the settings. It is performed in virtual time, with FACTORY as `sendproof check` calls it,
and every rule is held against what happened. The first schedule that breaks one is shrunk to the smallest that still
does, written to a file, and printed as a script with the contradiction; `sendproof replay FILE` performs it again.

\b
Examples:
  sendproof simulate --sender reference.adapter:create_sender
  sendproof simulate --sender my_app.events:make_sender --schedules 20000 --seed 1
  sendproof simulate --sender my_app.events:make_sender --rule DLV-2 --rule DLV-3

The same seed draws the same schedules, everywhere and whatever the number of jobs. A sender that takes its randomness
from Python's `random`, and its time from the event loop or from `time`, does the same each time.

{EXIT_STATUSES}
"""


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command(help=_HELP)
@click.option(
    "--sender",
    metavar="MODULE:FACTORY",
    required=True,
    help="The sender to judge: a function that makes one, of a module or a file.",
)
@click.option(
    "--schedules", metavar="N", type=click.IntRange(1), default=1_000, show_default=True, help="How many to perform."
)
@click.option("--seed", metavar="S", type=int, default=1, show_default=True, help="Which schedules: any number.")
@click.option(
    "--jobs", metavar="J", type=click.IntRange(1), default=_usable_cores, help="Processes at work. Default: one a core."
)
@click.option("--rule", "rules", metavar="ID", multiple=True, help="Judge this rule only, such as DLV-2. Repeatable.")
@click.option(
    "--save",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write a schedule that breaks a rule. Default: sendproof-RULE.json.",
)
@click.option("--digest", is_flag=True, help="Print a digest of all that happened, to the byte.")
def simulate(
    *, sender: str, schedules: int, seed: int, jobs: int, rules: tuple[str, ...], save: Path | None, digest: bool
) -> None:
    """Search for a schedule under which a sender breaks a rule."""
    logging.basicConfig(level=logging.CRITICAL + 1)
    console = verdict_console()
    try:
        judged = select_rules(rules)
        load_factory(sender)
        began = time.perf_counter()
        searched = _search(sender, rules, seed=seed, schedules=schedules, jobs=jobs)
        took = time.perf_counter() - began
    except UnknownRuleError as error:
        raise click.BadParameter(f"{error}. `sendproof check --list` lists them all.") from error
    except AdapterError as error:
        give_up(f"The sender could not be judged: {error}")
    console.print(_summary(searched, seed, took))
    if digest:
        console.print(f"digest: {searched.digest}")
    if searched.found is None:
        idle = [rule.id for rule in judged if not searched.judged[rule.id]]
        if idle:
            console.print(f"They gave these rules nothing to judge: {', '.join(idle)}")
        console.print("No rule was broken.", style="bold green")
        return
    smallest = _shrink(sender, rules, searched, seed)
    sys.exit(_tell(console, sender, searched, smallest, seed=seed, save=save))


def _search(sender: str, rules: tuple[str, ...], *, seed: int, schedules: int, jobs: int) -> Searched:
    columns = (TextColumn("performing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    searched = Searched()
    with progress_shown("performing", *columns, total=schedules) as show:
        began = time.perf_counter()
        for part in search_in_parts(sender, rules, seed=seed, schedules=schedules, jobs=jobs):
            searched.add(part)
            rate = searched.schedules / (time.perf_counter() - began)
            show(
                f"{searched.schedules:,} of {schedules:,} schedules",
                description=f"{rate:,.0f}/s",
                completed=searched.schedules,
            )
    return searched


def _shrink(sender: str, rules: tuple[str, ...], searched: Searched, seed: int) -> Examined:
    if searched.found is None or searched.index is None:
        raise AssertionError("there is nothing to shrink")
    columns = (SpinnerColumn(), TextColumn("shrinking: {task.description}"))
    with (
        progress_shown("shrinking", *columns, description=size_in_words(searched.found.schedule)) as show,
        nothing_else_written(),
    ):

        def on_progress(smallest: Examined) -> None:
            size = size_in_words(smallest.schedule)
            show(size, description=size)

        return shrink(
            load_factory(sender),
            select_rules(rules),
            searched.found,
            seed=seed,
            index=searched.index,
            on_progress=on_progress,
        )


def _summary(searched: Searched, seed: int, took: float) -> str:
    return (
        f"{counted(searched.schedules, 'schedule')} of seed {seed}, "
        f"with {counted(searched.events, 'event')} and {counted(searched.troubles, 'fault')}: "
        f"{took:,.1f} s, {counted(round(searched.schedules / took), 'schedule')} a second"
    )


def _tell(
    console: Console, sender: str, searched: Searched, smallest: Examined, *, seed: int, save: Path | None
) -> ExitStatus:
    original = searched.found or smallest
    breaks = original.breaks or ""
    found = f"schedule {searched.index} of seed {seed}, shrunk from {size_in_words(original.schedule)}"
    path = Path(f"sendproof-{breaks}.json") if save is None else save
    sentences = [violation.sentence for violation in smallest.violations if violation.rule == breaks]
    sentence = sentences[0] if sentences else smallest.error or ""
    record = Recorded(sender=sender, breaks=breaks, sentence=sentence, found=found, schedule=smallest.schedule)
    console.print()
    print_examined(console, smallest, found=found)
    console.print()
    try:
        record.write(path)
    except OSError as error:
        click.echo(f"The schedule could not be written to {path}: {error.strerror}", err=True)
    else:
        console.print(f"See it again:  sendproof replay {path}")
    return exit_status(smallest)
