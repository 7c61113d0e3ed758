"""How those who stream learn that something happened, without being held by whom it happens to."""

import asyncio

from fake_backend.connection import Connection


class News:
    """Wakes everybody who waits. What it is about, they look up: so that many news cost those who are slow one look."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def tell(self) -> None:
        """Wake who waits. Costs nothing where nobody does."""
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    async def wait(self, connection: Connection, seconds: float | None) -> bool:
        """Wait for news, for `seconds` at the most; give whether the connection still stands."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait(
            {self._next, connection.lost, connection.cut}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        return is_open(connection)


def is_open(connection: Connection) -> bool:
    """Whether a connection still stands."""
    return not (connection.lost.done() or connection.cut.done())
