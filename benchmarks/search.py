"""How many schedules a second the random search gets through, and how long the check of a sender takes.

A schedule here has ten faults, drawn as the search draws them, and a given number of events, in three bursts: one of
larger events, one after a pause, and one when all before is delivered. Each is drawn, performed with the reference
sender, and every rule is held against its history. All of it happens in one process, on one core, whose own time is
what counts: nothing is waited for. How cost grows with the number of events is shown by a figure of its own.
"""

from __future__ import annotations

import logging
from itertools import count
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from benchmarks.figures import Figure, Goal
from conformance.capabilities import CAPABILITIES
from conformance.harness.worlds import SimulatedWorld
from conformance.judging.judge import judge
from conformance.judging.target import Target
from conformance.rules.catalogue import RULES
from conformance.scenarios import SCENARIOS
from conformance.search import Drawer, Schedule, examine_schedule, perform
from conformance.search.schedule import Burst, Pause, Settle
from conformance.search.strategies import NETWORK, WIRES
from conformance.search.strategies import RULES as FAULT_RULES
from reference.adapter import create_sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

_EVENTS = 200
_FEW_EVENTS = 100
_MANY_EVENTS = 800
_FAULTS = 10
_SCHEDULES_A_ROUND = 100
_SEED = 1


def schedules(rounds: int) -> Figure:
    """Measure schedules a second, from the seed to the verdict, beside the same ones that are only performed."""
    judged: list[float] = []
    performed: list[float] = []
    drawn = _drawn(_EVENTS)
    with _Quiet():
        for _ in range(rounds):
            begun = process_time()
            batch = [next(drawn) for _ in range(_SCHEDULES_A_ROUND)]
            drawing = process_time() - begun
            begun = process_time()
            for schedule in batch:
                perform(schedule, create_sender)
            performed.append(_SCHEDULES_A_ROUND / (process_time() - begun))
            judged.append(_SCHEDULES_A_ROUND / (drawing + _seconds(batch)))
    return Figure(
        what=f"search: schedules of {_EVENTS} events and {_FAULTS} faults, drawn, performed and judged by every rule",
        beside="the same schedules, only performed",
        unit="schedules/s",
        measured=median(judged),
        yardstick=median(performed),
        ratio=median(judged),
        goal=Goal(at_least=100),
        samples={"judged": judged, "performed": performed},
    )


def growth(rounds: int) -> Figure:
    """Measure what an event costs in a schedule of many, beside one in a schedule of few."""
    few: list[float] = []
    many: list[float] = []
    drawn_few, drawn_many = _drawn(_FEW_EVENTS), _drawn(_MANY_EVENTS)
    each = _SCHEDULES_A_ROUND // 2
    with _Quiet():
        for _ in range(rounds):
            few.append(_seconds([next(drawn_few) for _ in range(each)]) / each / _FEW_EVENTS * 1e6)
            many.append(_seconds([next(drawn_many) for _ in range(each)]) / each / _MANY_EVENTS * 1e6)
    return Figure(
        what=f"search: an event in a schedule of {_MANY_EVENTS}",
        beside=f"an event in a schedule of {_FEW_EVENTS}",
        unit="µs",
        measured=median(many),
        yardstick=median(few),
        ratio=median(many) / median(few),
        goal=Goal(at_most=1.25),
        samples={"few": few, "many": many},
    )


def check(rounds: int) -> Figure:
    """Measure the whole check of the reference sender, beside performing its scenarios."""
    judged: list[float] = []
    performed: list[float] = []
    world = SimulatedWorld()
    with _Quiet():
        for _ in range(rounds):
            begun = perf_counter()
            judge(Target(factory=create_sender, world=world, capabilities=CAPABILITIES), scenarios=SCENARIOS)
            judged.append(perf_counter() - begun)
            begun = perf_counter()
            for scenario in SCENARIOS:
                world.perform(scenario, create_sender)
            performed.append(perf_counter() - begun)
    return Figure(
        what=f"check: {len(RULES)} rules, {len(SCENARIOS)} scenarios in virtual time",
        beside="the scenarios, performed and not judged",
        unit="s",
        measured=median(judged),
        yardstick=median(performed),
        ratio=median(judged),
        goal=Goal(at_most=20),
        samples={"judged": judged, "performed": performed},
    )


def _drawn(events: int) -> Iterator[Schedule]:
    drawer = Drawer(_with_events(events))
    return (drawer.draw(_SEED, index) for index in count())


def _with_events(events: int) -> SearchStrategy[Schedule]:
    tenth = events // 10
    run = (
        Burst(events=3 * tenth, size=100),
        Pause(seconds=0.5),
        Burst(events=4 * tenth),
        Settle(),
        Burst(events=3 * tenth),
    )
    return st.builds(
        Schedule,
        runs=st.just((run,)),
        faults=st.lists(FAULT_RULES, min_size=_FAULTS, max_size=_FAULTS).map(tuple),
        network=st.lists(NETWORK, max_size=2).map(tuple),
        wire=WIRES,
    )


def _seconds(batch: list[Schedule]) -> float:
    begun = process_time()
    for schedule in batch:
        examine_schedule(schedule, create_sender, RULES)
    return process_time() - begun


class _Quiet:
    """Keeps what the sender logs to itself, which would otherwise be part of what is measured."""

    def __enter__(self) -> None:
        logging.disable(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        logging.disable(logging.NOTSET)
