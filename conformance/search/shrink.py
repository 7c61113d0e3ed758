"""Makes a schedule that breaks a rule as small as it goes, by Hypothesis."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis.errors import HypothesisException

from conformance.search.draw import offer, probe
from conformance.search.find import Examined, examine_schedule
from conformance.search.strategies import schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.catalogue import Rule
    from conformance.scenario import Factory
    from conformance.search.schedule import Schedule


class _StillBrokenError(Exception):
    """A schedule breaks the rule in question."""


def shrink(
    factory: Factory,
    rules: Sequence[Rule],
    examined: Examined,
    *,
    seed: int,
    index: int,
    on_progress: Callable[[Examined], None] = lambda _: None,
) -> Examined:
    """The smallest schedule found that breaks the same rule as the one of that seed and index.

    It ends after five minutes at the latest. A sender that behaves differently each time, which none does that takes
    all its randomness from Python's global source, may leave the schedule larger than it needs to be.
    """
    smallest = examined

    def visit(schedule: Schedule) -> None:
        nonlocal smallest
        tried = examine_schedule(schedule, factory, rules)
        if tried.breaks == examined.breaks:
            if _size(schedule) <= _size(smallest.schedule):
                smallest = tried
            on_progress(smallest)
            raise _StillBrokenError

    probed = probe(schedules(), visit)
    with suppress(_StillBrokenError):
        offer(probed, seed, index)
    with suppress(_StillBrokenError, HypothesisException):
        probed()
    return smallest


def _size(schedule: Schedule) -> tuple[int, int, int]:
    return schedule.troubles + schedule.events, len(schedule.runs), sum(map(len, schedule.runs))
