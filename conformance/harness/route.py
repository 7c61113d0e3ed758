"""The way from the senders to the backend, and what happens on it: said once by a scenario, done as a world can.

What happens on the way is said as a fault of the backend, whose words are those of the field. On the straight way the
backend does it to every request; through a proxy, the proxy does it to every connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from fake_backend import FakeBackend, FaultRule


class Route(Protocol):
    """How senders get to the backend. It is an async context manager, entered when the backend listens."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def ingest_url(self, run_id: str) -> str:
        """Where the senders of a run are to post."""
        ...

    async def go_down(self) -> None:
        """End every connection, and refuse new ones; writes BackendWentDown."""
        ...

    async def come_up(self, rule: FaultRule | None = None) -> None:
        """Let senders connect again, and meet a fault, or none; writes BackendCameUp."""
        ...


class DirectRoute:
    """Senders connect to the backend itself."""

    def __init__(self, backend: FakeBackend) -> None:
        self._backend = backend
        self._rule: FaultRule | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def ingest_url(self, run_id: str) -> str:
        """Where the senders of a run are to post."""
        return self._backend.ingest_url(run_id)

    async def go_down(self) -> None:
        """End every connection, and refuse new ones."""
        await self._backend.go_down()
        if self._rule is not None:
            self._backend.remove_fault(self._rule)
            self._rule = None

    async def come_up(self, rule: FaultRule | None = None) -> None:
        """Let senders connect again, and meet a fault, or none."""
        if rule is not None:
            self._backend.add_fault(rule)
            self._rule = rule
        await self._backend.come_up()
