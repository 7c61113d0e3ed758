"""Deliberately broken senders: the suite is itself under test, and each of these must fail for the reason it names."""

from __future__ import annotations

from tests.conformance.mutants import (
    delivery,
    draining,
    inert,
    limits,
    liveness,
    numbering,
    proxied,
    retrying,
    stopping,
    subtle,
    waiting,
    wire,
)
from tests.conformance.mutants.registry import REGISTERED, Mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "delivery",
    "draining",
    "inert",
    "limits",
    "liveness",
    "numbering",
    "proxied",
    "retrying",
    "stopping",
    "subtle",
    "waiting",
    "wire",
]

MUTANTS = tuple(REGISTERED)
