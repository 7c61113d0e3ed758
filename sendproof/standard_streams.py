"""Makes standard output and error end, hang and slow nothing: what can't be written is lost.

A reader may go away (`| head`), a disk may be full, and a pipe may have a reader that never reads. Python raises then,
or waits; rich ends the process; and what is left in a buffer makes the exit status 120 at shutdown. All of it would
hide what a command has to say by its exit status. So the lowest layer of both streams is replaced, and everything above
it (print, click, rich, logging) works as usual.
"""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

_MOST_BACKLOG = 1024 * 1024
_PATIENCE = 1.0


class _Backlog:
    """Bytes that a thread of their own writes, in order; bounded, and what is past the bound is lost.

    The thread is a daemon, and holds no lock while it writes, so that a process can end while it waits for a reader.
    """

    def __init__(self) -> None:
        self._pieces: deque[tuple[Callable[[bytes], None], bytes]] = deque()
        self._bytes = 0
        self._written = 0
        self._stuck_at = -1
        self._changed = threading.Condition()
        threading.Thread(target=self._write_all, name="sendproof-output", daemon=True).start()

    def write_soon(self, write: Callable[[bytes], None], data: bytes) -> None:
        """Have it written, unless too much is waiting already."""
        with self._changed:
            if self._bytes + len(data) <= _MOST_BACKLOG:
                self._pieces.append((write, data))
                self._bytes += len(data)
                self._changed.notify_all()

    def settle(self) -> None:
        """Wait until all is written, as long as anything is; where that was given up, only if something was since."""
        with self._changed:
            while self._pieces and self._written != self._stuck_at:
                before = self._written
                if not self._changed.wait_for(partial(self._has_moved, before), _PATIENCE):
                    self._stuck_at = before

    def _has_moved(self, written: int) -> bool:
        return self._written != written

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._pieces))
                write, piece = self._pieces[0]
            write(piece)
            with self._changed:
                self._pieces.popleft()
                self._bytes -= len(piece)
                self._written += 1
                self._changed.notify_all()


class _ForgivingRaw(io.RawIOBase):
    """Writes to another raw stream, and never raises; `error` is the last thing that went wrong."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._backlog: _Backlog | None = None
        self.name = getattr(raw, "name", None)
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Buffer, /) -> int:
        given = bytes(data)
        if self._backlog is None:
            self._write_out(given)
        else:
            self._backlog.write_soon(self._write_out, given)
        return len(given)

    def never_wait(self, backlog: _Backlog) -> None:
        """Write in the background from now on."""
        self._backlog = backlog

    def settle(self) -> None:
        """Wait until what is in the background is written, as long as anything of it is."""
        if self._backlog is not None:
            self._backlog.settle()

    def _write_out(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                written = self._raw.write(rest)
                if written is None:
                    # Whoever shares this pipe or terminal has made it non-blocking.
                    select.select([], [self._raw], [])
                else:
                    rest = rest[written:]
        except OSError as error:
            self.error = error


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Have standard output and error forgive everything, inside; at the end, say where output was lost, if that works.

    Nothing is said of a reader that went away: it has seen what it wanted.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _forgiving(sys.stdout), _forgiving(sys.stderr)
    try:
        yield
    finally:
        # Ctrl-C: nobody wants to wait.
        with suppress(KeyboardInterrupt):
            settle()
        for raw in _ours(sys.stdout):
            if raw.error is not None and not isinstance(raw.error, BrokenPipeError):
                sys.stderr.write(f"sendproof: output was lost: {raw.error.strerror or raw.error}\n")
                settle()
        sys.stdout, sys.stderr = before


def never_wait() -> None:
    """Let standard output and error hold nobody up: they are written in the background from now on, or lost.

    For commands that have better things to do than to wait for a reader. Where both go to the same place, they keep
    their order. Where `forgiving_streams` isn't at work, such as in tests, it does nothing.
    """
    backlogs: dict[tuple[int, int], _Backlog] = {}
    for raw in (*_ours(sys.stdout), *_ours(sys.stderr)):
        status = os.fstat(raw.fileno())
        place = status.st_dev, status.st_ino
        if place not in backlogs:
            backlogs[place] = _Backlog()
        raw.never_wait(backlogs[place])


def settle() -> None:
    """Wait until all that was printed is written; give it up once nothing moves for a second."""
    for stream in (sys.stdout, sys.stderr):
        for raw in _ours(stream):
            stream.flush()
            raw.settle()


def _ours(stream: TextIO | None) -> list[_ForgivingRaw]:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return [raw] if isinstance(raw, _ForgivingRaw) else []


def _forgiving(stream: TextIO | None) -> TextIO:
    if stream is None:
        # This process was started without one; and no socket should get its number.
        return Path(os.devnull).open("w", encoding="utf-8")
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # unbuffered, there is no buffer between
    if not isinstance(raw, io.RawIOBase):
        return stream
    stream.flush()
    text = cast("io.TextIOWrapper", stream)
    return io.TextIOWrapper(
        io.BufferedWriter(_ForgivingRaw(raw)),
        encoding=text.encoding,
        errors=text.errors,
        line_buffering=text.line_buffering,
        write_through=text.write_through,
    )
