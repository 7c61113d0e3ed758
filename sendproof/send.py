"""`sendproof send`: a file or standard input, shipped through the reference sender."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click
from rich.console import Console

from reference.sender import ConfigError, SenderConfig
from sendproof.exit_status import ExitStatus
from sendproof.progress import ShippingProgress
from sendproof.report import report_text
from sendproof.resume import Start, StartError
from sendproof.shipment import Shipment
from sendproof.source import Source
from sendproof.standard_streams import never_wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendproof.shipped import Shipped

_MOST_RETRY_DELAY = 30.0
_SIGNAL_BASE = 128

_HELP = """Ship FILE, or standard input, one JSON object a line, into one run.

Each line is an event. It arrives in order, exactly once, and byte for byte as it stands; connections that break and
backends that restart are tried again, for as long as there is more to read and --stop-timeout after. A line is sent
as soon as it is read, so a producer may be slow, or never end. A line that no backend takes is skipped, and shown with
its number: no JSON object in UTF-8, too large, or nested deeper than 499 levels. Blank lines are ignored.

A run that holds events already is an error, since the same input would be there twice. After a kill, or Ctrl-C, the
same command with --resume goes on: it asks how many events the run holds, and passes over as many of the input. With
--append, all of the input goes behind what another input, or another sender, has left there.

--resume counts, and compares nothing: it is for a run that this input alone went into. A line that the backend itself
has refused isn't counted by its number, and --resume refuses where that may be: where this machine has seen it, or a
line isn't read by every parser. Then the lines that are missing are sent alone, with --append.

\b
  sendproof send events.ndjson --url https://events.example/v1/runs/my-run/ingest
  sendproof send events.ndjson --url https://events.example/v1/runs/my-run/ingest --resume
  tail -f log.ndjson | sendproof send --url http://127.0.0.1:8787/v1/runs/demo/ingest --token any

The report goes to standard output, everything else to standard error. Messages that nobody reads are lost, and hold up
nothing. Ctrl-C (or SIGTERM) ends the reading, drains what was read, leaves the run open, and says how to go on; a
second one quits at once.

\b
Exit codes: 0    every line was delivered, and the run is complete (unless --no-complete)
            1    something was not: it was skipped, refused, or not confirmed; the report says why
            2    nothing was sent: an option is wrong, FILE can't be opened, or the run holds events already (with
                 --resume: others than the first of the input)
            130  ended by Ctrl-C (143: by SIGTERM)
"""


class _Input(click.File):
    """A file to read; `-` is standard input."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IO[Any]:
        try:
            return super().convert(value, param, ctx)
        except RuntimeError as error:
            # How click says that this process was started without one.
            raise click.BadParameter("standard input is closed", ctx=ctx, param=param) from error


class _NothingSentError(click.ClickException):
    """The command and the run don't fit; the message says what would."""

    exit_code = ExitStatus.NOT_DONE


@click.command(help=_HELP)
@click.argument("file", type=_Input("rb"), default="-", required=False)
@click.option("--url", required=True, metavar="URL", help="The run's whole ingest URL, http or https.")
@click.option(
    "--token",
    required=True,
    envvar="SENDPROOF_TOKEN",
    show_envvar=True,
    metavar="TOKEN",
    help="The bearer token. The variable keeps it out of the list of processes.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where an earlier send of the same input ended, however it did: pass over what the run holds.",
)
@click.option(
    "--append",
    is_flag=True,
    help="Send all of the input behind what the run holds: another part, after --no-complete or another sender.",
)
@click.option(
    "--no-complete",
    is_flag=True,
    help="Leave the run open at the end, for more to follow. From a pipe, a producer that crashed looks finished.",
)
@click.option(
    "--stop-timeout",
    type=float,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="At the end, or after Ctrl-C: how long to go on delivering what was read.",
)
@click.option(
    "--request-timeout",
    type=float,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a request waits for the backend before it is tried again.",
)
@click.option(
    "--retry-delay",
    type=float,
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest first wait after a failure; it doubles with each further one, up to 30 s.",
)
@click.option(
    "--max-buffered-events",
    type=int,
    default=20_000,
    show_default=True,
    metavar="N",
    help="How many events are held until the backend confirms them. When they are, reading waits.",
)
@click.option(
    "--max-window-events",
    type=int,
    default=900,
    show_default=True,
    metavar="N",
    help="Events in one request at the most.",
)
@click.option(
    "--window-age",
    type=float,
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a request stays open for lines that are still to come. 0: each takes what was read by then, and "
    "its answer confirms it at once. More: fewer requests for a slow producer, confirmed as late as that.",
)
def send(file: IO[bytes], *, resume: bool, append: bool, no_complete: bool, **settings: Any) -> None:
    """Ship an input, print the report, and exit by what it says."""
    if resume and append:
        raise click.UsageError(
            "--resume passes over what the run holds, and --append doesn't: one of them, as --help explains."
        )
    start = Start.RESUME if resume else Start.APPEND if append else Start.NEW
    never_wait()
    config = _config(settings)
    source = Source(file)
    console = Console(stderr=True, highlight=False)
    if file.isatty():
        console.print("Reading events from the terminal, one JSON object a line; Ctrl-D ends.", style="dim")
    with _errors_alone_logged(), ShippingProgress(console, size=source.size) as progress:
        shipment = _ship(config, source, progress, complete=not no_complete, start=start)
        try:
            shipped = asyncio.run(shipment)
        except StartError as error:
            raise _NothingSentError(f"{error}.") from error
    _print_report(shipped)
    sys.exit(_exit_code(shipped))


async def _ship(
    config: SenderConfig, source: Source, progress: ShippingProgress, *, complete: bool, start: Start
) -> Shipped:
    return await Shipment(config, source, progress, complete=complete, start=start).run()


def _config(settings: dict[str, Any]) -> SenderConfig:
    try:
        # The ceiling has no option, and a first wait above it is meant so.
        return SenderConfig(**settings, max_retry_delay=max(_MOST_RETRY_DELAY, settings["retry_delay"]))
    except ConfigError as error:
        option = f"--{error.field.replace('_', '-')}"
        got = "" if error.field == "token" else f", and this is {error.value!r}"
        raise click.BadParameter(f"expected {error.expected}{got}", param_hint=option) from error


@contextmanager
def _errors_alone_logged() -> Iterator[None]:
    """Log errors alone: changes of health are in the progress already, and what is left is a sender that breaks."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    logger = logging.getLogger("sendproof.sender")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _print_report(shipped: Shipped) -> None:
    Console(highlight=False).print(report_text(shipped), soft_wrap=True)


def _exit_code(shipped: Shipped) -> int:
    if shipped.all_delivered:
        return ExitStatus.OK
    return ExitStatus.FAILED if shipped.signal is None else _SIGNAL_BASE + shipped.signal
