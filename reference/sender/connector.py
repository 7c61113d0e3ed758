"""Makes the connections of one sender, resets them when they are given up, and looks names up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any

# On Windows the two are half as long.
_LINGER = struct.Struct("HH" if sys.platform == "win32" else "ii")
_ENDS_IN_A_RESET = _LINGER.pack(1, 0)
_ENDS_IN_GOOD_ORDER = _LINGER.pack(0, 0)


class AbortableConnector(aiohttp.TCPConnector):
    """Makes connections whose end is the end: of what they hold unsent, nothing leaves the machine later (DRN-5).

    Aborting a transport drops what asyncio holds. But the kernel may hold megabytes more, and goes on to send them
    when the connection is closed, when the process has exited, and when it was killed. So from when it is made each
    connection has `SO_LINGER` with a time of 0: its end is a reset then, whoever brings it about, and what is unsent
    is dropped. This is switched off only while all has arrived, so that an idle connection is closed in good order.
    """

    def __init__(self, *, ssl: ssl.SSLContext | bool) -> None:
        super().__init__(ssl=ssl, resolver=_resolver(asyncio.get_running_loop()), socket_factory=_lingering_socket)
        self._newest: asyncio.Transport | None = None
        self.is_in_use = False
        """Whether a connection was had since this was last set to False."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        """Get a connection from the pool, or a new one, on which the peer hasn't said anything yet."""
        while True:
            connection = await super().connect(req, traces, timeout)
            is_new = connection.transport is not self._newest
            if is_new and connection.transport is not None:
                self.leave()
                self._newest = connection.transport
                _close_once(connection.transport)
            if connection.protocol is None or not connection.protocol.should_close:
                break
            # What it has said, unasked, would be taken for the answer to this request.
            connection.close()
            if is_new:
                raise aiohttp.ClientConnectionError("the peer answered before it was asked")
        self._linger(_ENDS_IN_A_RESET)
        self.is_in_use = True
        return connection

    def settle(self) -> bool:
        """Let the newest connection end in good order if all that was sent has arrived.

        Return False if it hasn't; where the kernel can't tell, what asyncio holds decides, and the end stays a reset.
        """
        if self._newest is None:
            return True
        unsent = self._newest.get_write_buffer_size() or _unsent_in_kernel(self._newest)
        if unsent == 0:
            self._linger(_ENDS_IN_GOOD_ORDER)
        return not unsent

    def abort(self) -> None:
        """Reset the newest connection."""
        self._linger(_ENDS_IN_A_RESET)
        self.leave()

    def leave(self) -> None:
        """End the newest connection at once, where it hasn't ended: TLS, to be closed, would wait for its peer."""
        if self._newest is not None:
            self._newest.abort()
            self._newest = None

    def _linger(self, how: bytes) -> None:
        if self._newest is not None and (sock := self._newest.get_extra_info("socket")) is not None:
            # One that is closed already has no options.
            with contextlib.suppress(OSError, ValueError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)


def _close_once(transport: asyncio.Transport) -> None:
    """Keep a transport over TLS from being closed twice.

    aiohttp does that where an answer makes no sense. asyncio's then forgets what is below it, and can't be aborted any
    more: it would go on to send what it holds for as long as the peer takes to end TLS, or half a minute.
    """
    if transport.get_extra_info("sslcontext") is None:
        return
    close = transport.close
    # Those of uvloop take no attributes, nor do they need them.
    with contextlib.suppress(AttributeError):
        transport.close = lambda: None if transport.is_closing() else close()  # type: ignore[method-assign]


def _lingering_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ENDS_IN_A_RESET)
    return made


if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

    _COUNT = struct.Struct("i")

    def _unsent_in_kernel(transport: asyncio.Transport) -> int | None:
        """Return how many bytes the peer's machine hasn't acknowledged; None if that can't be known."""
        sock = transport.get_extra_info("socket")
        try:
            (count,) = _COUNT.unpack(ioctl(sock.fileno(), TIOCOUTQ, bytes(_COUNT.size)))
        except (OSError, ValueError, AttributeError):  # it is closed, or isn't the kernel's
            return None
        return int(count)

else:

    def _unsent_in_kernel(_: asyncio.Transport) -> int | None:
        return None


def _resolver(loop: asyncio.AbstractEventLoop) -> AbstractResolver:
    if getattr(type(loop), "getaddrinfo", None) is asyncio.BaseEventLoop.getaddrinfo:
        return DaemonResolver()
    # It has a way of its own, such as uvloop.
    return aiohttp.ThreadedResolver(loop)


class DaemonResolver(AbstractResolver):
    """Looks names up in daemon threads, so that a lookup that hangs doesn't keep the process from exiting.

    asyncio's own lookups are done by the threads of an executor, which are waited for at the end of the process.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def look_up() -> None:
            deliver: Callable[[], None]
            try:
                deliver = partial(found.set_result, _addresses(host, port, family))
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                deliver = partial(found.set_exception, error)
            # The loop may have been closed since.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: None if found.done() else deliver())

        threading.Thread(target=look_up, name="sendproof-resolver", daemon=True).start()
        return await found

    async def close(self) -> None:
        """Do nothing: a lookup can't be ended, and is left alone."""


def _addresses(host: str, port: int, family: int) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            # With the zone, where an address is one of a link; nothing is looked up for it.
            host=socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0],
            port=port,
            family=version,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for version, _, protocol, _, address in found
    ]
