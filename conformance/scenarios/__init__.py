"""Every scenario of the suite, in the order of the catalogue.

But for liveness: its idle times are the longest, and where time is real nothing that long may be left over at the end.
"""

from __future__ import annotations

from conformance.scenarios import (
    answers,
    contents,
    draining,
    elsewhere,
    limits,
    liveness,
    network,
    outages,
    overlaps,
    plain,
    poison,
    products,
    proxies,
    stalls,
    stopping,
    waiting,
)

SCENARIOS = (
    *plain.SCENARIOS,
    *contents.SCENARIOS,
    *products.SCENARIOS,
    *answers.SCENARIOS,
    *outages.SCENARIOS,
    *elsewhere.SCENARIOS,
    *waiting.SCENARIOS,
    *liveness.SCENARIOS,
    *poison.SCENARIOS,
    *stalls.SCENARIOS,
    *proxies.SCENARIOS,
    *overlaps.SCENARIOS,
    *network.SCENARIOS,
    *limits.SCENARIOS,
    *draining.SCENARIOS,
    *stopping.SCENARIOS,
)
