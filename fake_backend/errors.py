"""The errors of the fake backend: one root, so that a caller can catch them all."""

from collections.abc import Iterable
from typing import NamedTuple


class FakeBackendError(Exception):
    """Something was asked of the fake backend that it can't do. The message names the value and what would be right."""


class ListenError(FakeBackendError):
    """The address to listen on can't be had: the port is in use, or the host isn't one of this machine."""


class UnknownRunError(FakeBackendError):
    """A run was named that isn't among the `known_runs` the backend was given."""


class FaultFileError(FakeBackendError):
    """A file of faults can't be used. The message names the file, the fault, the key and what would be right."""


class TableProblem(NamedTuple):
    """What is wrong with a rule's table, and with which of its keys; None where no key that is there is to blame."""

    key: str | None
    text: str


class FaultTableError(FakeBackendError, ValueError):
    """A table is no rule of faults. The message has a line for each thing that is wrong: key, value, what is right."""

    def __init__(self, problems: Iterable[TableProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.text for problem in self.problems))
