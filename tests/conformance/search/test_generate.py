"""A seed and an index make a schedule, the same wherever it is drawn."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.search import Drawer
from conformance.search.strategies import schedules
from fake_backend.faults.keys import KINDS

DRAW = "from conformance.search import Drawer; print([Drawer().draw(7, index) for index in range(20)])"


def test_an_index_is_drawn_the_same_whatever_was_drawn_before() -> None:
    """The schedules of a seed can be drawn in any order, by any process."""
    drawer = Drawer()
    forwards = [drawer.draw(3, index) for index in range(10)]
    assert [Drawer().draw(3, index) for index in reversed(range(10))] == forwards[::-1]


def test_seeds_and_indices_differ() -> None:
    """Another seed, or another index, is another schedule."""
    drawer = Drawer()
    drawn = [repr(drawer.draw(seed, index)) for seed in range(5) for index in range(20)]
    assert len(set(drawn)) == len(drawn)


def test_a_schedule_does_not_depend_on_the_hash_seed() -> None:
    """Two processes with different hash seeds draw the same."""
    drawn = {
        subprocess.run(  # noqa: S603 - our own code
            [sys.executable, "-c", DRAW], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


@pytest.mark.no_cover
@pytest.mark.one_python
def test_all_kinds_of_trouble_are_drawn() -> None:
    """A thousand schedules hold each fault of the backend, each event of the network, and each step."""
    drawer = Drawer()
    drawn = [drawer.draw(1, index) for index in range(1_000)]
    kinds = {str(rule.fault.__struct_config__.tag) for schedule in drawn for rule in schedule.faults}
    assert kinds == set(KINDS)
    events = {str(event.__struct_config__.tag) for schedule in drawn for event in schedule.network}
    assert events == {"reset", "half_close", "stall_link", "refuse", "down", "unreachable"}
    steps = {str(step.__struct_config__.tag) for schedule in drawn for run in schedule.runs for step in run}
    assert steps == {"burst", "trickle", "unserializable", "pause", "settle", "stop"}
    assert {len(schedule.runs) for schedule in drawn} == {1, 2}


def test_the_size_of_schedules_is_chosen() -> None:
    """Who asks for few events and faults gets no more."""
    drawer = Drawer(schedules(most_events=8, most_faults=1))
    drawn = [drawer.draw(1, index) for index in range(100)]
    assert max(len(schedule.faults) for schedule in drawn) == 1
    assert (
        max(step.events for schedule in drawn for run in schedule.runs for step in run if hasattr(step, "events")) == 2
    )
