"""A bar on a terminal, and elsewhere a line now and then, show that a command lives."""

from __future__ import annotations

import io
import re
import sys
from itertools import count
from typing import TYPE_CHECKING

import click
from rich.progress import MofNCompleteColumn, TextColumn

from sendproof.pulse import Pulse, progress_shown
from tests.sendproof.test_check import REFERENCE, run
from tests.sendproof.test_simulate import DOUBLES, simulated

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_lines_come_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """Soon at first, then as far apart as it has taken, and never more than a minute, however often it beats."""
    seconds = iter(range(1_000))
    pulse = Pulse("performing", clock=lambda: float(next(seconds)))
    for number in range(1, 201):
        pulse.beat(f"{number} of 200 scenarios")
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "performing: 5 of 200 scenarios, 5 s"
    assert [int(line.split()[1]) for line in told] == [5, 10, 20, 40, 80, 140, 200]


def test_a_terminal_shows_a_bar_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line would tear it."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    pulse = Pulse("performing", clock=map(float, count(0, 100)).__next__)
    pulse.beat("1 of 2 scenarios")
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_the_bar_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a description that changes, and in numbers."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn())
    with progress_shown("performing", *columns, description="nothing yet", total=2) as show:
        show("1 of 2 scenarios", description="a-handoff", completed=1)
    drawn = click.unstyle(terminal.getvalue())
    assert "a-handoff 1/2 0:00:00" in drawn
    assert "1 of 2 scenarios" not in drawn


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a minute pass between any two beats of a command."""
    clock = map(float, count(0, 60)).__next__
    monkeypatch.setattr("sendproof.pulse.Pulse", lambda doing: Pulse(doing, clock=clock))


def test_check_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that the table can be redirected."""
    hasten(monkeypatch)
    result = run("--sender", REFERENCE, "--rule", "WIRE-5")
    first, *_, last = filter(None, result.stderr.splitlines())  # rich before 15 leaves empty ones, where a bar would be
    assert first.startswith("performing: 1 of ")
    number = last.split()[1]
    assert last.startswith(f"performing: {number} of {number} scenarios, ")
    assert "performing" not in result.stdout


def test_simulate_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While it searches and while it shrinks."""
    hasten(monkeypatch)
    result = simulated("--sender", DOUBLES, "--rule", "DLV-2", "--save", str(tmp_path / "found.json"))
    told = [line.partition(":")[0] for line in filter(None, result.stderr.splitlines())]
    assert told[0] == "performing"
    assert told[-1] == "shrinking"
    assert re.match(r"performing: \d of 1,000 schedules, 60 s\n", result.stderr)
