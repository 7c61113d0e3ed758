"""The channel to an adapter: the standard streams of a process of ours, or a connection that it made to us.

A line is read and written by threads, so that it serves any event loop and outlives it, and so that a program which
doesn't read what it is sent holds nobody up.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import signal
import socket
import subprocess
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Protocol

from conformance.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LAST_WORDS = 12
_LONGEST_WORD = 500
_TIME_TO_END = 2.0
_TIME_TO_ACCEPT = 600.0
_HOST = "127.0.0.1"


class Channel(Protocol):
    """A channel to an adapter. What it writes is reported line by line, and its end once, from another thread."""

    def listen(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Begin to read."""
        ...

    def send(self, line: bytes) -> None:
        """Send a line; returns at once."""
        ...

    def end(self) -> None:
        """Close the line, and end what is at its other end, if that is ours."""
        ...

    def complaints(self) -> list[str]:
        """Return what it last wrote to standard error and wasn't returned here before."""
        ...

    def last_words(self) -> str:
        """Return how the adapter ended, if it has, and what it last wrote to standard error; may be empty."""
        ...


class ProcessChannel:
    """A program that is started here, and its standard input, output and error.

    Raises:
        AdapterError: It can't be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, to be run
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise AdapterError(f"the adapter can't be started: {command[0]!r}: {error.strerror}") from error
        self._errors: deque[str] = deque(maxlen=_LAST_WORDS)
        self._writer = _Writer(_raw(self._process.stdin))
        self._complaints = threading.Thread(target=self._listen_to_errors, daemon=True)
        self._complaints.start()

    def listen(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Begin to read."""
        output = io.BufferedReader(_raw(self._process.stdout))
        threading.Thread(target=_read_lines, args=(output, on_line, on_end), daemon=True).start()

    def send(self, line: bytes) -> None:
        """Send a line; returns at once."""
        self._writer.put(line)

    def end(self) -> None:
        """Close its standard input, give it a moment to end by itself, and kill it then, with all that it started."""
        self._writer.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TIME_TO_END)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def complaints(self) -> list[str]:
        """Return the last lines of its standard error that weren't returned here before."""
        lines = []
        with contextlib.suppress(IndexError):
            while True:
                lines.append(self._errors.popleft())
        return lines

    def last_words(self) -> str:
        """Return how it ended, if it has, and the last lines of its standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # it may just have closed its output
        status = self._process.poll()
        parts = []
        if status is not None:
            self._complaints.join(0.5)
            parts.append(f"the adapter ended with {_in_words(status)}")
        if self._errors:
            parts.append("the last lines of its standard error:")
            parts += [f"  {line}" for line in tuple(self._errors)]
        elif status is not None:
            parts.append("it wrote nothing to standard error")
        return "\n".join(parts)

    def _listen_to_errors(self) -> None:
        with io.BufferedReader(_raw(self._process.stderr)) as complaints:
            for line in complaints:
                self._errors.append(line.decode(errors="replace").rstrip()[:_LONGEST_WORD])


class AttachedChannel:
    """An adapter that a person has started, and that has connected to us."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._writer = _Writer(connection.makefile("wb", buffering=0))

    def listen(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Begin to read."""
        threading.Thread(
            target=_read_lines, args=(self._connection.makefile("rb"), on_line, on_end), daemon=True
        ).start()

    def send(self, line: bytes) -> None:
        """Send a line; returns at once."""
        self._writer.put(line)

    def end(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def complaints(self) -> list[str]:
        """Nothing, as in `last_words`."""
        return []

    def last_words(self) -> str:
        """Nothing: its standard error is where the person started it."""
        return ""


def wait_for_adapter(port: int, on_listening: Callable[[int], None]) -> AttachedChannel:
    """Listen on a port of this machine until an adapter connects, ten minutes at the most.

    Raises:
        AdapterError: The port can't be had, or nobody came.
    """
    try:
        listener = socket.create_server((_HOST, port))
    except OSError as error:
        raise AdapterError(f"can't listen on port {port}: {error.strerror}") from error
    with listener:
        listener.settimeout(_TIME_TO_ACCEPT)
        on_listening(listener.getsockname()[1])
        try:
            connection, _ = listener.accept()
        except TimeoutError as error:
            raise AdapterError(f"no adapter connected to port {port} within {_TIME_TO_ACCEPT:g} s") from error
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return AttachedChannel(connection)


class _Writer:
    """Writes lines in a thread of its own, until the stream is closed or breaks."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, line: bytes) -> None:
        self._lines.put(line)

    def close(self) -> None:
        self._lines.put(None)

    def _write(self) -> None:
        # A broken pipe shows by the end of what is read.
        with contextlib.suppress(OSError, ValueError):
            while (line := self._lines.get()) is not None:
                left = memoryview(line + b"\n")
                while left:
                    left = left[self._stream.write(left) :]
        with contextlib.suppress(OSError):
            self._stream.close()


def _read_lines(stream: IO[bytes], on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        for line in stream:
            on_line(line.rstrip(b"\r\n"))
    on_end()


def _raw(stream: object) -> io.RawIOBase:
    if not isinstance(stream, io.RawIOBase):
        raise TypeError(f"{stream!r} was to be an unbuffered stream")
    return stream


def _in_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
