"""The senders in other languages end as DRN-5 asks, on real sockets: of what the kernel holds, nothing leaves."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import missing
from tests.reference.sender.peer import TOKEN, Peer, answer, authority_file, run, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parent.parent / "examples"
SETTINGS = {
    "max_buffered_events": 1_000,
    "max_buffered_bytes": 10_000_000,
    "max_window_events": 900,
    "max_window_bytes": 4_000_000,
    "max_event_bytes": 100_000,
    "flush_delay_ms": 0,
    "retry_delay_ms": 200,
    "max_retry_delay_ms": 5_000,
    "settle_delay_ms": 100,
    "request_timeout_ms": 20_000,
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels buffer otherwise")


@pytest.fixture(params=["plain", "tls"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A peer whose receive buffer is small."""
    with Peer(context=server_context() if request.param == "tls" else None, receive_buffer=4_096) as made:
        yield made


async def command_of(language: str, folder: Path) -> list[str]:
    """Return how the sender in a language is run."""
    program = {"go": "go", "javascript": "node"}[language]
    if shutil.which(program) is None:
        missing(program)
    if language == "javascript":
        return ["node", str(EXAMPLES / "node" / "adapter.mjs")]
    made = folder / "sender"
    build = await asyncio.create_subprocess_exec("go", "build", "-o", str(made), cwd=EXAMPLES / "go")
    assert await build.wait() == 0
    return [str(made)]


@pytest.mark.parametrize(
    ("language", "end"),
    [
        ("go", "stop"),
        ("go", "SIGKILL"),
        ("go", "an early answer"),
        ("javascript", "stop"),
        # Node has no SO_LINGER, so there nothing can be done about SIGKILL.
        ("javascript", "an early answer"),
    ],
)
def test_nothing_leaves_the_machine_afterwards(peer: Peer, language: str, end: str, tmp_path: Path) -> None:
    """After stop; after SIGKILL; and after an answer that came before the body was read (DRN-5)."""

    async def main(authority: str) -> tuple[int, bool]:
        # Where Node, and where Go, looks for authorities besides its own.
        trusting = {**os.environ, "NODE_EXTRA_CA_CERTS": authority, "SSL_CERT_FILE": authority}
        pipe = asyncio.subprocess.PIPE
        command = await command_of(language, tmp_path)
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=trusting)
        assert process.stdin is not None
        assert process.stdout is not None
        events = [{"n": number, "p": "x" * 4_000} for number in range(900)]
        for request in (
            {"id": 1, "type": "open", "sender": 1, "settings": {**SETTINGS, "url": peer.url, "token": TOKEN}},
            {"id": 2, "type": "enqueue", "sender": 1, "events": events},
        ):
            process.stdin.write(json.dumps(request).encode() + b"\n")
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer())
        await connection.unread()
        if end == "SIGKILL":
            process.kill()
            await process.wait()
        elif end == "stop":
            process.stdin.write(b'{"id": 3, "type": "stop", "sender": 1, "deadline_ms": 100, "complete": false}\n')
            while json.loads(await process.stdout.readline())["id"] != 3:
                pass
        else:
            await connection.say(answer(413, b'{"error": "too large", "last_accepted_seq": 0}'))
            await peer.accept()  # the next attempt
        try:
            return await connection.rest()
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    with authority_file() as authority:
        count, was_reset = run(main(authority))
    assert was_reset
    assert 0 < count <= peer.receive_buffer
