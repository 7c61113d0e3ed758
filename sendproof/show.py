"""`sendproof show`: draw a recorded history as a page, with what contradicts the rules marked."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.report import HistoryFileError, history_to_html, read_history, recorded
from sendproof.exit_status import give_up

_ROWS = 400

_HELP = """Draw a recorded history as a page: sender, network and backend, and what went between them.

HISTORY is a file that `sendproof replay FILE --history HISTORY` wrote, or any other history as JSON. It is held against
every rule, and the records that contradict each other are marked. The page needs no other file, and no network.

\b
Examples:
  sendproof show history.json
  sendproof show history.json --output page.html

Exit status: 0 if the page was written, whatever it shows; 2 if the file holds no history, or the page can't be written.
"""


@click.command(help=_HELP)
@click.argument("history", type=click.Path(path_type=Path))
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the page.  [default: beside HISTORY, named *.html]",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 100_000),
    default=_ROWS,
    show_default=True,
    help="How many rows to draw, about: of a longer history, the neighborhood of what is marked.",
)
def show(history: Path, output: Path | None, rows: int) -> None:
    """Draw a recorded history."""
    try:
        shown = recorded(read_history(history), most=rows)
    except HistoryFileError as error:
        give_up(f"Nothing was drawn: {error}")
    page = history.with_suffix(".html") if output is None else output
    if page == history:
        give_up(f"Nothing was drawn: the page would overwrite {history}; say where to write it with --output.")
    try:
        page.write_text(history_to_html(shown), encoding="utf-8")
    except OSError as error:
        give_up(f"The page could not be written to {page}: {error.strerror}")
    broken = ", ".join(each.rule.id for each in shown.broken)
    click.echo(f"{page}: {f'breaks {broken}' if broken else 'breaks no rule'}")
