"""Runs asyncio programs in virtual time, on a network in memory: unmodified, repeatable, and with faults at will.

`simulate` is the way in, and what happens in a simulation follows from the program alone. A program that would wait
for ever, spin for ever, or that reaches for the real world, ends with an error that says so.
"""

from conformance.simulation.conditions import LinkConditions
from conformance.simulation.errors import (
    DeadlockError,
    LivelockError,
    NotSimulatedError,
    SimulationError,
    TimeLimitError,
)
from conformance.simulation.link import Link, Side
from conformance.simulation.network import Network
from conformance.simulation.patches import EPOCH
from conformance.simulation.run import Simulation, simulate

__all__ = [
    "EPOCH",
    "DeadlockError",
    "Link",
    "LinkConditions",
    "LivelockError",
    "Network",
    "NotSimulatedError",
    "Side",
    "Simulation",
    "SimulationError",
    "TimeLimitError",
    "simulate",
]
