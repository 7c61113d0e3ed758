"""Every scenario of the suite, in the order of the catalogue."""

from __future__ import annotations

from conformance.scenarios import (
    answers,
    contents,
    draining,
    limits,
    liveness,
    outages,
    plain,
    poison,
    stalls,
    stopping,
    waiting,
)

SCENARIOS = (
    *plain.SCENARIOS,
    *contents.SCENARIOS,
    *answers.SCENARIOS,
    *outages.SCENARIOS,
    *waiting.SCENARIOS,
    *poison.SCENARIOS,
    *stalls.SCENARIOS,
    *limits.SCENARIOS,
    *liveness.SCENARIOS,
    *draining.SCENARIOS,
    *stopping.SCENARIOS,
)
