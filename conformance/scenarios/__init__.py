"""Every scenario of the suite, in the order of the catalogue."""

from __future__ import annotations

from conformance.scenarios import answers, draining, limits, liveness, outages, plain, stalls

SCENARIOS = (
    *plain.SCENARIOS,
    *answers.SCENARIOS,
    *outages.SCENARIOS,
    *stalls.SCENARIOS,
    *limits.SCENARIOS,
    *liveness.SCENARIOS,
    *draining.SCENARIOS,
)
