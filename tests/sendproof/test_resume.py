"""Where a shipment begins: a run that holds events already, the same input again, and what comes behind it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_backend import FaultRule, Latency, Limits, Status
from sendproof.commands import sendproof
from sendproof.run_note import RunNote
from tests.sendproof.accepted import Accepted
from tests.sendproof.backend_thread import TOKEN, BackendThread, backend_thread

LINES = [
    b'{"i":0}',
    b"nonsense",
    b'{"i":1}',
    b'{"deep":%b}' % (b"[" * 520 + b"]" * 520),
    b"",
    b'{"large":"%b"}' % (b"x" * 900_000),
    b'{"i":2}',
    b"[3]",
    b'{"i":3}',
]
EVENTS = [{"i": number} for number in range(4)]


def send(backend: BackendThread, lines: list[bytes], *arguments: str) -> Result:
    """Run the command in this process."""
    options = ["send", "--url", backend.url, "--token", TOKEN, "--retry-delay", "0.01", *arguments]
    return CliRunner().invoke(sendproof, options, input=b"\n".join(lines))


@pytest.mark.parametrize("arguments", [[], ["--no-complete"]])
@pytest.mark.parametrize("second", [LINES, []], ids=["the same input", "none"])
def test_a_run_that_holds_events_is_an_error_that_names_the_two_ways(second: list[bytes], arguments: list[str]) -> None:
    """Nothing is sent, not even a completion."""
    with backend_thread() as backend:
        send(backend, LINES, "--no-complete")
        result = send(backend, second, *arguments)
    assert result.exit_code == 2
    assert "the run has 4 events already, and nothing was sent" in result.stderr
    assert "--resume" in result.stderr
    assert "--append" in result.stderr
    assert result.stdout == ""
    assert backend.events == EVENTS
    assert not backend.run.complete


@pytest.mark.parametrize("sent", range(len(LINES) + 1))
def test_resume_sends_what_is_missing_wherever_it_was_cut_off(sent: int) -> None:
    """Lines that are skipped are skipped again, told again, and counted by no number."""
    with backend_thread() as backend:
        before = send(backend, LINES[:sent], "--no-complete")
        result = send(backend, LINES, "--resume")
    assert backend.events == EVENTS
    assert backend.run.complete
    assert (before.exit_code, result.exit_code) == (0 if sent < 2 else 1, 1)
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["line 2", "line 4", "line 6", "line 8"]
    assert "skipped    4 lines" in result.stdout
    assert "read       9 lines" in result.stdout


def test_the_report_tells_what_was_there_from_what_was_delivered() -> None:
    """Both together are the input."""
    with backend_thread() as backend:
        send(backend, [b'{"i":0}', b'{"i":1}'], "--no-complete")
        result = send(backend, [b'{"i":0}', b'{"i":1}', b'{"i":2}'], "--resume")
    assert result.exit_code == 0
    assert "delivered  1, behind 2 that were there" in result.stdout


def test_resume_of_what_is_all_there_changes_nothing() -> None:
    """However often: a script may use it always."""
    with backend_thread() as backend:
        for _ in range(3):
            result = send(backend, LINES[:1], "--resume")
            assert result.exit_code == 0, result.output
    assert backend.events == EVENTS[:1]
    assert backend.run.complete


def test_resume_refuses_a_run_that_holds_more_than_the_input() -> None:
    """Its events are others, so it isn't completed either."""
    with backend_thread() as backend:
        send(backend, LINES, "--no-complete")
        result = send(backend, LINES[:3], "--resume")
    assert result.exit_code == 2
    assert "the run has 4 events, and this input has 2, so the run holds others too" in result.stderr
    assert not backend.run.complete


@pytest.mark.parametrize("rare", [b'{"half":"\\ud800"}', b'{"big":1%b}' % (b"0" * 400)])
def test_resume_refuses_where_the_backend_may_have_refused_a_line(rare: bytes) -> None:
    """A strict parser refuses it, and then the run's number would be one behind; what is still to come may be rare."""
    lines = [b'{"i":0}', rare, b'{"i":1}', rare]
    with backend_thread() as backend:
        send(backend, lines[:1], "--no-complete")
        assert send(backend, lines[:3], "--resume", "--no-complete").exit_code == 0
        result = send(backend, lines, "--resume")
    assert result.exit_code == 2
    assert "line 2 holds what not every parser takes" in result.stderr
    assert "the run's number, 3, doesn't say which line is next" in result.stderr
    assert len(backend.events) == 3


def test_append_sends_all_behind_what_is_there() -> None:
    """For a handoff: under the numbers that follow."""
    with backend_thread() as backend:
        first = send(backend, LINES[:1], "--no-complete")
        assert "run        open, last number 1" in first.stdout
        second = send(backend, LINES[:1], "--append")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert backend.events == [{"i": 0}, {"i": 0}]
    assert backend.run.complete


@pytest.mark.parametrize("way", ["--append", "--resume"])
def test_a_run_that_is_complete_already_takes_nothing(way: str) -> None:
    """And what to do is said."""
    with backend_thread() as backend:
        send(backend, [b'{"i":0}'])
        result = send(backend, [b'{"i":0}', b'{"i":1}'], way)
    assert result.exit_code == 1
    assert "the run is complete already; use another run id" in result.stdout
    assert "go on" not in result.stdout
    assert backend.events == [{"i": 0}]


def test_resume_and_append_exclude_each_other() -> None:
    """One of them would send what the other passes over."""
    with backend_thread() as backend:
        result = send(backend, [], "--append", "--resume")
    assert result.exit_code == 2
    assert "one of them" in result.stderr


def test_where_the_backend_refused_a_line_the_report_does_not_advise_to_resume() -> None:
    """The run's number is one behind the input then, and the line behind it would be there twice."""
    lines = [b'{"i":0}', b'{"a":"%b"}' % (b"x" * 200), b'{"i":1}', b'{"i":2}', b'{"i":3}']
    expired = FaultRule(fault=Status(status=401), events=(3,))
    with backend_thread(expired, limits=Limits(max_line_bytes=100)) as backend:
        result = send(backend, lines, "--max-window-events", "1")
    assert result.exit_code == 1
    assert backend.events == [{"i": 0}, {"i": 1}]
    assert "line 2: rejected by the backend: 413" in result.stderr
    go_on = "with --append, and the input from line 4 on, of which the first 1 may be there already"
    assert f"go on        {go_on}\n" in result.stdout


def test_resume_refuses_where_the_backend_has_refused_a_line(tmp_path: Path) -> None:
    """Though the process that saw it is gone; a line would be there twice."""
    file = tmp_path / "lines"
    file.write_bytes(b'{"i":0}\n{"a":"%b"}\n{"i":1}\n{"i":2}\n' % (b"x" * 200))
    accepted = Accepted()
    stuck = FaultRule(fault=Status(status=503), events=(3,))
    with backend_thread(stuck, limits=Limits(max_line_bytes=100), on_record=accepted) as backend:
        with start(backend, file, "--max-window-events", "1", "--retry-delay", "0.01") as process:
            accepted.wait(2)
            process.kill()
            process.communicate(timeout=20)
        result = send(backend, file.read_bytes().splitlines(), "--resume")
        assert result.exit_code == 2
        assert "the backend refused line 2 when this run was sent before" in result.stderr
        assert backend.events == [{"i": 0}, {"i": 1}]
        backend.clear_faults()
        assert send(backend, [b'{"i":2}'], "--append").exit_code == 0
        assert backend.run.complete
        result = send(backend, [b'{"i":0}', b'{"i":1}', b'{"i":2}'], "--resume")
    assert result.exit_code == 0, "a run that is complete needs no note"


def test_a_run_that_begins_anew_has_no_past() -> None:
    """The same id, after the run expired: what was noted was another run."""
    with backend_thread(limits=Limits(max_line_bytes=100)) as backend:
        send(backend, [b'{"a":"%b"}' % (b"x" * 200)], "--no-complete")
        assert send(backend, [b'{"i":0}'], "--no-complete").exit_code == 0
        assert send(backend, [b'{"i":0}', b'{"i":1}'], "--resume").exit_code == 0
    assert backend.events == EVENTS[:2]


def test_a_machine_that_can_keep_no_note_goes_without(tmp_path: Path) -> None:
    """There may be no home, or no room."""
    (tmp_path / "home").write_text("in the way of a folder")
    note = RunNote("http://127.0.0.1:1/")
    note.write("something happened")
    assert note.read() is None
    note.clear()


def start(backend: BackendThread, file: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Run the command in a process of its own."""
    options = ["--url", backend.url, "--token", TOKEN, "--max-window-events", "100", *arguments]
    command = [sys.executable, "-m", "sendproof", "send", str(file), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_shipment_that_was_ended_goes_on_by_resume(number: signal.Signals, tmp_path: Path) -> None:
    """However it ended, each line is there once; after Ctrl-C the report has told where."""
    file = tmp_path / "lines"
    file.write_text("".join(json.dumps({"i": index}) + "\n" for index in range(30_000)))
    accepted = Accepted()
    with backend_thread(FaultRule(fault=Latency(seconds=0.02)), on_record=accepted) as backend:
        with start(backend, file, "--stop-timeout", "0.5") as process:
            accepted.wait(500)
            process.send_signal(number)
            out, _ = process.communicate(timeout=20)
        assert process.returncode == (-9 if number == signal.SIGKILL else 130)
        if number == signal.SIGINT:
            assert b"go on        with --resume, and the whole input again: line " in out
        with start(backend, file, "--resume", "--max-window-events", "900") as process:
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    assert backend.events == [{"i": index} for index in range(30_000)][-len(backend.events) :]
    assert backend.run.last_accepted_seq == 30_000
