"""`sendproof backend`: the fake backend as a command, to send to by hand or from another process."""

import asyncio
import ipaddress
import signal
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fake_backend import AnswerSent, BackendRecord, FakeBackend, FaultFileError, FaultRule, ListenError
from fake_backend.faults.file import load_faults
from fake_backend.records import CompletionReceived, FaultStruck, LineReceived, RequestBroken, RequestStarted
from sendproof.faults_help import faults_help_option
from sendproof.recorder import Recorder
from sendproof.standard_streams import never_wait
from sendproof.toxiproxy import in_front_of

_BROKEN: Final = {
    "fault": "connection ended by a fault",
    "client-disconnected": "client left",
    "shutdown": "cut off, the backend ended",
}

KEEP: Final = 100_000
"""How many records are kept to look at."""

SUMMED_UP: Final = 20
"""How many runs the summary shows one by one."""

GRACE: Final = 2.0
"""For how many seconds an ending backend lets requests finish."""

_HELP: Final = """Run a backend that takes events over HTTP, and misbehaves if asked to.

It speaks the wire protocol on http://HOST:PORT/v1/runs/RUN/ingest for any RUN, and prints a line for each request. The
page at http://HOST:PORT/ shows what happens as it happens; programs ask, and switch faults on and off, under /_fake/
(http://HOST:PORT/_fake/openapi.json says how). State is in memory: of each run for good, and the last --keep records.

Ctrl-C (or SIGTERM) lets the requests under way finish, and ends it with a summary of the runs. A second one ends it at
once.

\b
Send to it from another terminal:
  my-program | sendproof send --url http://127.0.0.1:8787/v1/runs/demo/ingest --token any

\b
Faults come from a TOML file, one table for each rule:
  [[fault]]                 # every third request: all is taken, the answer is lost
  kind = "reset_peer"
  phase = "after-accept"
  every = 3

\b
  [[fault]]                 # the first and the fourth request with events are slow
  kind = "latency"
  seconds = 0.5
  of = "data"
  requests = [1, 4]

There are faults of timing, of how bytes move, of connections, of answers and of what the backend knows. Requests are
chosen by what they are for, by their count, the events in them, by chance, by time, by run. --faults-help lists it all,
with an example each; --faults-help NAME explains one.
"""


@dataclass(slots=True, kw_only=True)
class _OpenRequest:
    run_id: str
    method: str
    lines: Counter[str] = field(default_factory=Counter)
    completion: str | None = None
    faults: list[str] = field(default_factory=list)


class Ledger:
    """Turns records into one readable line a request.

    It remembers open requests alone, so that a backend may run for as long as it likes.
    """

    def __init__(self, say: Callable[[str], None], *, started: float) -> None:
        self._say = say
        self._started = started
        self._open: dict[int, _OpenRequest] = {}

    def note(self, record: BackendRecord) -> None:
        """Take note of a record, and say what became of a request once it is over."""
        match record:
            case RequestStarted(request=number, run_id=run_id, method=method):
                self._open[number] = _OpenRequest(run_id=run_id or "-", method=method)
            case LineReceived(request=number, decision=decision) if number in self._open:
                self._open[number].lines[decision] += 1
            case CompletionReceived(request=number, decision=decision) if number in self._open:
                self._open[number].completion = decision
            case FaultStruck(request=number, fault=fault) if number in self._open:
                kind = str(fault.__struct_config__.tag)
                phase = getattr(fault, "phase", None)  # some strike no single point of a request
                self._open[number].faults.append(kind if phase is None else f"{kind} {phase}")
            case AnswerSent(request=number, time=time, status=status, body=body):
                self._close(number, time, f"{status} {body}")
            case RequestBroken(request=number, time=time, cause=cause):
                self._close(number, time, _BROKEN[cause])
            case _:
                pass

    def _close(self, number: int, time: float, outcome: str) -> None:
        request = self._open.pop(number, None)
        if request is None:
            return
        what = [f"{count} {decision}" for decision, count in request.lines.items()]
        if request.completion is not None:
            what.append(f"completion {request.completion}")
        if not what:
            what.append("no lines" if request.method == "POST" else request.method)
        faults = f"  !{', '.join(request.faults)}" if request.faults else ""
        self._say(f"{time - self._started:9.3f} s  {_shown(request.run_id)}  {', '.join(what)}{faults}  -> {outcome}")


def _read_tokens(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> dict[str, str | None] | None:
    tokens: dict[str, str | None] = {}
    for pair in given:
        token, sign, run_id = pair.partition("=")
        if not token or (sign and not run_id):
            raise click.BadParameter(f"{pair!r} is neither TOKEN nor TOKEN=RUN")
        tokens[token] = run_id or None
    return tokens or None


def _read_faults(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> tuple[FaultRule, ...]:
    if path is None:
        return ()
    try:
        return load_faults(path)
    except FaultFileError as error:
        raise click.BadParameter(str(error)) from error


@click.command(help=_HELP)
@click.option("--port", type=click.IntRange(0, 65_535), default=8787, show_default=True, help="0: any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_read_faults,
    metavar="FILE",
    help="What goes wrong, in TOML (see above).",
)
@faults_help_option
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="What jitter and chance of faults follow from."
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    callback=_read_tokens,
    metavar="TOKEN[=RUN]",
    help="A token that is good, for any run or for one. May be repeated. Without it, any token is.",
)
@click.option(
    "--legacy-completion",
    is_flag=True,
    help="Know the older form of completion, by headers. Without it, that is a sync, as it is to backends of today.",
)
@click.option(
    "--record", type=click.File("wb"), metavar="FILE", help="Write what happens there, as JSON lines, tokens and all."
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=KEEP,
    show_default=True,
    metavar="N",
    help="How many records are kept, and events of a run (20,000 at most). The oldest are forgotten, and counted.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=GRACE,
    show_default=True,
    metavar="SECONDS",
    help="How long requests under way may take to finish at the end.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Another name by which the page and /_fake/ may be asked for, such as that of this machine. May be repeated.",
)
@click.option(
    "--toxiproxy",
    metavar="URL",
    help="Put a proxy of the Toxiproxy whose API is there, such as http://127.0.0.1:8474, in front of it.",
)
def backend(
    *,
    port: int,
    host: str,
    faults: tuple[FaultRule, ...],
    seed: int,
    tokens: dict[str, str | None] | None,
    legacy_completion: bool,
    record: IO[bytes] | None,
    keep: int,
    grace: float,
    allow_hosts: tuple[str, ...],
    toxiproxy: str | None,
) -> None:
    """Run the fake backend until a signal ends it."""
    # Its requests don't wait for whoever reads what it prints.
    never_wait()
    if not _is_loopback(host):
        click.echo(f"Warning: {host} isn't a loopback address; others may reach this backend.", err=True)
    try:
        asyncio.run(
            serve(
                port=port,
                host=host,
                faults=faults,
                seed=seed,
                tokens=tokens,
                legacy_completion=legacy_completion,
                record=record,
                keep=keep,
                grace=grace,
                allow_hosts=allow_hosts,
                toxiproxy=toxiproxy,
            )
        )
    except ListenError as error:
        raise click.UsageError(f"{error}. Choose another with --port or --host.") from error


async def serve(
    *,
    port: int,
    host: str,
    faults: Sequence[FaultRule],
    tokens: Mapping[str, str | None] | None,
    record: IO[bytes] | None,
    seed: int = 0,
    legacy_completion: bool = False,
    keep: int = KEEP,
    grace: float = GRACE,
    allow_hosts: Collection[str] = (),
    toxiproxy: str | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, drain until another one, then print the summary, which one more cuts short.

    Raises ListenError if the address can't be had.
    """
    loop = asyncio.get_running_loop()
    ledger = Ledger(click.echo, started=loop.time())
    recorder = None if record is None else Recorder(record)

    def write(what: BackendRecord) -> None:
        if recorder is not None:
            recorder.write(what)
        ledger.note(what)

    stops = asyncio.Semaphore(0)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where loops know no signals (Windows), Ctrl-C ends the command all the same, without a summary.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stops.release)
    async with FakeBackend(
        port=port,
        host=host,
        faults=faults,
        seed=seed,
        tokens=tokens,
        legacy_completion=legacy_completion,
        on_record=write,
        keep_last=keep,
        control=True,
        allow_hosts=allow_hosts,
    ) as running:
        token = next(iter(tokens)) if tokens else "any"
        run_id = (tokens or {}).get(token) or "demo"
        click.echo(f"Listening on {running.url}")
        click.echo(f"Send to it:  my-program | sendproof send --url {running.ingest_url(run_id)} --token {token}")
        click.echo(f"Look at it:  {running.url}/")
        if faults:
            click.echo(f"Rules of faults: {len(faults)}")
        async with in_front_of(running.url, running.ingest_url(run_id), api=toxiproxy) as lines:
            for line in lines:
                click.echo(line)
            await stops.acquire()
            await _first_of(running.drain(grace), stops.acquire())
            # What is left takes no long time, and yet: from here on a signal does what it does to any program.
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
    _print_summary(running)


async def _first_of(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Wait for the first to end, and cancel the others. Raises what the first raises."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others)
    for task in done:
        task.result()


def _print_summary(ended: FakeBackend) -> None:
    table = Table(box=box.SIMPLE)
    table.add_column("run", overflow="fold", min_width=12)
    for name in ("requests", "accepted", "duplicates", "last seq", "complete", "faults"):
        table.add_column(name, justify="right", no_wrap=True)
    runs = ended.run_states()
    last = sorted(range(len(runs)), key=lambda place: runs[place].idle)[:SUMMED_UP]
    for run in (runs[place] for place in sorted(last)):
        table.add_row(
            escape(_shown(run.run_id)),
            str(run.requests),
            str(run.accepted),
            str(run.duplicates),
            str(run.last_accepted_seq),
            "yes" if run.complete else "no",
            str(run.faults),
        )
    if runs:
        Console().print(table)
    else:
        click.echo("No request has reached a run.")
    if len(runs) > SUMMED_UP:
        click.echo(
            f"These are the last {SUMMED_UP} of {len(runs):,} runs. All together had "
            f"{sum(run.requests for run in runs):,} requests, {sum(run.accepted for run in runs):,} events accepted, "
            f"{sum(run.duplicates for run in runs):,} duplicates and {sum(run.faults for run in runs):,} faults; "
            f"{sum(run.complete for run in runs):,} are complete."
        )
    if ended.forgotten:
        click.echo(f"{ended.forgotten} records were forgotten; the last {len(ended.history)} were kept (--keep).")


def _shown(run_id: str) -> str:
    """Return an id as it can be shown: anybody may name a run, and no name should drive a terminal."""
    return run_id if run_id.isprintable() else ascii(run_id)[1:-1]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
