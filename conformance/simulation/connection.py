"""A connection: two ends, a channel each way, and the handshake that makes it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from conformance.simulation.channel import Channel
from conformance.simulation.link import Link, Side
from conformance.simulation.sockets import socket_address
from conformance.simulation.transport import SimulatedTransport, reset_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.simulation.server import SimulatedServer


class Connection:
    """One connection over `link`, from the moment a client asks for it.

    The handshake is TCP's: the client is connected after one round trip, and the server gets to know half a round trip
    later, together with the first bytes. `listener` finds the server that listens at that moment, if there is one.
    """

    def __init__(self, link: Link, client_port: int, listener: Callable[[], SimulatedServer | None]) -> None:
        self._link = link
        self._listener = listener
        self._server_program: SimulatedServer | None = None
        host = link.address[0]
        client_name, server_name = socket_address(host, client_port), socket_address(*link.address)
        to_server, to_client = Channel(link, Side.SERVER), Channel(link, Side.CLIENT)
        self._channels = (to_server, to_client)
        self._client = SimulatedTransport(
            link.loop, to_server, on_lost=self._lost, sockname=client_name, peername=server_name
        )
        self._server = SimulatedTransport(
            link.loop, to_client, on_lost=self._lost, sockname=server_name, peername=client_name
        )
        self._client.peer, self._server.peer = self._server, self._client
        self._established = link.loop.create_future()
        link.connections[self] = None

    async def establish(self) -> SimulatedTransport:
        """Shake hands, and return the client's end, which has no program yet.

        Raises `ConnectionRefusedError` after a round trip if nobody listens, and `ConnectionResetError` if the link is
        reset meanwhile. Cancelled, it leaves nothing behind.
        """
        to_server, _ = self._channels
        to_server.send(self._syn_arrives)
        try:
            await self._established
        except BaseException:
            self._client.abort()
            raise
        return self._client

    def reset(self, seen_by: Side) -> None:
        """Let the ends in `seen_by` see a reset now, and lose what is on its way to them.

        As long as the connection is being made there is nobody at the server's end, and the client's decides.
        """
        to_server, to_client = self._channels
        if self._server_program is None:
            if Side.CLIENT in seen_by:
                self._client.receive_reset()
                self.abandon()
                self._fail(reset_error())
            return
        if Side.SERVER in seen_by:
            to_server.discard()
            self._server.receive_reset()
        if Side.CLIENT in seen_by:
            to_client.discard()
            self._client.receive_reset()

    def half_close(self, seen_by: Side) -> bool:
        """End the streams toward the ends in `seen_by`; return whether the connection has both ends to do so."""
        if self._server_program is None:
            return False
        to_server, to_client = self._channels
        if Side.SERVER in seen_by:
            to_server.send_end(self._server.receive_eof)
        if Side.CLIENT in seen_by:
            to_client.send_end(self._client.receive_eof)
        return True

    def flush_soon(self) -> None:
        """Deliver what has arrived by now, when the loop comes to it."""
        for channel in self._channels:
            self._link.loop.call_soon(channel.flush)

    def abandon(self) -> None:
        """Take both ends away, without either sending a word."""
        for channel in self._channels:
            channel.discard()
        self._client.lose(None)
        self._server.lose(None)

    def describe_backlogs(self) -> Iterator[str]:
        """Describe each end that can't send."""
        for end in (self._client, self._server):
            if end.get_write_buffer_size():
                yield end.describe_backlog()

    def _syn_arrives(self) -> None:
        _, to_client = self._channels
        to_client.send(self._refusal_arrives if self._server_now() is None else self._syn_ack_arrives)

    def _refusal_arrives(self) -> None:
        self.abandon()
        self._fail(ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {self._link.address}"))

    def _syn_ack_arrives(self) -> None:
        if not self._established.done():
            to_server, _ = self._channels
            to_server.send(self._ack_arrives)
            self._established.set_result(None)

    def _ack_arrives(self) -> None:
        server = self._server_now()
        if server is None:
            self._server.abort()
        else:
            self._server_program = server
            server.accept(self._server)

    def _server_now(self) -> SimulatedServer | None:
        return None if self._link.refuses else self._listener()

    def _fail(self, error: OSError) -> None:
        if not self._established.done():
            self._established.set_exception(error)

    def _lost(self, transport: SimulatedTransport) -> None:
        if transport is self._server and self._server_program is not None:
            self._server_program.part_with(transport)
        if self._client.is_gone and self._server.is_gone:
            self._link.connections.pop(self, None)
