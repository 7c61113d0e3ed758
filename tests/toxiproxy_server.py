"""A real Toxiproxy for tests, where the server is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("toxiproxy-server", "server")
_PATIENCE = 10.0


@contextmanager
def toxiproxy_server() -> Iterator[str]:
    """The URL of the API of a Toxiproxy that is started for the test, on a port of its own.

    Where there is none, the test is skipped; with SENDPROOF_REQUIRE_ALL=1 in the environment it fails.
    """
    path = next((path for path in _candidates() if _is_toxiproxy(path)), None)
    if path is None:
        missing("Toxiproxy (go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(path), "-host", "127.0.0.1", "-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - a program that was looked for
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _candidates() -> Iterator[str]:
    """Where it may be: on the path under either of its names, or where Go installs programs."""
    folders = [Path(path) / "bin" for path in os.environ.get("GOPATH", "").split(os.pathsep) if path]
    for name in _NAMES:
        for folder in (None, *folders, Path.home() / "go" / "bin"):
            found = shutil.which(name, path=None if folder is None else str(folder))
            if found is not None:
                yield found


def _is_toxiproxy(path: str) -> bool:
    """Whether a program is Toxiproxy, and not another server."""
    try:
        command = [path, "-version"]
        said = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False).stdout  # noqa: S603 - see above
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.startswith(b"toxiproxy-server version")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "Toxiproxy doesn't begin to listen"
            time.sleep(0.01)
        else:
            return
