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


class AdapterError(ConformanceError):
    """The sender could not be plugged in, or broke the contract of a factory; the message says how."""
