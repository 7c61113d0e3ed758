"""The errors that end a simulation. None of these is an `OSError`: no sender should take one for a broken network."""

from __future__ import annotations


class SimulationError(Exception):
    """The root: the simulation can't go on, or can't answer for what the program asked."""


class DeadlockError(SimulationError):
    """Nothing is ready, no timer is pending, and the program hasn't finished: it would wait for ever."""


class LivelockError(SimulationError):
    """The program keeps the loop busy without letting time pass: it would spin for ever."""


class TimeLimitError(SimulationError):
    """The program hasn't finished by `max_time` seconds of virtual time."""


class NotSimulatedError(SimulationError):
    """The program reached for the real world: a thread, a process, a real socket, TLS, the DNS.

    It is raised where the program reached, and once more out of `simulate`, whatever the program made of it.
    """
