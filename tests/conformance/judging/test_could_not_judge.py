"""What ends a performance comes out of every world as one error, which says what it began as."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapters.world import AdapterWorld
from conformance.capabilities import CAPABILITIES
from conformance.errors import AdapterError, CouldNotJudgeError, SuiteError
from conformance.harness.in_process import maker_of
from conformance.harness.scenario import Scenario
from conformance.harness.worlds import SimulatedWorld, TcpWorld
from conformance.judging.comparison import compare
from conformance.judging.target import Target
from conformance.judging.verdicts import Judgement
from conformance.rules.catalogue import RULES
from conformance.search.generate import Drawer
from conformance.search.run import examine_schedule
from conformance.simulation import DeadlockError, NotSimulatedError
from conformance.testing import SenderConformance
from fake_backend import FakeBackendError
from tests.conformance.mutants.plain_sender import PlainSender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.settings import Settings
    from conformance.harness.scenario import Stage
    from conformance.harness.sender import SenderUnderTest
    from conformance.harness.worlds import World


class Lent:
    """A sender of this process, as a pool of adapters lends it."""

    async def __call__(self, settings: Settings) -> SenderUnderTest:
        """Make it."""
        return await maker_of(PlainSender)(settings)

    def complaints(self) -> tuple[str, ...]:
        """It has none."""
        return ()


class Pool:
    """A pool without a process behind it."""

    @contextmanager
    def lend(self) -> Iterator[Lent]:
        """Lend one."""
        yield Lent()


WORLDS: dict[str, tuple[World, Any]] = {
    "simulated": (SimulatedWorld(), PlainSender),
    "tcp": (TcpWorld(), PlainSender),
    "adapter": (AdapterWorld(at_a_time=1), Pool()),
}


def scenario(script: Any) -> Scenario:
    """A scenario with a script."""
    return Scenario(name="made-by-hand", rules=("DRN-8",), story="A test.", script=script)


async def _breaks_the_backend(_stage: Stage) -> None:
    raise FakeBackendError("it has no URL yet")


async def _waits_for_what_can_not_come(_stage: Stage) -> None:
    await asyncio.get_running_loop().create_future()


async def _sleeps_in_a_thread(stage: Stage) -> None:
    sender = await stage.open()
    await asyncio.to_thread(bool)
    await sender.stop()


@pytest.mark.parametrize("world", WORLDS)
def test_an_error_of_the_backend_comes_out_of_every_world_alike(world: str) -> None:
    """Its message stays as it is; its reason begins with the name that it had, and it is kept as the cause."""
    place, factory = WORLDS[world]
    with pytest.raises(CouldNotJudgeError) as raised:
        place.perform(scenario(_breaks_the_backend), factory)
    assert str(raised.value) == "it has no URL yet"
    assert raised.value.reason == "FakeBackendError: it has no URL yet"
    assert type(raised.value.__cause__) is FakeBackendError


@pytest.mark.parametrize(
    ("script", "cause"),
    [(_waits_for_what_can_not_come, DeadlockError), (_sleeps_in_a_thread, NotSimulatedError)],
)
def test_an_error_of_the_simulation_keeps_its_name(script: Any, cause: type[Exception]) -> None:
    """Who reads the verdict finds it in the simulator's documentation under that name."""
    with pytest.raises(CouldNotJudgeError) as raised:
        SimulatedWorld().perform(scenario(script), PlainSender)
    assert type(raised.value.__cause__) is cause
    assert raised.value.reason == f"{cause.__name__}: {raised.value.__cause__}"


def test_a_broken_contract_is_an_error_of_the_same_root() -> None:
    """An `AdapterError` comes out as it is, so that whoever catches that goes on doing so."""

    def fails(_settings: Any) -> PlainSender:
        raise OSError("no such file")

    async def opens(stage: Stage) -> None:
        await stage.open()

    with pytest.raises(AdapterError) as raised:
        SimulatedWorld().perform(scenario(opens), fails)
    assert isinstance(raised.value, CouldNotJudgeError)
    assert raised.value.reason == "AdapterError: the factory raised OSError: no such file"


@pytest.mark.parametrize("error", [SuiteError("it contradicts itself"), ZeroDivisionError("a mistake of the script")])
def test_a_mistake_of_the_suite_is_not_hidden(error: Exception) -> None:
    """It says nothing of a sender, so no verdict may be made of it."""

    async def fails(_stage: Stage) -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        SimulatedWorld().perform(scenario(fails), PlainSender)


def test_the_reason_crosses_processes() -> None:
    """A search has several, and says in one what happened in another."""
    error = pickle.loads(pickle.dumps(CouldNotJudgeError("no", name="DeadlockError")))  # noqa: S301 - our own
    assert error.reason == "DeadlockError: no"


@pytest.fixture
def broken_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every performance in virtual time ends with an error of the backend."""

    def fails(*_: Any, **__: Any) -> None:
        raise FakeBackendError("it has no URL yet")

    monkeypatch.setattr("conformance.harness.worlds.simulate", fails)


@pytest.mark.usefixtures("broken_backend")
def test_a_search_says_what_the_backend_failed_with() -> None:
    """It is neither a broken rule nor the end of the search's process."""
    examined = examine_schedule(Drawer().draw(seed=1, index=0), PlainSender, RULES)
    assert (examined.error, examined.breaks) == ("FakeBackendError: it has no URL yet", "FakeBackendError")


@pytest.mark.usefixtures("broken_backend")
def test_a_test_of_pytest_says_what_the_backend_failed_with() -> None:
    """It fails with the story and the reason, and shows no traceback of ours."""
    with pytest.raises(
        pytest.fail.Exception, match=r"could not be judged\.\nFakeBackendError: it has no URL yet"
    ) as raised:
        SenderConformance().test_scenario(Target(factory=PlainSender), scenario(_sleeps_in_a_thread))
    assert not raised.value.pytrace


def test_a_world_that_can_not_judge_leaves_the_others_their_say() -> None:
    """A sender that can't be simulated is judged on TCP."""
    [compared] = compare(
        PlainSender,
        scenarios=[scenario(_sleeps_in_a_thread)],
        worlds={"simulator": SimulatedWorld(), "TCP": TcpWorld()},
        rules={"DRN-8"},
        capabilities=CAPABILITIES,
    )
    simulated, tcp = compared.outcomes["simulator"], compared.outcomes["TCP"]
    assert simulated.judgement is Judgement.NOT_JUDGED
    assert (simulated.error or "").startswith("NotSimulatedError: ")
    assert (tcp.judgement, tcp.error) == (Judgement.PASSED, None)


def test_a_world_in_which_a_scenario_was_cut_short_leaves_the_others_their_say() -> None:
    """What would have come is unknown there, and known in the other."""

    async def waits_longer_than_one_world_does(stage: Stage) -> None:
        sender = await stage.open()
        await stage.pause(30)
        await sender.stop()

    [compared] = compare(
        PlainSender,
        scenarios=[scenario(waits_longer_than_one_world_does)],
        worlds={"simulator": SimulatedWorld(), "TCP": TcpWorld(patience=0.05)},
        rules={"DRN-8"},
        capabilities=CAPABILITIES,
    )
    simulated, tcp = compared.outcomes["simulator"], compared.outcomes["TCP"]
    assert simulated.judgement is Judgement.PASSED
    assert tcp.judgement is Judgement.NOT_JUDGED
    assert (tcp.error or "").startswith("AdapterError: the scenario was cut short after 0.05 s")
