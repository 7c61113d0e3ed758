"""Where output goes that nobody reads: each gives what `subprocess` takes for a standard stream."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

Sink: TypeAlias = Callable[[], AbstractContextManager[int]]


def fill(sink: int) -> None:
    """Write into a pipe or terminal until it takes no more, so that whoever writes next waits for a reader."""
    os.set_blocking(sink, False)
    try:
        while True:
            os.write(sink, b"x" * 1024)
    except BlockingIOError:
        os.set_blocking(sink, True)


@contextmanager
def closed_pipe() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, sink = os.pipe()
    os.close(reader)
    yield sink
    os.close(sink)


@contextmanager
def full_pipe() -> Iterator[int]:
    """A pipe whose reader never reads."""
    reader, sink = os.pipe()
    fill(sink)
    yield sink
    os.close(sink)
    os.close(reader)


@contextmanager
def full_disk() -> Iterator[int]:
    """A file on a disk without room."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no /dev/full")
    sink = os.open(device, os.O_WRONLY)
    yield sink
    os.close(sink)


@contextmanager
def stopped_terminal() -> Iterator[int]:
    """A terminal that shows nothing more, as after Ctrl-S."""
    pty = pytest.importorskip("pty")
    tty = pytest.importorskip("tty")
    screen, sink = pty.openpty()
    tty.setraw(sink)
    fill(sink)
    yield sink
    os.close(sink)
    os.close(screen)


SINKS = [closed_pipe, full_pipe, full_disk, stopped_terminal]
