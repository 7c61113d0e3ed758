"""A sender and a fake backend on a simulated network, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from conformance.simulation import Link, Simulation, simulate
from fake_backend import BackendRecord, FakeBackend, FaultRule
from fake_backend.records import LineReceived, RequestStarted
from reference.sender import EventDropped, EventStreamSender, HealthChanged, Notice
from tests.reference.sender.driving import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")
R = TypeVar("R", bound=BackendRecord)

RUN = "run"


class Scene:
    """What a scene has at hand."""

    def __init__(self, sim: Simulation, backend: FakeBackend) -> None:
        self.sim = sim
        self.backend = backend
        self.notices: list[Notice] = []

    def sender(
        self, *, run: str = RUN, on_notice: Callable[[Notice], None] | None = None, **changes: Any
    ) -> EventStreamSender:
        """A sender to a run of the backend; what it tells is in `notices`, unless it is told to somebody else."""
        config = settings(**{"url": self.backend.ingest_url(run), **changes})
        return EventStreamSender(config, on_notice=on_notice or self.notices.append)

    @property
    def link(self) -> Link:
        """The way to the backend."""
        url = urlsplit(self.backend.url)
        assert url.hostname is not None
        assert url.port is not None
        return self.sim.network.link(url.hostname, url.port)

    def accepted(self, run: str = RUN) -> list[Any]:
        """What `n` is in the events that the backend took."""
        return [event["n"] for event in self.backend.run(run).events]

    @property
    def complete(self) -> bool:
        """Whether the run is complete."""
        return self.backend.run(RUN).complete

    def of(self, kind: type[R]) -> list[R]:
        """The records of a kind."""
        return [record for record in self.backend.history if isinstance(record, kind)]

    def numbers(self) -> list[int | None]:
        """The numbers of the lines that came in."""
        return [line.seq for line in self.of(LineReceived)]

    def requests(self) -> list[float]:
        """When each request came in."""
        return [request.time for request in self.of(RequestStarted)]

    def drops(self) -> list[EventDropped]:
        """The drops that were told."""
        return [notice for notice in self.notices if isinstance(notice, EventDropped)]

    def health(self) -> list[str]:
        """The changes of health that were told."""
        return [str(notice.health) for notice in self.notices if isinstance(notice, HealthChanged)]


def play(scene: Callable[[Scene], Awaitable[T]], *, faults: Iterable[FaultRule] = (), **options: Any) -> T:
    """Play a scene; gives what it returns."""

    async def main(sim: Simulation) -> T:
        async with FakeBackend(faults=faults, **options) as backend:
            return await scene(Scene(sim, backend))

    return simulate(main, max_time=10_000)


def enqueue(sender: EventStreamSender, *numbers: int) -> None:
    """Enqueue `{"n": number}` for each."""
    for number in numbers:
        sender.enqueue({"n": number})
