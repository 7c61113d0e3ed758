"""What a request says, byte by byte, and what of an answer is taken for its own: on real sockets."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reference.sender.http import HttpAttempts, PeerClock
from reference.sender.types import Answered, AttemptFailed
from tests.reference.sender.peer import LOOPS, Peer, answer, run, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence


@pytest.fixture(params=["plain", "tls"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A peer over plain TCP, and over TLS."""
    with Peer(context=server_context() if request.param == "tls" else None) as made:
        yield made


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a body",
        b"x" * 4_000_000,
        [],
        [b"", b""],
        [b"one block"],
        [b"a" * 40_000, b"b" * 40_000],
        (b"c" * 65_536, b"d"),
        [b"e" * 40_000] * 100,
        [b"f" * 4_000_000],
    ],
    ids=lambda body: f"{type(body).__name__}-of-{len(body)}",
)
def test_a_body_that_is_known_goes_out_with_its_length(peer: Peer, loop: str, body: bytes | Sequence[bytes]) -> None:
    """In one piece or in blocks: never in chunks, which not every backend or proxy takes."""

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(body))
        connection = await peer.accept()
        request = await connection.request()
        whole = body if isinstance(body, bytes) else b"".join(body)
        assert request.body == whole
        assert request.header("Content-Length") == str(len(whole))
        assert request.header("Transfer-Encoding") is None
        await connection.say(answer())
        assert await sending == Answered(status=200, last_accepted_seq=0, is_backends_own=False)
        # The connection is in order: the next request goes out on it.
        sending = asyncio.create_task(http.send(b"next"))
        assert (await connection.request()).body == b"next"
        await connection.say(answer())
        assert isinstance(await sending, Answered)
        await http.close()

    run(main(), loop)


def test_a_body_that_is_still_coming_goes_out_in_chunks() -> None:
    """Nobody knows its length yet."""

    async def main(peer: Peer) -> None:
        async def body(_clock: PeerClock) -> AsyncGenerator[bytes, None]:
            yield b"first,"
            yield b"second"

        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.stream(body, answer_began=lambda: None))
        connection = await peer.accept()
        request = await connection.request()
        assert request.body == b"first,second"
        assert request.header("Content-Length") is None
        await connection.say(answer())
        assert isinstance(await sending, Answered)
        await http.close()

    with Peer() as peer:
        run(main(peer))


def test_an_answer_is_asked_for_as_it_is_and_is_not_unpacked() -> None:
    """Whoever packs it all the same isn't the backend: it acknowledges nothing, and a bomb stays small."""
    bomb = gzip.compress(b" " * 10_000_000 + b'{"last_accepted_seq": 1}')

    async def main(peer: Peer) -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"body"))
        connection = await peer.accept()
        assert (await connection.request()).header("Accept-Encoding") == "identity"
        await connection.say(answer(200, bomb, "Content-Encoding: gzip"))
        detail = "without a last_accepted_seq: 'a body in the encoding gzip'"
        assert await sending == Answered(status=200, is_backends_own=False, detail=detail)
        await http.close()

    with Peer() as peer:
        run(main(peer))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("unasked", [answer(), answer() * 3, b"HTTP/1.1 200 OK\r\n\r\n", b"nonsense\r\n\r\n"])
@pytest.mark.parametrize("with_the_answer", [True, False])
def test_an_answer_that_nobody_asked_for_is_nobodys(
    peer: Peer, loop: str, unasked: bytes, *, with_the_answer: bool
) -> None:
    """The connection on which it came is left, and the next request has an answer of its own."""

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"first"))
        connection = await peer.accept()
        await connection.request()
        if with_the_answer:
            await connection.say(answer() + unasked)
            await sending
        else:
            await connection.say(answer())
            await sending
            await connection.say(unasked)
            await asyncio.sleep(0.05)  # until it is here
        sending = asyncio.create_task(http.send(b"second"))
        other = await peer.accept()
        assert (await other.request()).body == b"second"
        await other.say(answer(200, b'{"last_accepted_seq":7}'))
        answered = await sending
        assert isinstance(answered, Answered)
        assert answered.last_accepted_seq == 7
        await http.close()

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_peer_that_answers_before_it_is_asked_is_sent_nothing(
    peer: Peer, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a failure like a refused connection, and the next attempt has its delay: no loop of connections."""
    connect = aiohttp.TCPConnector.connect

    async def connect_slowly(*arguments: Any) -> aiohttp.connector.Connection:
        connection = await connect(*arguments)
        assert connection.protocol is not None
        while not connection.protocol.should_close:  # noqa: ASYNC110 - until the answer is here; aiohttp tells nobody
            await asyncio.sleep(0)
        return connection

    async def main() -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"body"))
        connection = await peer.accept()
        await connection.say(answer())
        detail = "ClientConnectionError: the peer answered before it was asked"
        assert await sending == AttemptFailed(detail=detail, was_sent=False)
        assert (await connection.rest())[1]
        await http.close()

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_slowly)
    run(main(), loop)


@pytest.mark.parametrize(
    ("status", "body", "is_backends_own"),
    [
        (404, b'{"error": "Task run not found"}', True),
        (401, b'{"error": "Invalid event ingest token", "code": "x"}', True),
        (409, b'{"error": "gap", "last_accepted_seq": 4}', True),
        (404, b"<html>404</html>", False),
        (403, b"", False),
        (403, b'{"message": "Forbidden"}', False),
        (410, b'{"error": {"code": 410}}', False),
        (404, b'["error"]', False),
        (404, b'{"error": "' + b"x" * 70_000 + b'"}', False),
    ],
)
def test_whose_an_answer_is_is_told(status: int, body: bytes, *, is_backends_own: bool) -> None:
    """The backend's errors are JSON objects with a string `error`; all else may be of a proxy (RTY-6)."""

    async def main(peer: Peer) -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b"body"))
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer(status, body))
        answered = await sending
        assert isinstance(answered, Answered)
        assert answered.is_backends_own is is_backends_own
        await http.close()

    with Peer() as peer:
        run(main(peer))
