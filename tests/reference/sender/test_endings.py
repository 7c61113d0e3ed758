"""How connections end, on real sockets: with a reset where something was unsent, and otherwise in good order."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from reference.sender import EventStreamSender
from reference.sender.http import HttpAttempts
from reference.sender.types import Answered, AttemptFailed
from tests.reference.sender.peer import LOOPS, TOKEN, Connection, Peer, answer, authority_file, run, server_context

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels buffer, and tell, otherwise")

SMALL = 4_096
FOUR_MEGABYTES = [b"x" * 40_000] * 100


@pytest.fixture(params=["plain", "tls"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A peer whose receive buffer is small."""
    with Peer(context=server_context() if request.param == "tls" else None, receive_buffer=SMALL) as made:
        yield made


async def first_window(peer: Peer) -> Connection:
    """Answer where the run stands, on a connection that ends with it; give that of the window that follows."""
    asked = await peer.accept()
    await asked.request()
    await asked.say(answer(200, b'{"last_accepted_seq":0}', "Connection: close"))
    window = await peer.accept()
    assert await window.unread() <= peer.receive_buffer
    return window


def fill(sender: EventStreamSender) -> None:
    """Enqueue as much as a window takes."""
    for number in range(900):
        sender.enqueue({"n": number, "p": "x" * 4_300})


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_leaves_the_machine_after_stop(peer: Peer, loop: str) -> None:
    """A peer that reads nothing until then gets what its own buffer held, and a reset (DRN-5)."""

    async def main() -> None:
        sender = EventStreamSender(peer.settings())
        fill(sender)
        window = await first_window(peer)
        report = await sender.stop(timeout=0.05)
        assert report.unconfirmed > 100
        count, was_reset = await window.rest()
        assert was_reset
        assert 0 < count <= peer.receive_buffer

    run(main(), loop)


PROGRAM = """
import asyncio, os, ssl, sys, uvloop
from reference.sender import EventStreamSender, SenderConfig

async def main(url, token, authority):
    context = ssl.create_default_context(cafile=authority) if authority else None
    sender = EventStreamSender(SenderConfig(url=url, token=token, ssl_context=context))
    for number in range(900):
        sender.enqueue({"n": number, "p": "x" * 4_300})
    await asyncio.to_thread(sys.stdin.readline)
    os._exit(0)

new_event_loop = uvloop.new_event_loop if sys.argv.pop() == "uvloop" else asyncio.new_event_loop
asyncio.Runner(loop_factory=new_event_loop).run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("end", ["SIGKILL", "os._exit"])
def test_nothing_leaves_the_machine_after_the_process(peer: Peer, end: str, loop: str) -> None:
    """Neither where nobody could do anything about it: the kernel does (DRN-5)."""

    async def main() -> None:
        with ExitStack() as stack:
            authority = stack.enter_context(authority_file()) if peer.url.startswith("https") else ""
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM, peer.url, TOKEN, authority, loop), stdin=asyncio.subprocess.PIPE
            )
            window = await first_window(peer)
            if end == "SIGKILL":
                process.kill()
            await process.communicate(b"\n")
        count, was_reset = await window.rest()
        assert was_reset
        assert 0 < count <= peer.receive_buffer

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_is_closed_in_good_order(peer: Peer, loop: str) -> None:
    """All was answered: the peer reads the end of the stream."""

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"first"))
        connection = await peer.accept()
        for body in (b"first", b"second"):
            assert (await connection.request()).body == body
            await connection.say(answer())
            assert isinstance(await sending, Answered)
            if body == b"first":
                sending = asyncio.create_task(http.send(b"second"))
        await http.close()
        assert await connection.rest() == (0, False)

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("body", [b"", b'{"last_accepted_seq":0}', b"x" * 60_000])
def test_a_connection_that_ends_with_its_answer_ends_in_good_order(loop: str, body: bytes) -> None:
    """By `Connection: close`; also where head and body come at once."""

    async def main(peer: Peer) -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"body"))
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer(200, body, "Connection: close"))
        assert isinstance(await sending, Answered)
        assert await connection.rest() == (0, False)
        await http.close()

    with Peer() as peer:
        run(main(peer), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("in_blocks", [True, False])
def test_a_body_that_was_answered_before_it_was_read_is_cut_off(peer: Peer, loop: str, *, in_blocks: bool) -> None:
    """Its rest would arrive beside the next attempt, or after stop. The connection isn't used again."""

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        body = FOUR_MEGABYTES if in_blocks else b"".join(FOUR_MEGABYTES)
        sending = asyncio.create_task(http.send(body))
        early = await peer.accept()
        await early.head()
        await early.say(answer(413))
        assert getattr(await sending, "status", None) == 413
        count, was_reset = await early.rest()
        assert was_reset
        assert 0 < count <= peer.receive_buffer
        sending = asyncio.create_task(http.send(b"next"))
        late = await peer.accept()
        assert (await late.request()).body == b"next"
        await late.say(answer())
        assert isinstance(await sending, Answered)
        await http.close()

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("nonsense", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"])
def test_a_body_that_is_answered_with_nonsense_is_cut_off(peer: Peer, loop: str, nonsense: bytes) -> None:
    """Also where TLS would be ended first, for which a peer that reads nothing takes its time."""

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(FOUR_MEGABYTES))
        connection = await peer.accept()
        await connection.head()
        await connection.say(nonsense)
        assert isinstance(await sending, AttemptFailed)
        await http.close()
        count, was_reset = await connection.rest()
        assert was_reset
        assert 0 < count <= peer.receive_buffer

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_never_ends_ends_in_a_reset(peer: Peer, loop: str) -> None:
    """All was read, but nothing is in order: the peer is told that nobody waits."""

    async def main() -> None:
        http = HttpAttempts(peer.settings(request_timeout=0.2))
        sending = asyncio.create_task(http.send(b"body"))
        connection = await peer.accept()
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        assert getattr(await sending, "detail", None) == "no answer within 0.2 s"
        _, was_reset = await connection.rest()
        assert was_reset
        await http.close()

    run(main(), loop)
