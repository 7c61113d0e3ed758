"""Output that can't be written, or that nobody reads, changes nothing but itself."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeVar

import pytest

from sendproof import standard_streams
from sendproof.standard_streams import forgiving_streams, never_wait, settle
from tests.sendproof.sinks import Sink, closed_pipe, fill, full_disk, full_pipe

T = TypeVar("T")

COMMANDS = {
    "check --list": 0,
    "send --help": 0,
    "simulate --sender reference.adapter:create_sender --schedules 3 --jobs 1": 0,
    "check --sender examples.naive:create_sender --scenario no-such-scenario": 2,
}


@pytest.mark.parametrize("sink", [closed_pipe, full_disk])
@pytest.mark.parametrize(("command", "status"), COMMANDS.items(), ids=[each.split()[0] for each in COMMANDS])
def test_the_exit_status_is_the_command_s_whatever_could_be_printed(command: str, status: int, sink: Sink) -> None:
    """Neither 1, by which rich ends a process whose pipe was closed, nor 120, by which Python does at shutdown."""
    command_line = [sys.executable, "-m", "sendproof", *command.split()]
    with sink() as out:
        ended = subprocess.run(command_line, stdout=out, stderr=out, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == status


def test_without_buffers_it_is_the_same() -> None:
    """As `python -u`, or PYTHONUNBUFFERED, have it in containers."""
    with closed_pipe() as out:
        command = [sys.executable, "-u", "-m", "sendproof", "check", "--list"]
        ended = subprocess.run(command, stdout=out, stderr=out, timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 0


def test_a_process_without_standard_streams_ends_as_any_other() -> None:
    """A daemon may have none."""
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"]
    ended = subprocess.run([*shell, sys.executable, "-m", "sendproof", "check", "--list"], timeout=60, check=False)  # noqa: S603
    assert ended.returncode == 0


def test_what_a_full_disk_lost_is_said_where_it_can_be() -> None:
    """Whoever looks at an empty file finds out why; a reader that went away wanted no more."""
    command = [sys.executable, "-m", "sendproof", "--help"]
    with full_disk() as out:
        ended = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603
    assert ended.stderr == b"sendproof: output was lost: No space left on device\n"
    with closed_pipe() as out:
        ended = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603
    assert ended.stderr == b""


@contextmanager
def written_to(sink: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have standard output be this one, inside; standard error is a stream that isn't made of layers."""
    with os.fdopen(sink, "w", encoding="utf-8", closefd=False) as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", io.StringIO())
        with forgiving_streams():
            yield


def test_a_pipe_that_someone_made_non_blocking_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads as "no room" is waited for, not taken for an error."""
    reader, sink = os.pipe()
    os.set_blocking(sink, False)
    with os.fdopen(reader, "rb") as source:
        script = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
        with subprocess.Popen([sys.executable, "-c", script], stdin=source, stdout=subprocess.PIPE) as slow:  # noqa: S603
            with written_to(sink, monkeypatch):
                print("x" * 1_000_000, end="", flush=True)  # noqa: T201
            os.close(sink)
            out, _ = slow.communicate(timeout=20)
    assert out == b"x" * 1_000_000


def test_who_never_waits_loses_what_is_too_much_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backlog is bounded; once somebody reads, what is in it comes out, in order."""
    monkeypatch.setattr(standard_streams, "_MOST_BACKLOG", 50)
    monkeypatch.setattr(standard_streams, "_PATIENCE", 0.01)
    reader, sink = os.pipe()
    fill(sink)
    junk = 0
    with os.fdopen(reader, "rb", buffering=0) as source, written_to(sink, monkeypatch):
        never_wait()
        for number in range(100):
            print(f"message {number}", flush=True)  # noqa: T201
        settle()
        while b"\n" not in (piece := source.read(1024)):
            junk += len(piece)
        os.set_blocking(reader, False)
        settle()
        rest = source.read(1024) or b""
    os.close(sink)
    assert junk
    assert (piece.lstrip(b"x") + rest).splitlines() == [
        b"message 0",
        b"message 1",
        b"message 2",
        b"message 3",
        b"message 4",
    ]


def test_the_end_waits_for_a_reader_as_long_as_it_reads_and_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing moves, the second look costs nothing."""
    waited: list[float] = []

    class Condition(threading.Condition):
        def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
            if timeout is not None:
                waited.append(timeout)
            return super().wait_for(predicate, timeout)

    monkeypatch.setattr(threading, "Condition", Condition)
    monkeypatch.setattr(standard_streams, "_PATIENCE", 0.01)
    with full_pipe() as sink, written_to(sink, monkeypatch):
        never_wait()
        print("lost", flush=True)  # noqa: T201
        settle()
        settle()
    assert waited == [0.01]


def test_ctrl_c_ends_the_last_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the exit status of the command is kept."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(standard_streams, "settle", interrupted)
    with pytest.raises(SystemExit) as ended, forgiving_streams():
        sys.exit(3)
    assert ended.value.code == 3


def test_streams_that_are_not_ours_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of the command, in a test or a program that calls it, nothing is replaced for good."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    never_wait()
    settle()
    with forgiving_streams():
        print("kept")  # noqa: T201
    assert out.getvalue() == "kept\n"


def test_a_stream_of_ours_looks_like_the_one_behind_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rich asks whether it is a terminal, and a sender that is judged may ask for its number; then it is gone again."""
    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        with forgiving_streams():
            seen = (sys.stdout.fileno(), sys.stdout.name, sys.stdout.encoding, sys.stdout.isatty())
            print("kept")  # noqa: T201
        print("and more")  # noqa: T201
        assert seen == (file.fileno(), file.name, file.encoding, False)
    assert (tmp_path / "out").read_text() == "kept\nand more\n"


def test_a_backend_answers_though_nobody_reads_what_it_prints() -> None:
    """Its requests wait for no reader; a signal ends it, summary and all."""
    reader, sink = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "sendproof", "backend", "--port", "0"], stdout=sink, stderr=subprocess.DEVNULL
    ) as process:
        try:
            told = b""
            while b"Look at it:" not in told:
                told += os.read(reader, 4096)
            fill(sink)
            port = int(told.split(b"\n", 1)[0].rsplit(b":", 1)[1])
            for number in range(1, 4):
                connection = HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request(
                    "POST", "/v1/runs/run/ingest", b'{"seq":%d,"event":{}}' % number, {"Authorization": "Bearer t"}
                )
                assert connection.getresponse().status == 200
                connection.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
    os.close(sink)
    os.close(reader)
