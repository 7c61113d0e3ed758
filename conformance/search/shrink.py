"""Makes a schedule that breaks a rule as small as it goes, by Hypothesis."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis.errors import HypothesisException

from conformance.search.generate import Drawer, as_test, feed
from conformance.search.run import examine_schedule
from conformance.search.strategies import schedules, small_schedules_like

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import SearchStrategy

    from conformance.harness.scenario import Factory
    from conformance.rules.catalogue import Rule
    from conformance.search.run import Examined
    from conformance.search.schedule import Schedule

_FEW_EVENTS = 5
_FEW_FAULTS = 3
_SMALL_ONES = 500


class _StillBrokenError(Exception):
    """A schedule breaks the rule in question."""


def shrink(
    factory: Factory,
    rules: Sequence[Rule],
    found: Examined,
    *,
    seed: int,
    index: int,
    on_progress: Callable[[Examined], None] = lambda _: None,
) -> Examined:
    """Return the smallest schedule found that breaks the same rule as the one of that seed and index.

    What shrinks step by step may end where every single step fixes it. So if it is still large then, small schedules
    with the same kinds of trouble are drawn, to see whether one of them breaks the rule too: most bugs need little.

    It ends after ten minutes at the latest. A sender that behaves differently each time, as none does that takes its
    randomness from Python's `random`, may leave the schedule larger than it needs to be.
    """
    shrinker = _Shrinker(factory, rules, found, on_progress)
    shrinker.shrink(schedules(), seed, index)
    if not _is_small(shrinker.smallest.schedule):
        like = shrinker.smallest if shrinker.smallest.schedule.troubles else found
        small = small_schedules_like(like.schedule, most_events=4 * _FEW_EVENTS)
        drawer = Drawer(small)
        for other in range(_SMALL_ONES):
            if shrinker.try_out(drawer.draw(seed, other)):
                shrinker.shrink(small, seed, other)
                break
    return shrinker.smallest


class _Shrinker:
    """Tries schedules out, and keeps the smallest that breaks the rule."""

    def __init__(
        self, factory: Factory, rules: Sequence[Rule], found: Examined, on_progress: Callable[[Examined], None]
    ) -> None:
        self._factory = factory
        self._rules = rules
        self._found = found
        self._on_progress = on_progress
        self.smallest = found

    def shrink(self, strategy: SearchStrategy[Schedule], seed: int, index: int) -> None:
        """Shrink what the strategy makes of a seed and an index."""
        test = as_test(strategy, self._visit)
        with suppress(_StillBrokenError):
            feed(test, seed, index)
        with suppress(_StillBrokenError, HypothesisException):
            test()

    def try_out(self, schedule: Schedule) -> bool:
        """Return whether a schedule breaks the rule, too."""
        tried = examine_schedule(schedule, self._factory, self._rules)
        is_broken = tried.breaks_too(self._found)
        if is_broken and _size(schedule) <= _size(self.smallest.schedule):
            self.smallest = tried
        self._on_progress(self.smallest)
        return is_broken

    def _visit(self, schedule: Schedule) -> None:
        if self.try_out(schedule):
            raise _StillBrokenError


def _is_small(schedule: Schedule) -> bool:
    return schedule.events <= _FEW_EVENTS and schedule.troubles <= _FEW_FAULTS


def _size(schedule: Schedule) -> tuple[int, int, int]:
    return schedule.troubles + schedule.events, len(schedule.runs), sum(map(len, schedule.runs))
