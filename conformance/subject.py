"""Who is judged: a factory of this Python, a program behind the adapter protocol, or one that connects to us."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from conformance.abilities import ABILITIES
from conformance.adapters import AdapterPool, ProcessChannel, wait_for_adapter
from conformance.errors import AdapterError
from conformance.judge import claimed_capabilities
from conformance.plugged import load_factory
from conformance.scenarios import SCENARIOS
from conformance.worlds import SimulatedWorld, TcpWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.adapters import Channel
    from conformance.scenario import Factory
    from conformance.worlds import World

AT_A_TIME = 6
_SIMPLEST = "a-sender-that-never-sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged, where, and what it claims."""

    title: str
    option: str
    """How it was named on the command line."""
    factory: Factory | AdapterPool
    world: World
    capabilities: frozenset[str]
    abilities: frozenset[str] = ABILITIES


@contextmanager
def subject_of(
    sender: str | None, command: str | None, port: int | None, *, real: bool, at_a_time: int
) -> Iterator[Subject]:
    """The one that the options name; what was started for it is ended with the context.

    Raises:
        click.UsageError: They name none, or more than one.
        AdapterError: It is no sender, can't be started, or broke the protocol.
        SimulationError: It does what can't be simulated.
    """
    if (sender, command, port).count(None) != 2:  # noqa: PLR2004 - one of the three is named
        raise click.UsageError(
            "Say who is to be judged, by one of --sender MODULE:FACTORY, such as "
            '--sender reference.adapter:create_sender, --command "node adapter.mjs", or --attach PORT.'
        )
    if sender is not None:
        yield _plugged(sender, real=real, at_a_time=at_a_time)
        return
    pool = _pool_of_processes(command, at_a_time) if command is not None else _pool_of_one(port or 0)
    try:
        yield _behind_an_adapter(pool, _option("--command", command) if command is not None else f"--attach {port}")
    finally:
        pool.close()


def _plugged(sender: str, *, real: bool, at_a_time: int) -> Subject:
    factory = load_factory(sender)
    world = TcpWorld(at_a_time=at_a_time) if real else SimulatedWorld()
    simplest = next(scenario for scenario in SCENARIOS if scenario.name == _SIMPLEST)
    return Subject(
        title=sender,
        option=_option("--sender", sender) + (" --real" if real else ""),
        factory=factory,
        world=world,
        capabilities=claimed_capabilities(world, factory, simplest),
    )


def _behind_an_adapter(pool: AdapterPool, option: str) -> Subject:
    with pool.lend() as lent:
        adapter = asyncio.run(lent.introduced())
    return Subject(
        title=adapter.title,
        option=option,
        factory=pool,
        world=TcpWorld(at_a_time=pool.at_a_time),
        capabilities=adapter.capabilities,
        abilities=adapter.abilities,
    )


def _pool_of_processes(command: str, at_a_time: int) -> AdapterPool:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.BadParameter(f"{command!r} is no command line: {error}.", param_hint="--command") from error
    if not words:
        raise click.BadParameter("it is empty.", param_hint="--command")
    if shutil.which(words[0]) is None:
        raise AdapterError(f"the adapter can't be started: there is no program {words[0]!r}")
    return AdapterPool(lambda: ProcessChannel(words), at_a_time=at_a_time)


def _pool_of_one(port: int) -> AdapterPool:
    def tell(listening: int) -> None:
        click.echo(f"Waiting for an adapter to connect to 127.0.0.1:{listening} …", err=True)

    def attach() -> Channel:
        return wait_for_adapter(port, tell)

    return AdapterPool(attach, at_a_time=1)


def _option(name: str, value: str) -> str:
    return f"{name} {shlex.quote(value)}"
