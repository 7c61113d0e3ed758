"""`sendproof send` in a process of its own: pipes, signals, a terminal."""

import os
import signal
import subprocess
import sys
from typing import IO

import pytest

from tests.sendproof.accepted import Accepted
from tests.sendproof.backend_thread import TOKEN, BackendThread, backend_thread

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


def test_nobody_who_reads_the_report_is_no_reason_for_a_traceback() -> None:
    """The other end of the pipe is closed before anything is written."""
    with backend_thread() as backend, start(backend) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(b"{}\n", timeout=20)
    assert process.returncode == 0
    assert err == b""
    assert backend.run.complete


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
