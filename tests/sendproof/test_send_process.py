"""`sendproof send` in a process of its own: pipes, signals, a terminal."""

import os
import signal
import subprocess
import sys
from typing import IO

import pytest

from fake_backend import FaultRule, Status
from tests.sendproof.accepted import Accepted
from tests.sendproof.backend_thread import TOKEN, BackendThread, backend_thread
from tests.sendproof.sinks import SINKS, Sink

COMMAND = [sys.executable, "-m", "sendproof", "send", "--token", TOKEN]


def start(backend: BackendThread, *arguments: str) -> subprocess.Popen[bytes]:
    """Run the command in a process of its own, with pipes."""
    return subprocess.Popen(  # noqa: S603
        [*COMMAND, "--url", backend.url, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def write(stream: IO[bytes] | None, data: bytes) -> None:
    """Write to a process now."""
    assert stream is not None
    stream.write(data)
    stream.flush()


def test_each_line_of_a_slow_producer_is_sent_at_once() -> None:
    """The next line is written only when the one before has arrived (LIV)."""
    accepted = Accepted()
    with backend_thread(on_record=accepted) as backend, start(backend) as process:
        for count in range(1, 6):
            write(process.stdin, b'{"i":%d}\n' % count)
            accepted.wait(count)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert b"delivered  5" in out
    assert err == b""
    assert backend.run.complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_reading_and_drains(number: signal.Signals) -> None:
    """The input is open still; what was read is delivered, and the run is left open."""
    accepted = Accepted()
    with backend_thread(on_record=accepted) as backend, start(backend) as process:
        write(process.stdin, b'{"i":1}\n{"unfinished"')
        accepted.wait(1)
        process.send_signal(number)
        process.wait(20)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number, err
    assert backend.events == [{"i": 1}]
    assert not backend.run.complete
    assert f"ended by {number.name} after line 1".encode() in out
    assert b"Cut short." in out
    assert b"Traceback" not in err


@pytest.mark.parametrize("sink", SINKS)
def test_messages_that_nobody_reads_hold_no_event_up(sink: Sink) -> None:
    """A bad line and a failure are told to a standard error that takes nothing; the events and the report arrive."""
    lines = [b'{"i":%d}' % index for index in range(300)]
    lines.insert(100, b"nonsense")
    options = ["--max-window-events", "50", "--retry-delay", "0.01"]
    with backend_thread(FaultRule(fault=Status(status=503), of="data", requests=(3,))) as backend, sink() as err:
        command = [*COMMAND, "--url", backend.url, *options]
        ended = subprocess.run(  # noqa: S603
            command, input=b"\n".join(lines), stdout=subprocess.PIPE, stderr=err, timeout=60, check=False
        )
    assert backend.events == [{"i": index} for index in range(300)]
    assert backend.run.complete
    assert ended.returncode == 1
    assert b"delivered  300\n  skipped    1 line, see above" in ended.stdout


@pytest.mark.parametrize("sink", SINKS)
def test_a_report_that_nobody_reads_changes_no_exit_status(sink: Sink) -> None:
    """It says what became of the events."""
    with backend_thread() as backend, sink() as out:
        command = [*COMMAND, "--url", backend.url]
        ended = subprocess.run(  # noqa: S603
            command, input=b"{}\n", stdout=out, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    assert backend.run.complete


def test_where_both_streams_are_one_the_report_comes_last() -> None:
    """Messages are written in the background, and before it all the same."""
    with backend_thread() as backend:
        command = [*COMMAND, "--url", backend.url]
        ended = subprocess.run(  # noqa: S603
            command, input=b"x\n" * 20, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
        )
    told = ended.stdout.splitlines()
    assert [line.partition(b":")[0] for line in told[:20]] == [b"line %d" % number for number in range(1, 21)]
    assert told[20] == b"Not all was delivered."


def test_a_terminal_shows_a_bar_and_a_hint() -> None:
    """On a terminal the command says that it reads from it, and how it goes."""
    pty = pytest.importorskip("pty")
    accepted = Accepted()
    with backend_thread(on_record=accepted) as backend:
        terminal, its_end = pty.openpty()
        with subprocess.Popen(  # noqa: S603
            [*COMMAND, "--url", backend.url],
            stdin=its_end,
            stdout=subprocess.PIPE,
            stderr=its_end,
            env={**os.environ, "TERM": "xterm"},
        ) as process:
            os.close(its_end)
            os.write(terminal, b'{"i":1}\n')
            accepted.wait(1)
            os.write(terminal, b"\x04")
            shown = b""
            # Linux says with an error that the other end is closed.
            while not shown.endswith(b"no more"):
                try:
                    shown += os.read(terminal, 4096) or b"no more"
                except OSError:
                    shown += b"no more"
            out, _ = process.communicate(timeout=20)
        os.close(terminal)
    assert process.returncode == 0
    assert b"Reading events from the terminal" in shown
    assert b"delivered" in shown
    assert b"All delivered." in out
