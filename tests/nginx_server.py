"""A real nginx for tests, as it is installed on this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PATIENCE = 10.0
# The only process is the one that was started, so that its end is the end. Nothing is set of what a request meets.
_CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream backend {
        %(backends)s
    }
    server {
        listen 127.0.0.1:%(port)d reuseport;
        location / {
            proxy_pass http://backend;
            %(settings)s
        }
    }
}
"""


@contextmanager
def nginx(*backends: str, settings: Iterable[str] = ()) -> Iterator[str]:
    """The base URL of an nginx that is started for the test, in front of backends, on a port of its own.

    Each of `settings` is a directive such as `client_body_timeout 1s`; all others are as nginx has them by default.
    Where there is no nginx, the test is skipped; with SENDPROOF_REQUIRE_ALL=1 in the environment it fails.
    """
    # Debian has it where only root looks for programs.
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        missing("nginx (apt-get install nginx-light)")
    with socket.socket() as holder, tempfile.TemporaryDirectory(prefix="sendproof-nginx-") as folder:
        # The port is held until the end, and nginx shares it: nobody else gets it in between.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        conf = Path(folder) / "nginx.conf"
        # Of several, one that broke a connection is asked again at once, as one that is alone always is.
        servers = (f"server {backend.removeprefix('http://')} max_fails=0" for backend in backends)
        parts = {"port": port, "backends": _directives(servers), "settings": _directives(settings)}
        conf.write_text(_CONFIGURATION % parts, encoding="utf-8")
        errors = Path(folder) / "errors"
        command = [path, "-p", folder, "-c", str(conf)]
        with errors.open("wb") as told, subprocess.Popen(command, stderr=told) as process:  # noqa: S603 - see above
            try:
                _wait_for(port, process, errors)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _directives(directives: Iterable[str]) -> str:
    return " ".join(f"{directive};" for directive in directives)


def _wait_for(port: int, process: subprocess.Popen[bytes], errors: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE).close()
        except ConnectionRefusedError:
            assert process.poll() is None, f"nginx ended: {errors.read_text(encoding='utf-8', errors='replace')}"
            assert time.monotonic() < deadline, "nginx doesn't begin to listen"
            time.sleep(0.01)
        else:
            return
