"""Generates the schedule of a seed and an index, the same on every machine; and the test that Hypothesis shrinks.

Hypothesis lends itself to programs that bring their own randomness: `fuzz_one_input` draws from given bytes. These come
from Python's generator, whose bytes are the same in all releases that we support, so that schedule 1,234 of seed 1 is
the same one wherever it is drawn (with the same release of Hypothesis), and any process can draw any part of a search.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, Verbosity, given
from hypothesis import seed as hypothesis_seed
from hypothesis import settings as hypothesis_settings
from hypothesis.database import InMemoryExampleDatabase

from conformance.search.strategies import schedules

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from conformance.search.schedule import Schedule

_ENOUGH_BYTES: Final = 4_096


def as_test(strategy: SearchStrategy[Schedule], visit: Callable[[Schedule], None]) -> Any:
    """Wrap `visit`, which takes a schedule, as a test that Hypothesis can shrink.

    What fails by `feed` is kept, and calling it then shrinks that, and raises what the smallest one raised.
    """

    @hypothesis_settings(
        database=InMemoryExampleDatabase(),
        phases=(Phase.reuse, Phase.shrink),
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis_seed(0)  # of the shrinker, which else goes another way each time; below, since it resets the database
    @given(strategy)
    def test(schedule: Schedule) -> None:
        visit(schedule)

    return test


def feed(test: Any, seed: int, index: int) -> None:
    """Have a test of `as_test` visit the schedule of that seed and index; it raises what `visit` raises."""
    source = random.Random(f"{seed}/{index}")  # noqa: S311 - wanted to be predictable
    # Bytes that don't make up a whole schedule are passed over, and the source goes on to the next ones.
    while test.hypothesis.fuzz_one_input(source.randbytes(_ENOUGH_BYTES)) is None:
        pass


class Drawer:
    """Draws schedules: what `strategy` makes of a seed and an index."""

    def __init__(self, strategy: SearchStrategy[Schedule] | None = None) -> None:
        self._drawn: list[Schedule] = []
        self._test = as_test(schedules() if strategy is None else strategy, self._drawn.append)

    def draw(self, seed: int, index: int) -> Schedule:
        """Return the schedule number `index` of a seed."""
        self._drawn.clear()
        feed(self._test, seed, index)
        return self._drawn[0]
