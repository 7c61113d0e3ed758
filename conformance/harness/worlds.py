"""The two worlds in which scenarios are performed: virtual time on a simulated network, and real sockets."""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import structs

from conformance.errors import CouldNotJudgeError
from conformance.evidence.history import CutShort, EnqueueCalled
from conformance.harness.in_process import maker_of
from conformance.harness.scenario import Stage
from conformance.simulation import LinkConditions, SimulationError, simulate
from fake_backend import FakeBackendError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from conformance.evidence.history import History, WorldName
    from conformance.evidence.settings import Settings
    from conformance.harness.scenario import Factory, Scenario
    from conformance.harness.sender import SenderMaker
    from conformance.simulation import Simulation

_NEARBY = LinkConditions(latency=0.005)


class World(Protocol):
    """Performs scenarios, so many of them `at_a_time`, each in a thread of its own."""

    at_a_time: int

    @property
    def enough(self) -> int | None:
        """In how many scenarios a rule has to fail so that no more are performed for its sake; None: in all of them."""
        ...

    def perform(self, scenario: Scenario, factory: Any) -> History:
        """Perform a scenario with senders of a factory that suits this world, and give the history.

        Raises:
            CouldNotJudgeError: The sender broke the contract of a factory, or what it is performed in failed.
        """
        ...


class SimulatedWorld:
    """Virtual time: minutes of timeouts and backoff pass in milliseconds, and each time it is the same.

    Python's global source of randomness is seeded by the scenario's name for the time of the performance.
    """

    at_a_time = 1
    enough = None

    def perform(self, scenario: Scenario, factory: Factory) -> History:
        """Perform a scenario; a second time if a call seemed to block, as the machine may have been busy elsewhere.

        Raises:
            CouldNotJudgeError: The sender broke the contract of a factory, did what can't be simulated, waited for what
                can't come, or spins.
        """
        history = perform_simulated(scenario, factory, conditions=_NEARBY, seed=scenario.name)
        if not _blocked(history):
            return history
        # All is the same the second time but real time: what holds a call up in the sender does so again.
        again = perform_simulated(scenario, factory, conditions=_NEARBY, seed=scenario.name)
        return _blocked_in_both(_blocked(history), again)


def _blocked(history: History) -> dict[tuple[int, int], float]:
    """The calls that took conspicuously long in real time, and how many seconds."""
    return {
        (each.sender, each.call): each.blocked_for
        for each in history.records
        if isinstance(each, EnqueueCalled) and each.blocked_for
    }


def _blocked_in_both(before: Mapping[tuple[int, int], float], history: History) -> History:
    """The history, with no call said to have blocked for longer than it did `before`."""
    records = [
        structs.replace(each, blocked_for=min(each.blocked_for, before.get((each.sender, each.call), 0.0)))
        if isinstance(each, EnqueueCalled) and each.blocked_for
        else each
        for each in history.records
    ]
    return structs.replace(history, records=tuple(records))


def perform_simulated(
    scenario: Scenario,
    factory: Factory,
    *,
    conditions: LinkConditions,
    seed: int | str,
    watches_real_time: bool = True,
) -> History:
    """Perform a scenario in virtual time; all randomness, also that of Python's global source, stems from `seed`.

    Only if it `watches_real_time` can a sender be seen that blocks without virtual time passing; the history then isn't
    the same to the byte each time.

    Raises:
        CouldNotJudgeError: The sender broke the contract of a factory, did what can't be simulated, waited for what
            can't come, or spins.
    """
    stage = Stage(scenario, maker_of(factory), scale=1.0, watches_real_time=watches_real_time)

    def main(simulation: Simulation) -> Coroutine[Any, Any, float]:
        stage.enter(simulation)
        return _perform(scenario, stage)

    state = random.getstate()
    random.seed(seed)
    try:
        with _translated():
            simulate(main, conditions=conditions, seed=seed)
    finally:
        random.setstate(state)
    return stage.history(world="simulated", began=0.0, round_trip=_round_trip(conditions, stage.settings), slack=0.0)


def _round_trip(conditions: LinkConditions, settings: Settings) -> float:
    """Seconds that a request and its answer take at the most, while nothing else is on its way."""
    delay = 2 * (conditions.latency + conditions.jitter)
    if conditions.bandwidth is None:
        return delay
    return delay + 2 * max(settings.max_window_bytes, settings.max_event_bytes) / conditions.bandwidth


class TcpWorld:
    """Real time and real sockets on this machine's loopback, with the times scaled down.

    The scenarios mostly wait, so several are performed at the same time, each with an event loop of its own.

    Args:
        at_a_time: How many.
        scale: What the times of scripts and settings are multiplied with.
        slack: How many seconds late a busy machine of two cores may be.
        patience: After how many seconds a scenario is cut short, of which none takes a third with a sender that
            doesn't keep its caller waiting.
    """

    name: WorldName = "tcp"
    round_trip = 0.02
    enough = 3

    def __init__(self, *, at_a_time: int = 8, scale: float = 0.25, slack: float = 0.3, patience: float = 30.0) -> None:
        self.at_a_time = at_a_time
        self.scale = scale
        self.slack = slack
        self.patience = patience

    def perform(self, scenario: Scenario, factory: Factory) -> History:
        """Perform a scenario.

        Raises:
            CouldNotJudgeError: The sender broke the contract of a factory, or the backend or a proxy failed.
        """
        return self.perform_with(maker_of(factory), scenario)

    def perform_with(self, make_sender: SenderMaker, scenario: Scenario) -> History:
        """Perform a scenario with senders that are made in another way than by a factory of this process.

        Raises:
            CouldNotJudgeError: A sender did what isn't agreed, or the backend or a proxy failed.
        """
        stage = self._stage(scenario, make_sender)
        with _translated():
            began = asyncio.run(_perform(scenario, stage, patience=self.patience))
        return stage.history(world=self.name, began=began, round_trip=self.round_trip, slack=self.slack)

    def _stage(self, scenario: Scenario, make_sender: SenderMaker) -> Stage:
        return Stage(scenario, make_sender, scale=self.scale)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what ends a performance as a `CouldNotJudgeError`, whichever part it comes from; an `AdapterError` is one.

    Nothing else is: an error of the suite or of a script is one to fix.
    """
    try:
        yield
    except (SimulationError, FakeBackendError) as error:
        raise CouldNotJudgeError(str(error), name=type(error).__name__) from error


async def _perform(scenario: Scenario, stage: Stage, *, patience: float | None = None) -> float:
    began = asyncio.get_running_loop().time()
    async with stage.elsewhere, stage.backend, stage.route:
        script = asyncio.ensure_future(_script(scenario, stage))
        flood = asyncio.ensure_future(stage.flooded.wait())
        over, _ = await asyncio.wait({script, flood}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        flood.cancel()
        if script.done():
            script.result()
        else:
            # What has come until here is enough to judge, or has to be.
            script.cancel()
            if patience is not None and not over:
                stage.write(CutShort(time=stage.now(), seconds=patience, waiting_for=tuple(stage.waiting_for)))
    return began


async def _script(scenario: Scenario, stage: Stage) -> None:
    await scenario.script(stage)
    await stage.quiet_end()
