"""Makes one attempt over HTTP, and turns its answer, or an exception of aiohttp, into an input of the core."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING

import aiohttp

from reference.sender import wire
from reference.sender.answers import read_answer
from reference.sender.connector import AbortableConnector
from reference.sender.foreign_text import ForeignText
from reference.sender.types import AttemptFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from yarl import URL

    from reference.sender.config import SenderConfig
    from reference.sender.types import Answered

_log = logging.getLogger("sendproof.sender")

# Time is kept by `PeerClock` alone: aiohttp's own clocks each cover a part, and start again with each part.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
# Up to this size a body is handed over in one piece; aiohttp then needs no task to write it.
_MOST_IN_ONE_PIECE = 64 * 1024


class PeerClock:
    """The one timeout of an attempt (RTY-8). It runs while the peer is waited for, from connecting to the last byte.

    It stands still only while a window that is up to date waits for the next event; then the peer owes nothing.
    """

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds
        self.run()

    def run(self) -> None:
        """Let it run, with the whole time from now if it stood still."""
        if self._timeout.when() is None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def stand_still(self) -> None:
        """Ask nothing of the peer until it runs again."""
        self._timeout.reschedule(None)


class HttpAttempts:
    """Sends requests to one URL over a kept-alive connection, and returns what came of each.

    An attempt that is given up is aborted, so that what it left in a buffer doesn't go out later.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._config = config
        self._foreign = ForeignText([config.token, *(config.route.secrets if config.route else ())])
        self._connector = AbortableConnector(ssl=config.ssl_context or True)
        self._session = aiohttp.ClientSession(
            connector=self._connector, cookie_jar=_NoCookies(), auto_decompress=False, timeout=_NO_TIMEOUT
        )
        self._headers = {
            "Authorization": f"Bearer {config.token}",
            "Content-Type": wire.CONTENT_TYPE,
            "Accept-Encoding": "identity",
        }
        self._proxy = None if config.route is None else config.route.url
        self._proxy_headers: dict[str, str] = {}
        if config.route is not None and config.route.authorization is not None:
            # It is for the proxy alone, which reads requests to http itself, and of those to https the CONNECT.
            headers = self._proxy_headers if config.url.startswith("https:") else self._headers
            headers["Proxy-Authorization"] = config.route.authorization

    async def send(self, body: bytes | Sequence[bytes]) -> Answered | AttemptFailed:
        """Make a request whose body is known, in one piece or in blocks; its head tells its length."""
        blocks = [body] if isinstance(body, bytes) else body
        length = sum(map(len, blocks))
        if length <= _MOST_IN_ONE_PIECE:
            return await self._attempt(lambda _clock: b"".join(blocks), is_sent=lambda: True)
        is_sent = False

        async def in_blocks(_clock: PeerClock) -> AsyncGenerator[bytes, None]:
            nonlocal is_sent
            for block in blocks:
                yield block
            is_sent = True

        # A body that is generated goes out in chunks, unless a length was announced before.
        return await self._attempt(in_blocks, {"Content-Length": str(length)}, is_sent=lambda: is_sent)

    async def stream(
        self, body: Callable[[PeerClock], AsyncGenerator[bytes, None]], *, answer_began: Callable[[], None]
    ) -> Answered | AttemptFailed:
        """Make a request whose body is still coming; `answer_began` is called with the answer's head, maybe earlier."""
        is_sent = False

        async def tracked(clock: PeerClock) -> AsyncGenerator[bytes, None]:
            nonlocal is_sent
            try:
                async for block in body(clock):
                    yield block
            except Exception:
                # aiohttp tells of it as a connection that failed, and of nothing else.
                _log.exception("the body of a window broke in an unexpected way")
                raise
            is_sent = True

        return await self._attempt(tracked, is_sent=lambda: is_sent, answer_began=answer_began)

    async def _attempt(
        self,
        body: Callable[[PeerClock], bytes | AsyncGenerator[bytes, None]],
        headers: Mapping[str, str] | None = None,
        *,
        is_sent: Callable[[], bool],
        answer_began: Callable[[], None] = lambda: None,
    ) -> Answered | AttemptFailed:
        seconds = self._config.request_timeout
        is_reusable = False
        self._connector.is_in_use = False
        try:
            async with asyncio.timeout(None) as timeout:
                clock = PeerClock(timeout, seconds)
                response = await self._session.post(
                    self._config.url,
                    data=body(clock),
                    headers=self._headers if headers is None else {**self._headers, **headers},
                    allow_redirects=False,
                    proxy=self._proxy,
                    proxy_headers=self._proxy_headers,
                )
                try:
                    answer_began()
                    clock.run()
                    if is_sent():
                        # Now, since the connection may be closed with the last byte of the answer.
                        self._connector.settle()
                    answer = await read_answer(response, self._foreign)
                    is_reusable = is_sent() and self._connector.settle()
                finally:
                    response.close()
                return answer
        except TimeoutError:
            return AttemptFailed(detail=f"no answer within {seconds:g} s", was_sent=self._connector.is_in_use)
        except (aiohttp.ClientError, OSError) as error:
            return AttemptFailed(detail=self._foreign.shown_error(error), was_sent=self._connector.is_in_use)
        except Exception as error:  # noqa: BLE001 - whatever breaks an attempt must not end the sender
            shown = self._foreign.shown_error(error)
            # Without the exception, and those behind it, for their texts may be the peer's.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("an attempt broke in an unexpected way; it counts as failed: %s\n%s", shown, where)
            return AttemptFailed(detail=shown)
        finally:
            if not is_reusable:
                self._connector.abort()

    async def close(self) -> None:
        """Close the connection at once; nothing more is sent. Between attempts it is closed in good order."""
        if not self._connector.settle():
            self._connector.abort()
        await self._session.close()
        self._connector.leave()


class _NoCookies(aiohttp.DummyCookieJar):
    """Doesn't look at cookies, not even to say in a log which are wrong."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        pass
