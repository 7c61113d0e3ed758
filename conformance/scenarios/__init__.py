"""Every scenario of the suite, in the order of the catalogue."""

from __future__ import annotations

from conformance.scenarios import answers, draining, limits, liveness, outages, plain, poison, stalls, stopping, waiting

SCENARIOS = (
    *plain.SCENARIOS,
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
