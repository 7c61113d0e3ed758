"""What an event loop can do and a simulated one refuses: one table, so that nothing is left to chance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.simulation.errors import NotSimulatedError

REAL_WORLD = {
    "run_in_executor": "running a function in a thread",
    "subprocess_exec": "starting a process",
    "subprocess_shell": "starting a process",
    "add_signal_handler": "waiting for a signal",
    "add_reader": "waiting for a real file to be readable",
    "add_writer": "waiting for a real file to be writable",
    "connect_read_pipe": "reading from a pipe",
    "connect_write_pipe": "writing to a pipe",
    "create_datagram_endpoint": "sending datagrams",
    "create_unix_connection": "connecting to a Unix socket",
    "create_unix_server": "serving on a Unix socket",
    "connect_accepted_socket": "serving a real socket",
    "start_tls": "TLS",
    "sendfile": "sending a file",
    "sock_sendfile": "sending a file",
    "sock_accept": "accepting from a real socket",
    "sock_recv": "reading from a real socket",
    "sock_recv_into": "reading from a real socket",
    "sock_recvfrom": "reading from a real socket",
    "sock_recvfrom_into": "reading from a real socket",
    "sock_sendall": "writing to a real socket",
    "sock_sendto": "writing to a real socket",
    "getnameinfo": "looking up an address",
}
"""The methods of an event loop that reach for the real world, and what a program does that calls them."""


class RealWorldLoop(asyncio.SelectorEventLoop):
    """A selector loop without the real world: each method of `REAL_WORLD` raises `NotSimulatedError`."""

    def not_simulated(self, what: str) -> NotSimulatedError:
        """Make the error of a program that tries `what`, and end the run with it, whatever the program does."""
        raise NotImplementedError


def _refuse(method: str, what: str) -> Callable[..., NoReturn]:
    def refuse(self: RealWorldLoop, *_args: Any, **_options: Any) -> NoReturn:
        raise self.not_simulated(f"{what} (loop.{method})")

    return refuse


for _method, _what in REAL_WORLD.items():
    setattr(RealWorldLoop, _method, _refuse(_method, _what))
