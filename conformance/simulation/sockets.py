"""Stand-ins for the sockets that a program gets from a server or a transport."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def socket_address(host: str, port: int) -> tuple[Any, ...]:
    """Make the address a socket would tell: of four parts in version 6 of IP."""
    return (host, port, 0, 0) if ":" in host else (host, port)


def address(host: str, port: int, *_rest: object) -> str:
    """Write an address as people do."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _TcpSocket:
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, sockname: tuple[Any, ...]) -> None:
        self._sockname = sockname

    @property
    def family(self) -> socket.AddressFamily:
        """The version of IP."""
        return socket.AF_INET6 if ":" in self._sockname[0] else socket.AF_INET

    def getsockname(self) -> tuple[Any, ...]:
        """Return the own address."""
        return self._sockname


class ListeningSocket(_TcpSocket):
    """As much of a socket as a program asks a server for: where it listens."""


class ConnectedSocket(_TcpSocket):
    """As much of a socket as a program asks a transport for: what it is, its addresses, and whether it is readable.

    Options are kept, and do nothing. There is nothing to send or receive with: this is the transport's to do.
    """

    def __init__(self, sockname: tuple[Any, ...], peername: tuple[Any, ...], is_readable: Callable[[], bool]) -> None:
        super().__init__(sockname)
        self._peername = peername
        self._is_readable = is_readable
        self._options: dict[tuple[int, int], Any] = {}
        self._is_closed = False
        self._descriptors: tuple[int, int] | None = None
        self._shows_readable = False

    def getpeername(self) -> tuple[Any, ...]:
        """Return the other end's address."""
        return self._peername

    def setsockopt(self, level: int, option: int, value: Any, _length: int = 0) -> None:
        """Keep an option."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, _length: int = 0) -> Any:
        """Return an option as it was set, or 0."""
        return self._options.get((level, option), 0)

    def gettimeout(self) -> float:
        """Return 0: it doesn't block."""
        return 0.0

    def fileno(self) -> int:
        """Return a file descriptor, or -1 once the connection is lost.

        It is readable if the connection is, at the time of this call: there are bytes, or the end of the stream, that
        the program hasn't got. Pools of connections ask so whether one that was idle may be used again.
        """
        if self._is_closed:
            return -1
        if self._descriptors is None:
            self._descriptors = os.pipe()
        if self._shows_readable != self._is_readable():
            self._shows_readable = not self._shows_readable
            if self._shows_readable:
                os.write(self._descriptors[1], b"!")
            else:
                os.read(self._descriptors[0], 1)
        return self._descriptors[0]

    def close(self) -> None:
        """Have no file descriptor any more: for the transport, when the connection is lost."""
        self._is_closed = True
        if self._descriptors is not None:
            for descriptor in self._descriptors:
                os.close(descriptor)
            self._descriptors = None
