"""The errors of the judge: a small tree with one root."""

from __future__ import annotations


class ConformanceError(Exception):
    """The root of everything that the judge raises on purpose. A broken rule is not among it: that is a finding."""


class UnknownRuleError(ConformanceError):
    """There is no rule of that id."""


class UnknownScenarioError(ConformanceError):
    """There is no scenario of that name."""


class KnownFailuresError(ConformanceError):
    """A list of known failures can't be read, or is wrong; the message says where."""


class SuiteError(ConformanceError):
    """The suite contradicts itself: a scenario names a rule that doesn't exist, or expects what it can't."""


class CouldNotJudgeError(ConformanceError):
    """A sender could not be judged: neither did it conform, nor did it break a rule; the message says why.

    Every world raises it, whatever ended the performance, and keeps that as its cause.

    Args:
        message: Why.
        name: The name of the error that it began as; its own if none is given.
    """

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self._name = name

    @property
    def reason(self) -> str:
        """The name of the error that it began as, and the message: `DeadlockError: deadlock at 3.0 s: …`."""
        return f"{self._name or type(self).__name__}: {self}"


class AdapterError(CouldNotJudgeError):
    """The sender could not be plugged in, or broke the contract of a factory; the message says how."""
