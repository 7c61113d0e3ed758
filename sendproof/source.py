"""Reads the input in a thread of its own: a producer that is slow, or asleep, holds up nothing else."""

from __future__ import annotations

import asyncio
import os
import select
import stat
import threading
from typing import IO

_CHUNK_BYTES = 64 * 1024
_CHUNKS_AHEAD = 4


class Source:
    """Chunks of bytes from a file, a pipe or a terminal, each as soon as it is there.

    No more than a few are read ahead. The thread is a daemon and reads past Python's buffer and its lock, so that a
    process can end while it waits for a producer.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream: IO[bytes] = getattr(stream, "raw", stream)
        self._chunks: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._has_ended = asyncio.Event()
        self.size = _size_left(stream)
        """How many bytes there are to read, or None where only the end will tell."""

    async def end(self) -> None:
        """Wait until the end was read ahead: what `read` hasn't given yet is all there is."""
        self._start()
        await self._has_ended.wait()

    async def read(self) -> bytes:
        """Return the next chunk; an empty one at the end. Raises OSError if it can't be read."""
        self._start()
        chunk = await self._chunks.get()
        self._room.release()
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        """Read no more. What was read ahead is still given, then the end."""
        self._is_closed = True
        self._take(b"")
        self._room.release()

    def _start(self) -> None:
        if self._thread is None:
            arguments = (asyncio.get_running_loop(),)
            self._thread = threading.Thread(
                target=self._read_ahead, args=arguments, name="sendproof-source", daemon=True
            )
            self._thread.start()

    def _read_ahead(self, loop: asyncio.AbstractEventLoop) -> None:
        chunk: bytes | Exception = b"-"
        while chunk and not isinstance(chunk, Exception):
            self._room.acquire()
            if self._is_closed:
                return
            try:
                chunk = self._read_chunk()
            except (OSError, ValueError) as error:  # a ValueError: the file was closed under it
                chunk = error
            try:
                loop.call_soon_threadsafe(self._take, chunk)
            except RuntimeError:
                return  # the loop is closed: nobody waits for it any more

    def _take(self, chunk: bytes | Exception) -> None:
        self._chunks.put_nowait(chunk)
        if not chunk or isinstance(chunk, Exception):
            self._has_ended.set()

    def _read_chunk(self) -> bytes:
        while True:
            # None: whoever shares this pipe or terminal has made it non-blocking.
            chunk: bytes | None = self._stream.read(_CHUNK_BYTES)
            if chunk is not None:
                return chunk
            select.select([self._stream], [], [])


def _size_left(stream: IO[bytes]) -> int | None:
    try:
        status = os.fstat(stream.fileno())
        return max(status.st_size - stream.tell(), 0) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None
