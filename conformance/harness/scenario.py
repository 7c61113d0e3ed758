"""Scenarios: each is one attack on a sender, written once and performed in every world.

A scenario's script sees a `Stage`: it opens senders, enqueues, waits, changes the backend, stops. It asserts nothing;
what happened is judged afterwards, from the history. Its times are those of the simulated world; a world in which
time costs time scales them down, and the settings of the senders with them.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec

from conformance.errors import SuiteError
from conformance.evidence.describe import describe_fault
from conformance.evidence.history import (
    History,
    NetworkTrouble,
    RetryAfterAsked,
    SenderOpened,
    StrayRequest,
)
from conformance.evidence.settings import Settings
from conformance.harness.recording import Recording
from conformance.harness.route import DirectRoute
from conformance.harness.staged_sender import StagedSender
from fake_backend import FakeBackend, FaultRule, Limits
from fake_backend.faults import Stall
from fake_backend.records import AnswerSent, RequestStarted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from conformance.evidence.history import WorldName
    from conformance.harness.route import Route
    from conformance.harness.sender import SenderMaker
    from conformance.simulation import Link, Network, Simulation
    from fake_backend.faults import Fault

Factory: TypeAlias = "Callable[[Settings], Any]"
_Amount = TypeVar("_Amount", int, float)

TOKEN = "the-token-of-the-suite"  # noqa: S105 - a token of a fake backend is no secret
_QUIET_AT_THE_END = 1.0
_A_FLOOD = 2_000
_NEWS = 0.1
"""Seconds after which those who hold a connection know that it has ended."""
_READING_LATE = 0.5
"""Seconds after us at which a sender may read the clock that a date is compared with, in real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One attack.

    Args:
        name: Says the attack, in words joined by hyphens.
        rules: The ids of the rules that it attacks. Each must find something to judge in its history.
        story: What happens, in a sentence.
        script: Performs it.
        settings: What differs from the default settings.
        faults: What the backend does wrong, from the start.
        limits: The backend's limits, where they are not the usual.
        stands_at: The last number that the backend has accepted of each run before the scenario begins.
        is_of_the_network: Whether nothing goes wrong but what happens on the way to the backend (`Stage.go_down` and
            `Stage.meets`), so that a proxy can do it as well.
        capability: What a sender must claim to be attacked so.
        ability: What its language must be able to do.
    """

    name: str
    rules: tuple[str, ...]
    story: str
    script: Callable[[Stage], Awaitable[None]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[FaultRule, ...] = ()
    limits: Limits | None = None
    stands_at: int = 0
    is_of_the_network: bool = False
    capability: str | None = None
    ability: str | None = None


class Stage(Recording):
    """What a script sees of the world."""

    def __init__(
        self, scenario: Scenario, make_sender: SenderMaker, *, scale: float, watches_real_time: bool = True
    ) -> None:
        super().__init__(scale=scale, watches_real_time=watches_real_time)
        self._name = scenario.name
        self._make_sender = make_sender
        self._senders = 0
        self.flooded = asyncio.Event()
        """Set when a sender makes more requests than any sender would."""
        self.settings = Settings(url="", token=TOKEN, run_id="", **scenario.settings).scaled(scale)
        self._stands_at = scenario.stands_at
        self.backend = FakeBackend(
            faults=[self.in_this_world(rule) for rule in scenario.faults],
            limits=scenario.limits,
            on_record=self._on_backend_record,
        )
        self.route: Route = DirectRoute(self.backend)
        """How senders get to the backend."""
        self.elsewhere = FakeBackend(on_record=self._on_stray_record)
        self._network: Network | None = None
        self.step_wall_clock: Callable[[float], None] = _leave_the_clock_alone
        """Sets the wall clock forward or back, in the world that has its own; elsewhere it does nothing."""

    def enter(self, simulation: Simulation) -> None:
        """Take the network and the wall clock of a simulated world; without one, time and sockets are real."""
        self._network = simulation.network
        self.step_wall_clock = simulation.step_wall_clock

    # Time.

    def for_long(self, *, simulated: _Amount, real: _Amount) -> _Amount:
        """Return how much of what takes time is worth it: `simulated` if time costs nothing, `real` otherwise."""
        return real if self._network is None else simulated

    async def quiet_end(self) -> None:
        """Leave time for what a sender might still do that it shouldn't."""
        await self.pause(_QUIET_AT_THE_END)

    # Senders.

    async def open(self, run_id: str = "run-1") -> StagedSender:
        """Have the factory make a sender for a run."""
        if self._stands_at:
            self.backend.set_run(run_id, last_accepted_seq=self._stands_at, why="it stands there before the start")
        settings = msgspec.structs.replace(self.settings, url=self.route.ingest_url(run_id), run_id=run_id)
        self._senders += 1
        number = self._senders
        if number == 1:
            self.settings = settings
        # Written before, since a sender may make its first request while it is being made.
        opened = self.write(
            SenderOpened(time=self.now(), sender=number, run_id=run_id, token=TOKEN, capabilities=frozenset())
        )
        sender = await self._make_sender(settings)
        self.complete(opened, capabilities=sender.capabilities)
        return StagedSender(sender, number, recording=self, backend=self.backend, settings=settings)

    # The backend.

    async def go_down(self) -> None:
        """Take the backend away: connections are reset, new ones refused."""
        await self.route.go_down()

    async def come_up(self) -> None:
        """Bring it back."""
        await self.route.come_up()

    @asynccontextmanager
    async def meets(self, fault: Fault) -> AsyncIterator[None]:
        """Have the network do something to all that passes it, until the block is left.

        Every connection ends at both ends of that, so that none is older than what happens to it; and the news of that
        have arrived, so that no sender begins with a request that fails for it.
        """
        rule = self.in_this_world(FaultRule(fault=fault))
        began = self.now()
        trouble = self.write(NetworkTrouble(time=began, what=describe_fault(rule.fault)))
        await self.route.go_down()
        await self.route.come_up(rule)
        try:
            await self.pause(_NEWS)
            yield
        finally:
            await self.route.go_down()
            await self.route.come_up()
            await self.pause(_NEWS)
            self.complete(trouble, seconds=self.now() - began)

    @asynccontextmanager
    async def loses_attempts_to_connect(self) -> AsyncIterator[None]:
        """Lose whatever is sent to make a connection, without a word, until the block is left.

        Real sockets can't do that; there the first request is never read, and its connection stays open.
        """
        if self._network is None:
            self.backend.add_fault(FaultRule(fault=Stall(phase="before-read"), requests=(1,)))
            yield
            return
        began = self.now()
        trouble = self.write(NetworkTrouble(time=began, what="attempts to connect are lost"))
        self.link.stall()
        yield
        for connection in tuple(self.link.connections):
            connection.abandon()
        self.link.release()
        self.complete(trouble, seconds=self.now() - began)

    @property
    def link(self) -> Link:
        """The way to the backend, with what can go wrong on it.

        Raises:
            SuiteError: This isn't the simulated world.
        """
        if self._network is None:
            raise SuiteError(f"{self._name} disturbs the network, which only the simulated world can")
        address = urlsplit(self.backend.url)
        return self._network.link(address.hostname or "", address.port or 0)

    def in_this_world(self, rule: FaultRule) -> FaultRule:
        """A fault with its times as this world has them."""
        return rule.scaled(self._scale)

    # Records.

    def history(self, *, world: WorldName, began: float, round_trip: float, slack: float) -> History:
        """All that was written down, and what is needed to read it."""
        return History(
            scenario=self._name,
            world=world,
            settings=self.settings,
            began=began,
            round_trip=round_trip,
            slack=slack,
            records=tuple(self.records),
        )

    def _on_backend_record(self, record: Any) -> None:
        self.write(record)
        if isinstance(record, RequestStarted) and record.request > _A_FLOOD:
            self.flooded.set()
        if isinstance(record, AnswerSent):
            asked = next((value for name, value in record.headers.items() if name.lower() == "retry-after"), None)
            seconds = _seconds_asked(asked, self.for_long(simulated=0.0, real=_READING_LATE))
            if seconds is not None:
                self.write(RetryAfterAsked(time=record.time, request=record.request, seconds=seconds))

    def _on_stray_record(self, record: Any) -> None:
        if isinstance(record, RequestStarted):
            self.write(
                StrayRequest(
                    time=record.time,
                    origin=urlsplit(self.elsewhere.url).netloc,
                    path=record.path,
                    authorization=record.authorization,
                )
            )


def _leave_the_clock_alone(_seconds: float) -> None:
    pass


def _seconds_asked(value: str | None, late: float) -> float | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None  # neither form, so it asks for nothing
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)  # the oldest of the three forms names no zone; all are in GMT
    return max(at.timestamp() - time.time() - late, 0.0)


def numbered(count: int, *, first: int = 1, text: str = "") -> Iterable[dict[str, Any]]:
    """Events that can be told apart."""
    for number in range(first, first + count):
        yield {"type": "step.done", "n": number, "text": text or f"step {number}"}
