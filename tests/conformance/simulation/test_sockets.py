"""What stands for a connection's socket tells what a socket would, and can do no more."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from typing import TYPE_CHECKING

import pytest

from conformance.simulation import Simulation, simulate
from tests.conformance.simulation.recorder import HOST, PORT, a_connection

if TYPE_CHECKING:
    from conformance.simulation.sockets import ConnectedSocket
    from tests.conformance.simulation.recorder import Recorder


def socket_of(end: Recorder) -> ConnectedSocket:
    """Return what stands for the socket of a connection's end."""
    sock: ConnectedSocket = end.transport.get_extra_info("socket")
    return sock


def is_readable(sock: ConnectedSocket) -> bool:
    """Ask the operating system, as pools of connections do."""
    return bool(select.select([sock.fileno()], [], [], 0)[0])


def test_a_socket_tells_what_it_is_and_its_addresses() -> None:
    """It is TCP, and the two ends are each other's peers."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        sock = socket_of(client)
        assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert sock.getpeername() == socket_of(server).getsockname() == (HOST, PORT)
        assert sock.getsockname() == socket_of(server).getpeername()
        assert sock.gettimeout() == 0.0

    simulate(main)


def test_a_socket_keeps_its_options() -> None:
    """As libraries set them; one that wasn't set is 0."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        socket_of(client).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert socket_of(client).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert socket_of(client).getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        assert socket_of(server).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0

    simulate(main)


@pytest.mark.parametrize("operation", ["recv", "send", "sendall", "connect", "accept", "shutdown"])
def test_a_socket_neither_sends_nor_receives(operation: str) -> None:
    """There is no such method, and nothing that would look like success."""

    async def main(_: Simulation) -> bool:
        client, _server = await a_connection()
        return hasattr(socket_of(client), operation)

    assert not simulate(main)


def test_its_file_descriptor_is_readable_while_something_is_unread() -> None:
    """Bytes that wait, and then the end of the stream; without them it isn't."""

    async def main(_: Simulation) -> None:
        client, server = await a_connection()
        sock = socket_of(client)
        assert not is_readable(sock)
        client.transport.pause_reading()
        server.transport.write(b"x")
        await asyncio.sleep(1)
        assert is_readable(sock)
        assert is_readable(sock)
        client.transport.resume_reading()
        await asyncio.sleep(1)
        assert not is_readable(sock)
        client.transport.pause_reading()
        server.transport.close()
        await asyncio.sleep(1)
        assert is_readable(sock)

    simulate(main)


def test_its_file_descriptor_goes_with_the_connection() -> None:
    """After that it is -1, whether or not anybody had asked before; and none is left open."""

    async def main(sim: Simulation) -> int:
        client, server = await a_connection()
        descriptor = socket_of(client).fileno()
        sim.network.reset_all()
        await asyncio.sleep(0)
        assert socket_of(client).fileno() == socket_of(server).fileno() == -1
        return descriptor

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(simulate(main))
