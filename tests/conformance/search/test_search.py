"""The search finds what is broken, shows the smallest case, and does the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.evidence.history import BackendWentDown, EnqueueCalled, NetworkTrouble
from conformance.rules.catalogue import RULES, rule_of
from conformance.search import Drawer, Recorded, Schedule, examine_schedule, perform, search, search_in_parts, shrink
from conformance.search.schedule import (
    Burst,
    Down,
    HalfClose,
    Pause,
    Refuse,
    Reset,
    Settle,
    StallLink,
    Stop,
    Trickle,
    Unreachable,
)
from fake_backend import FaultRule, ResetPeer
from reference.adapter import create_sender
from tests.conformance.mutants import MUTANTS

if TYPE_CHECKING:
    from conformance.search import Examined
    from conformance.search.schedule import NetworkEvent

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

REFERENCE = "reference.adapter:create_sender"
LOST_ANSWER = FaultRule(fault=ResetPeer(phase="after-accept"), of="data", requests=(1,))
ONCE_BLAMED = Path(__file__).parent / "once_blamed"
BROKEN = "tests.conformance.mutants.delivery:RenumbersAfterAReset"


def mutant(name: str) -> Any:
    """The broken sender of that name."""
    return next(mutant.make for mutant in MUTANTS if mutant.name == name)


def first_found(name: str, rule: str) -> tuple[Examined, Examined]:
    """The first schedule under which a mutant breaks a rule, as it was drawn and as it was shrunk."""
    rules = (rule_of(rule),)
    searched = search(mutant(name), rules, seed=1, indices=range(2_000))
    assert searched.found is not None
    assert searched.index is not None
    return searched.found, shrink(mutant(name), rules, searched.found, seed=1, index=searched.index)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("RenumbersAfterAReset", "DLV-2"),
        ("ReordersOnRetry", "DLV-3"),
        ("NeverCompletes", "DRN-1"),
        ("TakesAnySuccessForAnAcknowledgement", "DLV-6"),
        ("StopIgnoresItsDeadline", "DRN-3"),
    ],
)
def test_a_broken_sender_is_found_and_its_schedule_is_made_small(name: str, rule: str) -> None:
    """At most three faults and five events are left of what broke the rule."""
    found, smallest = first_found(name, rule)
    assert {violation.rule for violation in smallest.violations} == {rule}
    assert smallest.schedule.troubles <= 3
    assert smallest.schedule.events <= 5
    assert (smallest.schedule.troubles, smallest.schedule.events) <= (found.schedule.troubles, found.schedule.events)


def test_shrinking_takes_the_same_course_each_time() -> None:
    """What is left of a schedule depends on nothing but the schedule and the sender."""
    ways = [first_found("ReordersOnRetry", "DLV-3")[1] for _ in range(2)]
    assert all(way.schedule == ways[0].schedule for way in ways)


def test_the_reference_sender_breaks_nothing() -> None:
    """A correct sender gets through a few hundred schedules; many thousands are for the command."""
    searched = search(create_sender, RULES, seed=2, indices=range(300))
    assert searched.found is None, searched.index
    assert searched.schedules == 300


@pytest.mark.parametrize("path", sorted(ONCE_BLAMED.glob("*.json")), ids=lambda path: path.stem)
def test_a_correct_sender_is_blamed_no_more(path: Path) -> None:
    """Schedules under which the judge once blamed the reference sender, wrongly: nothing it could do would help."""
    examined = examine_schedule(Recorded.read(path).schedule, create_sender, RULES)
    assert examined.violations == ()
    assert examined.breaks is None


def test_a_schedule_takes_the_same_course_each_time() -> None:
    """All that happened is the same, to the byte."""
    drawer = Drawer()
    for index in range(20):
        schedule = drawer.draw(5, index)
        assert perform(schedule, create_sender).to_json() == perform(schedule, create_sender).to_json()


def test_the_number_of_jobs_changes_nothing() -> None:
    """Parts that are performed elsewhere give the same digest, in the same order."""
    alone, together = (
        [part.digest for part in search_in_parts(REFERENCE, (), seed=4, schedules=60, jobs=jobs)] for jobs in (1, 2)
    )
    assert alone == together
    assert len(alone) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_first_schedule_that_breaks_a_rule_ends_the_search(jobs: int) -> None:
    """Later parts are given up, and it is the first one that is told."""
    parts = list(search_in_parts(BROKEN, ("DLV-2",), seed=1, schedules=1_000, jobs=jobs))
    assert [part.found is not None for part in parts] == [False] * (len(parts) - 1) + [True]
    expected = search(mutant("RenumbersAfterAReset"), (rule_of("DLV-2"),), seed=1, indices=range(1_000))
    assert parts[-1].index == expected.index


def test_a_sender_that_can_not_be_judged_is_found_as_well() -> None:
    """A sender that breaks the contract of a factory ends the search with what it did."""

    def make(_: Any) -> Any:
        raise RuntimeError("no sender today")

    searched = search(make, RULES, seed=1, indices=range(10))
    assert searched.found is not None
    assert searched.found.breaks == "AdapterError"
    assert "no sender today" in (searched.found.error or "")


@pytest.mark.parametrize(
    "event",
    [
        Reset(at=0.1),
        Reset(at=0.1, seen_by="sender"),
        Reset(at=0.1, seen_by="backend"),
        StallLink(at=0.1, seconds=4.0),
        StallLink(at=0.1, seconds=4.0, toward="sender"),
        StallLink(at=0.1, seconds=4.0, toward="backend"),
        Refuse(at=0.0, seconds=1.0),
        Down(at=0.1, seconds=1.0),
        Unreachable(at=0.1, seconds=4.0),
        HalfClose(at=0.1),
        HalfClose(at=0.1, seen_by="backend"),
    ],
    ids=repr,
)
def test_the_reference_sender_survives_each_event_of_the_network(event: NetworkEvent) -> None:
    """All is delivered in the end, and the event is in the history."""
    schedule = Schedule(
        runs=((Trickle(events=20, every=0.02), Settle(), Stop(), Pause(seconds=0.1), Burst(events=1)),),
        network=(event,),
        faults=(LOST_ANSWER,),
    )
    examined = examine_schedule(schedule, create_sender, RULES)
    assert examined.violations == ()
    assert examined.history is not None
    assert any(isinstance(each, NetworkTrouble | BackendWentDown) for each in examined.history.records)
    outcomes = [each.outcome for each in examined.history.records if isinstance(each, EnqueueCalled)]
    assert outcomes == ["accepted"] * 20 + ["closed"]
