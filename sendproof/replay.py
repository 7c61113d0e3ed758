"""`sendproof replay`: perform a schedule again that `sendproof simulate` has found."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from conformance.errors import AdapterError
from conformance.evidence.describe import in_words
from conformance.judging.judge import select_rules
from conformance.judging.loading import load_factory
from conformance.search import Recorded, ScheduleError, examine_schedule
from sendproof.exit_status import give_up
from sendproof.schedules import EXIT_STATUSES, exit_status, print_examined
from sendproof.verdicts import verdict_console

_HELP = f"""Perform a schedule again that `sendproof simulate` has found, and judge it by every rule.

FILE is what `simulate` wrote: it names the sender, and holds the schedule. It may be edited.

\b
Examples:
  sendproof replay sendproof-DLV-2.json
  sendproof replay sendproof-DLV-2.json --sender my_app.events:make_sender
  sendproof replay sendproof-DLV-2.json --trace

{EXIT_STATUSES}
"""


@click.command(help=_HELP)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sender", metavar="MODULE:FACTORY", help="Another sender than the one that the file names.")
@click.option("--trace", is_flag=True, help="Print all that happened, a line each, before the verdict.")
@click.option(
    "--history",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all that happened to a file, as JSON.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what the sender logs.")
def replay(file: Path, sender: str | None, history: Path | None, *, trace: bool, verbose: bool) -> None:
    """Perform a schedule again."""
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL + 1, format="%(message)s")
    console = verdict_console()
    try:
        recorded = Recorded.read(file)
        factory = load_factory(sender or recorded.sender)
    except (ScheduleError, AdapterError) as error:
        give_up(f"Nothing was performed: {error}")
    examined = examine_schedule(recorded.schedule, factory, select_rules(()))
    if examined.history is not None:
        if trace:
            for record in examined.history.records:
                console.print(f"{record.time:9.3f} s  {in_words(record)}")
            console.print()
        if history is not None:
            try:
                history.write_bytes(examined.history.to_json())
            except OSError as error:
                click.echo(f"The history could not be written to {history}: {error.strerror}", err=True)
    print_examined(console, examined, found=recorded.found)
    sys.exit(exit_status(examined))
