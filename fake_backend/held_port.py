"""A port that is kept while nobody listens on it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import asyncio


HeldPort: TypeAlias = socket.socket


def hold_port(listener: asyncio.Server) -> HeldPort | None:
    """Stop listening, and keep the port: who connects is refused, and nobody else's server gets it.

    Otherwise the system may give it to the next server that asks for any, and requests for this one would arrive there.
    None where there is no such port: in a simulation, or if somebody was quicker.
    """
    [first, *_] = listener.sockets
    # A socket of the system can be duplicated, and one that stands for it in a simulation can't.
    family = first.family if hasattr(first, "dup") else None
    address = first.getsockname()
    listener.close()
    if family is None:
        return None
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger
        holder.bind(address)
    except OSError:
        holder.close()
        return None
    return holder
