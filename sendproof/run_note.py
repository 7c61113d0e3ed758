"""Remembers, on this machine, what makes a run's number no longer say which line of its input is next.

Nobody else does: the backend counts what it accepted, and the process that saw it refuse a line may have been killed
since. There is a note for such runs alone, until they are complete, or begin anew.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import click


class RunNote:
    """The note of one run. A machine that can't keep it goes without.

    Args:
        url: The run's ingest URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.path = Path(click.get_app_dir("sendproof")) / "runs" / sha256(url.encode()).hexdigest()[:32]
        """The file that holds it, if there is one."""

    def read(self) -> str | None:
        """Return what was written, or None if nothing was."""
        try:
            return self.path.read_text(encoding="utf-8").partition("\n")[0]
        except OSError:
            return None

    def write(self, why: str) -> None:
        """Write down, in a line, what happened; it outlives this process, however that ends."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(f"{why}\n{self._url}\n", encoding="utf-8")

    def clear(self) -> None:
        """Forget it."""
        with suppress(OSError):
            self.path.unlink()
