"""One attempt over HTTP: the only place that knows aiohttp, and where its exceptions become what the core is told."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import aiohttp

from reference.sender import wire
from reference.sender.messages import Answered, AttemptFailed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from reference.sender.config import SenderConfig

_log = logging.getLogger(__name__)

# Time is kept by `PeerClock` alone: aiohttp's own clocks each cover a part, and start again with each part.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
_MOST_OF_AN_ANSWER = 64 * 1024
_REDIRECTS = range(300, 400)
_SUCCESS = range(200, 300)
# A shorter token is no secret, and may be an ordinary word.
_SHORTEST_SECRET = 8


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
        """Nothing is asked of the peer until it runs again."""
        self._timeout.reschedule(None)


class HttpAttempts:
    """Sends requests to one URL over a kept-alive connection, and tells what came of each.

    An attempt that is given up is aborted, so that what it left in a buffer doesn't go out later.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._config = config
        self._connector = _AbortableConnector(ssl=config.ssl_context or True)
        self._session = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        self._headers = {"Authorization": f"Bearer {config.token}", "Content-Type": wire.CONTENT_TYPE}

    async def send(self, body: bytes | Sequence[bytes]) -> Answered | AttemptFailed:
        """Make a request whose body is known."""
        whole = body if isinstance(body, bytes) else b"".join(body)
        return await self._attempt(lambda _clock: whole, is_sent=lambda: True)

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
                    headers=self._headers,
                    allow_redirects=False,
                    timeout=_NO_TIMEOUT,
                )
                try:
                    answer_began()
                    clock.run()
                    answer = await _read(response, self._config.token)
                    is_reusable = is_sent()
                finally:
                    response.close()
                return answer
        except TimeoutError:
            return AttemptFailed(detail=f"no answer within {seconds:g} s", was_sent=self._connector.is_in_use)
        except (aiohttp.ClientError, OSError) as error:
            return AttemptFailed(detail=f"{type(error).__name__}: {error}", was_sent=self._connector.is_in_use)
        except Exception as error:  # noqa: BLE001 - whatever breaks an attempt must not end the sender
            _log.exception("an attempt broke in an unexpected way; it counts as failed")
            return AttemptFailed(detail=f"{type(error).__name__}: {error}")
        finally:
            if not is_reusable:
                self._connector.abort()

    async def close(self) -> None:
        """Close the connection at once; nothing more is sent."""
        self._connector.abort()
        await self._session.close()


class _AbortableConnector(aiohttp.TCPConnector):
    """Remembers its newest connection, to abort it: a connection that is closed sends what it has buffered first."""

    _newest: asyncio.Transport | None = None
    is_in_use = False
    """Whether a connection was had since this was last set to False."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        self._newest = connection.transport
        self.is_in_use = True
        return connection

    def abort(self) -> None:
        if self._newest is not None:
            self._newest.abort()
            self._newest = None


async def _read(response: aiohttp.ClientResponse, token: str) -> Answered:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MOST_OF_AN_ANSWER:
            break
    status = response.status
    text = bytes(body)
    last, accepted = wire.read_progress(text)
    # Before it is cut to a length, and after, since the token may come in the headers too.
    shown = _without(token, text.decode(errors="replace")).encode()
    return Answered(
        status=status,
        last_accepted_seq=last,
        accepted=accepted,
        is_backends_own=wire.is_backends_own_error(text),
        retry_after=read_retry_after(response.headers.get("Retry-After"), now=time.time()),
        detail=_without(token, _detail(response, shown, last)),
    )


def _without(token: str, text: str) -> str:
    """Whoever repeats a request in an answer must not bring the token into a log (AUTH-1)."""
    return text.replace(token, "…") if len(token) >= _SHORTEST_SECRET else text


def _detail(response: aiohttp.ClientResponse, body: bytes, last: int | None) -> str:
    if response.status in _REDIRECTS:
        return f"redirect to {response.headers.get('Location', 'nowhere')}, which is not followed"
    if response.status in _SUCCESS:
        return "" if last is not None else f"without a last_accepted_seq: {wire.read_error(body)!r}"
    return wire.read_error(body) or response.reason or ""


def read_retry_after(value: str | None, *, now: float) -> float | None:
    """The seconds to wait that a `Retry-After` header asks for, in either of its forms; None if it makes no sense.

    `now` is in seconds since the Unix epoch.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:20])
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        # The oldest of the three forms names no zone; all are in GMT.
        at = at.replace(tzinfo=UTC)
    return max(at.timestamp() - now, 0.0)
