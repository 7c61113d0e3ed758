"""A thousand runs at a time, each with its sender, while the backend misbehaves: `python -m benchmarks.load`.

The backend is in a process of its own, as `sendproof backend` has it: the control API on, and the last 100,000 records
kept. All senders are in this process. Each run enqueues its events in two halves of a burst, then waits for them to be
delivered, so that the number of requests follows from the number of events and not from the machine's speed. A share of
the requests is struck by faults, in equal parts: lost answers, connections reset before anything is taken, 503, and
answers that are late.

What is taken is compared with what was enqueued by the backend's process, event by event as it is taken: each event has
its run and its place in it. The same load, without faults, then goes to a bare aiohttp handler that does no more than
read each body and parse its lines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import resource
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from aiohttp import web
from rich.console import Console
from rich.table import Table

from benchmarks.events import events
from fake_backend import FakeBackend, Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.records import CompletionReceived, FaultStruck, LineReceived, RequestStarted
from reference.sender import EventStreamSender, SenderConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from fake_backend import BackendRecord

HOST = "127.0.0.1"
KEPT_RECORDS = 100_000
_BURST = 50
_SAMPLE_EVERY = 0.25
_RETRY_DELAY = 0.1
_MOST_OF_A_BODY = 8_000_000
_SHOWN = ("events_a_second", "requests_a_second", "cpu_microseconds_an_event", "requests", "struck")


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is sent. `fault_share` is the share of requests that a fault strikes, from 0 to 1."""

    runs: int = 1_000
    events: int = 1_000
    fault_share: float = 0.01
    seed: int = 1


@dataclass(kw_only=True)
class Taken:
    """What the backend took of the runs, kept by its own process, record by record.

    `wrong` tells what was taken out of its order or twice, in words. `cpu` are the seconds of processor time that its
    process took, which a busy machine leaves alone.
    """

    last: dict[str, int] = field(default_factory=dict)
    completed: int = 0
    requests: int = 0
    struck: int = 0
    cpu: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def note(self, record: BackendRecord) -> None:
        """Look at a record."""
        match record:
            case LineReceived(decision="accepted", run_id=run, event=event):
                place, expected = (event or {}).get("place"), self.last.get(run, 0) + 1
                if place != expected or (event or {}).get("run") != run:
                    self.wrong.append(f"run {run}: event {place} was taken where {expected} was next")
                self.last[run] = expected
            case CompletionReceived(decision="completed"):
                self.completed += 1
            case RequestStarted():
                self.requests += 1
            case FaultStruck():
                self.struck += 1
            case _:
                pass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a load. Memory is what the backend's process held of it, in bytes: at first, at most, at last."""

    seconds: float
    taken: Taken
    memory: tuple[int, int, int] = (0, 0, 0)

    def lost(self, load: Load) -> list[str]:
        """Tell what isn't as it was enqueued; empty if all is well."""
        problems = list(self.taken.wrong)
        counts = ((run, self.taken.last.get(run, 0)) for run in map(_run_name, range(load.runs)))
        problems += [
            f"run {run}: {last} of {load.events} events were taken" for run, last in counts if last != load.events
        ]
        if self.taken.completed != load.runs:
            problems.append(f"{self.taken.completed} of {load.runs} runs were completed")
        return problems


_Served: TypeAlias = "Callable[[Connection], Awaitable[None]]"


def perform(load: Load, *, bare: bool = False, tell: Callable[[str], object] = lambda _: None) -> Outcome:
    """Send a load to the fake backend, or to the bare handler; `tell` is told how far it got, now and then."""
    serve = _serve_bare if bare else partial(_serve_backend, _faults(load))
    with _other_process(serve) as (pipe, process):
        base = f"http://{HOST}:{pipe.recv()}"
        samples = [_resident(process)]
        seconds = asyncio.run(_send(load, base, partial(_sample, samples, process), tell))
        samples.append(_resident(process))
        pipe.send(None)
        taken: Taken = pipe.recv()
    return Outcome(seconds=seconds, taken=taken, memory=(samples[0], max(samples), samples[-1]))


def _faults(load: Load) -> list[FaultRule]:
    faults: list[Fault] = [
        ResetPeer(phase="after-accept"),
        ResetPeer(phase="before-accept"),
        Status(status=503, phase="before-accept"),
        Latency(seconds=0.5, jitter=0.4),
    ]
    share = load.fault_share / len(faults)
    # Each has a seed of its own, since rules of one kind and one seed strike the same requests.
    return [
        FaultRule(fault=fault, probability=share, seed=load.seed * len(faults) + number)
        for number, fault in enumerate(faults)
    ]


async def _send(load: Load, base: str, sample: Callable[[], object], tell: Callable[[str], object]) -> float:
    begun = perf_counter()
    done = 0

    async def count(run: str) -> None:
        nonlocal done
        await _send_run(load, base, run)
        done += 1

    sending = asyncio.gather(*(count(_run_name(number)) for number in range(load.runs)))
    while not sending.done():
        await asyncio.wait((sending,), timeout=_SAMPLE_EVERY)
        sample()
        tell(f"{done:,} of {load.runs:,} runs are done after {perf_counter() - begun:.0f} s")
    await sending
    return perf_counter() - begun


async def _send_run(load: Load, base: str, run: str) -> None:
    config = SenderConfig(
        url=f"{base}/v1/runs/{run}/ingest", token="load", retry_delay=_RETRY_DELAY, request_timeout=60, stop_timeout=120
    )
    async with EventStreamSender(config) as sender:
        for place, event in enumerate(events(load.events), start=1):
            sender.enqueue({**event, "run": run, "place": place})
            if place % _BURST == 0:
                await sender.flush()
            elif place % (_BURST // 2) == 0:
                await asyncio.sleep(0)  # the window begins without the second half


def _run_name(number: int) -> str:
    return f"run-{number}"


async def _serve_backend(faults: list[FaultRule], pipe: Connection) -> None:
    taken = Taken()
    async with FakeBackend(
        host=HOST, faults=faults, on_record=taken.note, keep_last=KEPT_RECORDS, control=True
    ) as backend:
        pipe.send(int(backend.url.rpartition(":")[2]))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    taken.cpu = process_time()
    pipe.send(taken)


async def _serve_bare(pipe: Connection) -> None:
    taken = Taken()
    last: dict[str, int] = {}
    decode = msgspec.json.Decoder().decode

    async def ingest(request: web.Request) -> web.Response:
        taken.requests += 1
        run = request.match_info["run"]
        for line in (await request.read()).splitlines():
            parsed: Any = decode(line)
            if "seq" in parsed:
                last[run] = parsed["seq"]
        return web.json_response({"accepted": 0, "duplicate": 0, "last_accepted_seq": last.get(run, 0)})

    app = web.Application(client_max_size=_MOST_OF_A_BODY)
    app.router.add_post("/v1/runs/{run}/ingest", ingest)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    pipe.send(runner.addresses[0][1])
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
    await runner.cleanup()
    taken.last = last
    taken.completed = len(last)
    taken.cpu = process_time()
    pipe.send(taken)


@contextmanager
def _other_process(serve: _Served) -> Iterator[tuple[Connection, int]]:
    # Not forked: a child that inherits the heap of its parent is measured with it.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(serve, theirs), daemon=True)
    process.start()
    try:
        yield ours, process.pid or 0
    finally:
        process.terminate()
        process.join()


def _run(serve: _Served, pipe: Connection) -> None:
    _allow_connections()

    async def served() -> None:
        await serve(pipe)

    asyncio.run(served())


def _allow_connections() -> None:
    """Have as many file descriptors as the system lets us: many systems begin with 1,024 or fewer."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _sample(samples: list[int], process: int) -> None:
    samples.append(_resident(process))


def _resident(process: int) -> int:
    """Tell how much memory a process holds, in bytes; 0 where the system has no /proc."""
    path = Path(f"/proc/{process}/statm")
    return int(path.read_text().split()[1]) * resource.getpagesize() if path.exists() else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Perform the load, print what came of it, and give the exit code: 1 if anything was lost or out of order."""
    asked = _parser().parse_args(arguments)
    load = Load(runs=asked.runs, events=asked.events, fault_share=asked.fault_share, seed=asked.seed)
    _allow_connections()
    logging.disable(logging.WARNING)  # a sender tells of each retry
    outcomes = {}
    for name, bare in {"fake backend": False, "bare aiohttp handler, no faults": True}.items():
        print(f"{name}: {load.runs:,} runs of {load.events:,} events …", file=sys.stderr)
        outcomes[name] = perform(load, bare=bare, tell=_progress)
        print(file=sys.stderr)
    _print_table(load, outcomes)
    problems = outcomes["fake backend"].lost(load)
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problems" if problems else "Nothing lost, nothing twice, every run in order and complete.")
    if asked.json is not None:
        told = {name: _figures(load, outcome) for name, outcome in outcomes.items()}
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 1 if problems else 0


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r  {text} ", end="", file=sys.stderr, flush=True)


def _figures(load: Load, outcome: Outcome) -> dict[str, float]:
    return {
        "seconds": outcome.seconds,
        "events_a_second": load.runs * load.events / outcome.seconds,
        "requests_a_second": outcome.taken.requests / outcome.seconds,
        "cpu_microseconds_an_event": outcome.taken.cpu / (load.runs * load.events) * 1e6,
        "requests": outcome.taken.requests,
        "struck": outcome.taken.struck,
        **dict(zip(("memory_at_first", "memory_at_most", "memory_at_last"), outcome.memory, strict=True)),
    }


def _print_table(load: Load, outcomes: dict[str, Outcome]) -> None:
    table = Table()
    table.add_column("")
    headings = ("events/s", "requests/s", "CPU µs/event", "requests", "struck", "memory at first", "at most", "at last")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, outcome in outcomes.items():
        figures = _figures(load, outcome)
        counts = (figures[key] for key in _SHOWN)
        table.add_row(
            name, *(f"{count:,.0f}" for count in counts), *(f"{size / 1e6:.0f} MB" for size in outcome.memory)
        )
    console = Console()
    Console(width=None if console.is_terminal else 150).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Send many runs at a time to a backend that misbehaves; exit with 1 if anything is lost.",
    )
    parser.add_argument("--runs", type=_positive, default=1_000, help="senders at a time (default: 1000)")
    parser.add_argument("--events", type=_positive, default=1_000, help="events of each run (default: 1000)")
    parser.add_argument(
        "--fault-share", type=_share, default=0.01, help="share of requests that a fault strikes (default: 0.01)"
    )
    parser.add_argument("--seed", type=int, default=1, help="which requests those are follows from it (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of them: 1 or more")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: from 0 to 1, such as 0.01")
    return share


if __name__ == "__main__":
    sys.exit(main())
