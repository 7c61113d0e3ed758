"""The table of products: each combination of its axes is attacked, or is not for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final, get_args

import pytest

from conformance.harness.worlds import SimulatedWorld
from conformance.scenarios import SCENARIOS
from conformance.scenarios.products import TABLE
from conformance.scenarios.rows import Combination, Meets, Next, Row
from fake_backend.faults import Latency, Phase, RequestKind
from fake_backend.records import FaultStruck
from reference.adapter import create_sender

if TYPE_CHECKING:
    from conformance.harness.scenario import Scenario

EMPTY: Final = (201, 202, 204, 206)
REDIRECTS: Final = (302, 307, 308)
FINAL: Final = (401, 403, 404, 410)
TRANSIENT: Final = (408, 429, 500, 502, 503, 504)
STATUSES: Final = (200, *EMPTY, *REDIRECTS, 400, *FINAL, 409, 413, *TRANSIENT)
MEETS: Final[tuple[Meets, ...]] = (*STATUSES, "reset", "stall")
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
KINDS: Final[tuple[RequestKind, ...]] = ("sync", "data", "completion")
NEXT: Final[tuple[Next, ...]] = get_args(Next)

PRODUCT: Final = frozenset(
    Combination(meets=meets, phase=phase, of=of, next=then)
    for meets, phase, of, then in product(MEETS, PHASES, KINDS, NEXT)
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the product, and what there is to say of all of it."""

    of: tuple[RequestKind, ...]
    says: str
    next: tuple[Next, ...] = NEXT
    phases: tuple[Phase, ...] = PHASES
    meets: tuple[Meets, ...] = MEETS

    def __contains__(self, each: Combination) -> bool:
        return each.of in self.of and each.next in self.next and each.phase in self.phases and each.meets in self.meets


IMPOSSIBLE: Final = (
    Part(of=("completion",), next=("goes on", "streams"), says="a completion is sent by stop alone"),
    Part(of=("sync", "completion"), phases=("after-lines",), says="it has no lines"),
    Part(of=KINDS, phases=("in-answer",), meets=STATUSES, says="its status is out before"),
    Part(
        of=("sync",),
        phases=("after-accept",),
        meets=(*STATUSES, "reset"),
        says="nothing of it is taken, so that it is the same as before-accept",
    ),
)

BY_HAND: Final = (
    Part(of=("sync",), next=("goes on",), phases=("before-accept",), meets=(307,), says="redirected-to-another-origin"),
    Part(
        of=("sync",),
        next=("goes on",),
        phases=("before-accept",),
        meets=(503,),
        says="a-run-that-stands-at-42-and-does-not-say-so",
    ),
    Part(
        of=("sync",),
        next=("goes on",),
        phases=("before-read",),
        meets=("reset",),
        says="connections-that-are-reset-at-once",
    ),
    Part(of=("data",), next=("goes on",), phases=("before-accept",), meets=(409,), says="a-409-that-is-ahead"),
    Part(
        of=("data",),
        next=("goes on",),
        phases=("before-accept",),
        meets=(413,),
        says="a-proxy-that-takes-no-large-request",
    ),
    Part(
        of=("data",), next=("stops",), phases=("after-accept",), meets=("reset",), says="stopped-while-answers-are-lost"
    ),
    Part(
        of=("data",),
        next=("stops",),
        phases=("after-lines",),
        meets=("reset",),
        says="lines-that-go-on-being-taken-during-a-drain",
    ),
    Part(
        of=("completion",),
        phases=("before-accept",),
        meets=(307,),
        next=("stops",),
        says="a-completion-that-is-redirected",
    ),
    Part(
        of=("completion",),
        next=("stops",),
        phases=("before-accept",),
        meets=(408, 500, "reset"),
        says="a-completion-that-fails-five-times",
    ),
    Part(
        of=("completion",),
        next=("stops",),
        phases=("after-accept",),
        meets=(504,),
        says="a-completion-of-which-nobody-will-tell",
    ),
)
"""What scenarios attack that are no row of the table, by their names."""

OPEN: Final = (
    Part(of=("data",), next=("goes on",), meets=STATUSES, says="a status in a phase that its row doesn't have"),
    Part(of=("data",), next=("streams",), says="open windows meet resets and a late 504, and nothing else"),
    Part(of=("data",), next=("stops",), says="a drain meets few statuses, and resets at two points of a window alone"),
    Part(of=("sync",), next=("goes on", "streams"), says="a question meets few statuses, and neither cut nor stall"),
    Part(of=("sync",), next=("stops",), says="stop meets a question with few statuses, and with stalls"),
    Part(of=("completion",), next=("stops",), says="a completion meets some statuses, most of them before it is taken"),
)
"""What is possible, and attacked by nothing yet."""

MISSING: Final = 416
"""How many combinations that is: a row that is added makes it less, and one that is lost would make it more."""


def attacked() -> frozenset[Combination]:
    """All that a row of the table or a scenario by hand attacks."""
    by_row = {combination for row in TABLE for combination in row.combinations()}
    return frozenset(by_row | {each for each in PRODUCT if any(each in part for part in BY_HAND)})


def test_the_table_has_no_value_that_its_axes_do_not_have() -> None:
    """Whatever a row attacks is a combination of the product."""
    assert {combination for row in TABLE for combination in row.combinations()} <= PRODUCT


def test_nothing_that_is_attacked_is_impossible() -> None:
    """What is said to be impossible isn't performed all the same."""
    assert [each for each in attacked() if any(each in part for part in IMPOSSIBLE)] == []


def test_each_combination_is_attacked_or_is_not_for_a_reason() -> None:
    """It is attacked, or impossible, or among those that are open; and as many are open as are said to be."""
    missing = {each for each in PRODUCT - attacked() if not any(each in part for part in IMPOSSIBLE)}
    assert [each for each in missing if not any(each in part for part in OPEN)] == []
    assert len(missing) == MISSING


@pytest.mark.parametrize("part", OPEN, ids=lambda part: part.says)
def test_what_is_said_to_be_open_is(part: Part) -> None:
    """A part that is attacked as a whole by now isn't kept among those that are open."""
    assert [each for each in PRODUCT - attacked() if each in part]


@pytest.mark.parametrize("part", BY_HAND, ids=lambda part: part.says)
def test_what_is_attacked_by_hand_has_a_scenario_and_no_row(part: Part) -> None:
    """The scenario exists, and the table has nothing of the part."""
    assert part.says in {scenario.name for scenario in SCENARIOS}
    assert [each for row in TABLE for each in row.combinations() if each in part] == []


PERFORMED: Final = [(row, scenario) for row in TABLE for scenario in row.scenarios()]


@pytest.mark.parametrize(("row", "scenario"), PERFORMED, ids=[scenario.name for _, scenario in PERFORMED])
def test_what_counts_as_attacked_is_struck(row: Row, scenario: Scenario) -> None:
    """The fault of a row strikes each kind of request that the row names."""
    history = SimulatedWorld().perform(scenario, create_sender)
    struck = [each for each in history.records if isinstance(each, FaultStruck) and not isinstance(each.fault, Latency)]
    assert len(struck) >= len(row.strikes)
