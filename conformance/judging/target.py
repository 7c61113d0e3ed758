"""Who is judged: a factory of this Python, a program behind the adapter protocol, or one that connects to us."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.adapters import AdapterPool, AdapterWorld, ProcessChannel, wait_for_adapter
from conformance.capabilities import ABILITIES
from conformance.errors import AdapterError
from conformance.evidence.index import Index
from conformance.harness.worlds import SimulatedWorld, TcpWorld
from conformance.judging.loading import load_factory
from conformance.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.adapters import Channel
    from conformance.harness.scenario import Factory, Scenario
    from conformance.harness.worlds import World

AT_A_TIME = 8
"""How many scenarios are performed at the same time where time is real: they mostly wait."""

_SIMPLEST = "a-sender-that-never-sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is judged, where, and what it claims."""

    factory: Factory | AdapterPool
    world: World = field(default_factory=SimulatedWorld)
    capabilities: frozenset[str] = frozenset()
    title: str = "a sender"
    option: str = ""
    """How it is named on a command line."""
    abilities: frozenset[str] = ABILITIES

    def reason_to_skip(self, scenario: Scenario) -> str | None:
        """Why a scenario can't be performed with it; None if it can."""
        if scenario.capability is not None and scenario.capability not in self.capabilities:
            return f"the sender does not claim the capability {scenario.capability}"
        if scenario.ability is not None and scenario.ability not in self.abilities:
            return f"the adapter does not claim that its language can do this: {scenario.ability}"
        return None


def target_of_factory(
    factory: Factory, title: str = "a sender", *, real: bool = False, at_a_time: int = AT_A_TIME
) -> Target:
    """A factory, in the simulated world or on real sockets.

    Raises:
        CouldNotJudgeError: It is none, or its sender does what can't be simulated.
    """
    world = TcpWorld(at_a_time=at_a_time) if real else SimulatedWorld()
    simplest = next(scenario for scenario in SCENARIOS if scenario.name == _SIMPLEST)
    return Target(
        title=title,
        option=f"--sender {shlex.quote(title)}" + (" --real" if real else ""),
        factory=factory,
        world=world,
        capabilities=claimed_capabilities(world, factory, simplest),
    )


@contextmanager
def target_of_name(name: str, *, real: bool = False, at_a_time: int = AT_A_TIME) -> Iterator[Target]:
    """The factory of that name, `MODULE:FACTORY`. Raises as `target_of_factory`."""
    yield target_of_factory(load_factory(name), name, real=real, at_a_time=at_a_time)


@contextmanager
def target_of_command(command: str, *, at_a_time: int = AT_A_TIME) -> Iterator[Target]:
    """What is behind the adapter that a command line starts; the adapters are ended with the context.

    Raises:
        AdapterError: It can't be started, or broke the protocol.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise AdapterError(f"{command!r} is no command line: {error}") from error
    if not words:
        raise AdapterError("the command of the adapter is empty")
    if shutil.which(words[0]) is None:
        raise AdapterError(f"the adapter can't be started: {_why_no_program(words[0])}")
    pool = AdapterPool(lambda: ProcessChannel(words), at_a_time=at_a_time)
    with _behind_an_adapter(pool, f"--command {shlex.quote(command)}") as target:
        yield target


def _why_no_program(name: str) -> str:
    path = Path(name)
    if path.is_dir():
        return f"{name!r} is a directory"
    if path.is_file() and os.sep in name:
        return f"{name!r} is not executable; `chmod +x` makes it so"
    here = f"; the file here is './{name}'" if path.is_file() else ""
    return f"there is no program {name!r}{here}"


@contextmanager
def target_of_port(port: int, on_listening: Callable[[int], None]) -> Iterator[Target]:
    """What is behind the adapter that connects to a port of this machine; `on_listening` is told the port.

    Raises:
        AdapterError: The port can't be had, nobody came, or it broke the protocol.
    """

    def attach() -> Channel:
        return wait_for_adapter(port, on_listening)

    with _behind_an_adapter(AdapterPool(attach, at_a_time=1), f"--attach {port}") as target:
        yield target


@contextmanager
def _behind_an_adapter(pool: AdapterPool, option: str) -> Iterator[Target]:
    try:
        with pool.lend() as lent:
            adapter = asyncio.run(lent.introduced())
        yield Target(
            title=adapter.title,
            option=option,
            factory=pool,
            world=AdapterWorld(at_a_time=pool.at_a_time),
            capabilities=adapter.capabilities,
            abilities=adapter.abilities,
        )
    finally:
        pool.close()


def claimed_capabilities(world: World, factory: Factory, scenario: Scenario) -> frozenset[str]:
    """What the senders of a factory claim, found out by opening one in a scenario.

    Raises:
        CouldNotJudgeError: The factory is none, or the sender does what can't be simulated.
    """
    index = Index(world.perform(scenario, factory))
    return next(iter(index.senders.values())).opened.capabilities
