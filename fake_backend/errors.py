"""The errors of the fake backend: one root, so that a caller can catch them all."""


class FakeBackendError(Exception):
    """Something was asked of the fake backend that it can't do. The message names the value and what would be right."""


class ListenError(FakeBackendError):
    """The address to listen on can't be had: the port is in use, or the host isn't one of this machine."""


class UnknownRunError(FakeBackendError):
    """A run was named that isn't among the `known_runs` the backend was given."""


class FaultFileError(FakeBackendError):
    """A file of faults can't be used. The message names the file, the fault, the key and what would be right."""
