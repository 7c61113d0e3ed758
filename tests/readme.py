"""The README, its examples, and a shell that runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
URL: Final = "http://127.0.0.1:8787"
"""Where the backend of the README listens; a test has it listen on a port that is free."""


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def the_block(language: str, mark: str) -> str:
    """The one block in a language that holds a mark."""
    (found,) = [block for block in blocks(language) if mark in block]
    return found


@contextmanager
def shell(command: str, directory: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the README until the block is left, with the `sendproof` that is tested.

    What it installs isn't: that is here, or nothing could be tested.
    """
    command = re.sub(r"^python3 -m pip install .*\n", "", command, flags=re.MULTILINE)
    command = re.sub(r"^(\s*)sendproof ", rf"\1'{sys.executable}' -m sendproof ", command, flags=re.MULTILINE)
    with subprocess.Popen(  # noqa: S603 - the README's own commands
        ["/bin/sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.communicate()


@contextmanager
def backend(command: str, directory: Path = ROOT) -> Iterator[str]:
    """Run the README's backend on a port that is free; give its URL."""
    command = command.strip().removesuffix(" --port 8787")
    with shell(f"{command} --port 0", directory) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("Listening on ").strip()
