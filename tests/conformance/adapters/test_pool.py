"""Which adapter a scenario gets: one that was used before, or a fresh one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapters import AdapterPool
from conformance.errors import AdapterError
from tests.conformance.adapters.test_remote import SETTINGS, Scripted, but, faithful

if TYPE_CHECKING:
    from collections.abc import Callable


class Started:
    """Counts what was started, and remembers it."""

    def __init__(self, answer: Callable[[dict[str, Any]], list[Any]] = faithful) -> None:
        self.channels: list[Scripted] = []
        self.pool = AdapterPool(self.start, at_a_time=2)
        self._answer = answer

    def start(self) -> Scripted:
        """Start one more."""
        self.channels.append(Scripted(self._answer))
        return self.channels[-1]

    def a_scenario(self, *, is_stopped: bool = True) -> None:
        """Open a sender, and stop it or not."""

        async def perform() -> None:
            sender = await lent(SETTINGS)
            if is_stopped:
                await sender.stop(complete=True)

        with self.pool.lend() as lent:
            asyncio.run(perform())


def test_an_adapter_is_used_again() -> None:
    """It says hello once, and is ended with the pool."""
    started = Started()
    for _ in range(3):
        started.a_scenario()
    [channel] = started.channels
    assert [request["type"] for request in channel.sent].count("hello") == 1
    assert not channel.is_ended
    started.pool.close()
    assert channel.is_ended


def test_an_adapter_with_a_sender_at_work_is_used_no_more() -> None:
    """Its sender might go on for a backend that is gone."""
    started = Started()
    started.a_scenario(is_stopped=False)
    started.a_scenario()
    first, second = started.channels
    assert first.is_ended
    assert not second.is_ended


def test_an_adapter_that_failed_is_replaced() -> None:
    """Its failure is that of one scenario."""
    started = Started(but("stop", None))
    for _ in range(2):
        with pytest.raises(AdapterError, match="the adapter went away, while stop waited"):
            started.a_scenario()
    assert [channel.is_ended for channel in started.channels] == [True, True]


def test_two_scenarios_at_the_same_time_have_an_adapter_each() -> None:
    """One is never lent twice."""
    started = Started()
    with started.pool.lend() as one, started.pool.lend() as other:
        first, second = asyncio.run(one.introduced()), asyncio.run(other.introduced())
    assert first is not second
    assert len(started.channels) == 2


def test_what_was_never_asked_for_is_never_started() -> None:
    """A scenario that opens no sender costs no process."""
    started = Started()
    with started.pool.lend():
        pass
    started.pool.close()
    assert started.channels == []
