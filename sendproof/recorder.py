"""Records what happens at a backend to a file, for as long as that works."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import click

from fake_backend.records import encode_record

if TYPE_CHECKING:
    from fake_backend import BackendRecord


class Recorder:
    """Writes records as JSON lines, each at once. Where that fails, it says so once, and the backend goes on."""

    def __init__(self, file: IO[bytes]) -> None:
        # Past Python's buffer: what stays in there when a disk is full would fail again when the file is closed.
        self._file: IO[bytes] = getattr(file, "raw", file)
        self._has_failed = False

    def write(self, record: BackendRecord) -> None:
        """Write a record."""
        if self._has_failed:
            return
        rest = memoryview(encode_record(record) + b"\n")
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._has_failed = True
            click.echo(f"The record ends here: {error.strerror or error}.", err=True)
