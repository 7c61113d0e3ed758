"""The benchmarks, in one command: `python -m benchmarks.run`. See `--help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.enqueue import enqueue
from benchmarks.event_log import query
from benchmarks.memory import memory
from benchmarks.search import check, growth, schedules
from benchmarks.throughput import scaling, throughput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Figure

BENCHMARKS = {each.__name__: each for each in (throughput, enqueue, memory, query, scaling, schedules, growth, check)}
_WIDTH = 150
# Left to itself, glibc gives the memory of each request back to the system and asks for it again, or doesn't: as the
# heap happens to lie, the ceiling is at 0.6 or at 1.3 million events a second. Kept, it is as high as it can be.
_KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 27)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and give the exit code: 1 if a goal is missed."""
    asked = _parser().parse_args(arguments)
    figures = {name: _measured(name, asked.rounds) for name in asked.names or BENCHMARKS}
    _print_table(figures)
    if asked.json is not None:
        _write_json(asked.json, figures)
    return 0 if all(figure.met for figure in figures.values()) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure sender, event log and judge beside their yardsticks. Exits with 1 if a goal is missed.",
        epilog="Compare figures of one run only: another run meets another machine, or another mood of the same one.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", type=_name, help=f"of {', '.join(BENCHMARKS)}; default: all of them"
    )
    parser.add_argument(
        "--rounds",
        type=_positive,
        default=5,
        help="how often each is measured in turns with its yardstick (default: 5)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and their samples there, too")
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is no benchmark: there are {', '.join(BENCHMARKS)}")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: 1 or more")
    return int(text)


def _measured(name: str, rounds: int) -> Figure:
    print(f"measuring {name} …", end="", file=sys.stderr, flush=True)
    begun = perf_counter()
    figure = BENCHMARKS[name](rounds)
    print(f" {perf_counter() - begun:.0f} s", file=sys.stderr)
    return figure


def _print_table(figures: dict[str, Figure]) -> None:
    table = Table(caption=", ".join(f"{name} {value}" for name, value in _machine().items()), caption_justify="left")
    for heading in ("measured", "beside"):
        table.add_column(heading)
        table.add_column("figure", justify="right", no_wrap=True)
    for heading in ("ratio", "goal", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    for figure in figures.values():
        table.add_row(
            figure.what,
            _with_unit(figure.measured, figure.unit),
            figure.beside,
            _with_unit(figure.yardstick, figure.unit),
            f"{figure.ratio:.2f}",
            str(figure.goal),
            "yes" if figure.met else "NO",
        )
    console = Console()
    # Piped into a file there is no terminal whose width would count, and rows would wrap at 80 columns.
    Console(width=None if console.is_terminal else _WIDTH).print(table)


def _with_unit(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1_000 else f"{value:.3g} {unit}"  # noqa: PLR2004 - above it, digits are noise


def _write_json(path: Path, figures: dict[str, Figure]) -> None:
    told = {name: asdict(figure) | {"met": figure.met} for name, figure in figures.items()}
    path.write_text(json.dumps({"machine": _machine(), "figures": told}, indent=2) + "\n", encoding="utf-8")


def _machine() -> dict[str, str]:
    packages = {name: version(name) for name in ("aiohttp", "orjson")}
    return {"Python": platform.python_version(), **packages, "cores": str(os.cpu_count())}


def _restart_keeping_memory() -> None:
    """Begin anew where that isn't set yet: the allocator reads it when a process begins. Elsewhere nobody reads it."""
    if sys.platform == "linux" and not _KEEP_MEMORY.keys() <= os.environ.keys():
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **_KEEP_MEMORY})  # noqa: S606 - itself


if __name__ == "__main__":
    _restart_keeping_memory()
    sys.exit(main())
