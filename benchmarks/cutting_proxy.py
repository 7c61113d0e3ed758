"""A TCP proxy that knows nothing of what it passes on: it delivers late, and sooner or later cuts each connection.

How a connection goes is drawn for it from the seed and its number. One of four things ends it:

- the upload is cut at a random byte: what came before it is still delivered, after the client has seen the reset;
- the answers are cut at a random byte;
- an answer is swallowed whole, and the client sees a reset in its place;
- the client sees a reset some time after it sent something: all of that is still delivered.

What the client sent is held for a drawn time, in order, whether or not the client is still there. A while behind the
last of it the connection to the backend is closed or reset.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

HOST = "127.0.0.1"
_BLOCK = 64 * 1024
_UPLOAD_BYTES = 5_000
_ANSWER_BYTES = 1_000
_MOST_PIECES = 5
_ENDS_IN_A_RESET = struct.pack("ii", 1, 0)


class End(StrEnum):
    """What ends a connection."""

    UPLOAD_CUT = "uploads cut"
    ANSWER_CUT = "answers cut"
    ANSWER_SWALLOWED = "answers swallowed"
    RESET_WHILE_WAITING = "resets while waiting"


@dataclass(frozen=True, kw_only=True)
class _Fate:
    """How one connection ends: after n bytes, or at the n-th piece, of the direction that it is about."""

    end: End
    bytes: int
    pieces: int
    wait: float

    @classmethod
    def draw(cls, source: random.Random, *, late: float) -> Self:
        end = source.choice(list(End))
        mean = _UPLOAD_BYTES if end is End.UPLOAD_CUT else _ANSWER_BYTES
        return cls(
            end=end,
            bytes=int(source.expovariate(1 / mean)),
            pieces=source.randint(1, _MOST_PIECES),
            wait=source.uniform(0, late),
        )


class CuttingProxy:
    """Listens in front of a backend inside of an `async with` block.

    Args:
        backend_port: Where the backend listens, on this machine.
        late: For how many seconds a piece of a request is held at the most.
        seed: What all that is drawn follows from.
    """

    def __init__(self, backend_port: int, *, late: float, seed: int) -> None:
        self._backend_port = backend_port
        self._late = late
        self._seed = seed
        self._numbers = count()
        self._server: asyncio.Server | None = None
        self._passages: set[asyncio.Task[None]] = set()
        self.ends: Counter[End] = Counter()
        """How many connections it ended, by how."""

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Deliver what is held, and listen no more."""
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._passages)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = random.Random(f"{self._seed}/{next(self._numbers)}")  # noqa: S311 - chance, not secrecy
        task = asyncio.current_task()
        assert task is not None
        self._passages.add(task)
        backend = await asyncio.open_connection(HOST, self._backend_port)
        passage = _Passage((reader, writer), backend, source, late=self._late)
        await passage.run()
        if passage.is_cut:
            self.ends[passage.fate.end] += 1
        self._passages.discard(task)


class _Passage:
    """One connection, from the client to the backend and back."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        backend: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        source: random.Random,
        *,
        late: float,
    ) -> None:
        self._from_client, self._to_client = client
        self._from_backend, self._to_backend = backend
        self._source = source
        self._late = late
        self._held: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        self.fate = _Fate.draw(source, late=late)
        self.is_cut = False

    async def run(self) -> None:
        """Pass on what comes, until both ends are closed."""
        await asyncio.gather(self._take_in(), self._deliver(), self._answer())

    async def _take_in(self) -> None:
        fate = self.fate
        left, pieces = fate.bytes, 0
        with suppress(ConnectionError):
            while not self.is_cut and (piece := await self._from_client.read(_BLOCK)):
                if fate.end is End.UPLOAD_CUT:
                    piece = piece[:left]
                    left -= len(piece)
                self._held.put_nowait((_now() + self._source.uniform(0, self._late), piece))
                pieces += 1
                if fate.end is End.UPLOAD_CUT and left == 0:
                    self._cut()
                elif fate.end is End.RESET_WHILE_WAITING and pieces == fate.pieces:
                    asyncio.get_running_loop().call_later(fate.wait, self._cut)
        self._held.put_nowait(None)

    async def _deliver(self) -> None:
        with suppress(ConnectionError):
            while (held := await self._held.get()) is not None:
                due, piece = held
                await asyncio.sleep(max(0.0, due - _now()))
                self._to_backend.write(piece)
                await self._to_backend.drain()
        await asyncio.sleep(self._source.uniform(0, self._late))
        self._source.choice((_reset, asyncio.StreamWriter.close))(self._to_backend)

    async def _answer(self) -> None:
        fate = self.fate
        left, pieces = fate.bytes, 0
        with suppress(ConnectionError):
            while piece := await self._from_backend.read(_BLOCK):
                pieces += 1
                if fate.end is End.ANSWER_SWALLOWED and pieces == fate.pieces:
                    self._cut()
                elif fate.end is End.ANSWER_CUT:
                    piece = piece[:left]
                    left -= len(piece)
                if not self.is_cut:
                    self._to_client.write(piece)
                    await self._to_client.drain()
                    if fate.end is End.ANSWER_CUT and left == 0:
                        self._cut()
        self._to_client.close()

    def _cut(self) -> None:
        if not self._to_client.is_closing():
            self.is_cut = True
            _reset(self._to_client)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):  # it is closed already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ENDS_IN_A_RESET)
    writer.transport.abort()


def _now() -> float:
    return asyncio.get_running_loop().time()
