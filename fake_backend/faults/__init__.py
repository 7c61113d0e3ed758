"""The faults that the backend injects, as data: frozen, comparable, printable, and the same in TOML, JSON and Python.

A fault says what goes wrong; a `FaultRule` says which requests it strikes. The words are those of the field.

Each family has a module (`timing`, `transfer`, `connection`, `answers`, `state`), in which a kind says all there is to
know about it; `kinds` lists them, and the page "Faults" of the documentation is made of them.

Most strike at a point of a request; `base.PHASES` has the points, in order, and what each means.

Where several faults strike a request, they do so in that order. At one point those that only take time come first,
then those that change the state of a run, then the others, each as the rules stand, and those chosen
by `events` after the rest. The first that ends the request is the last that strikes.

A value that makes no sense raises ValueError, and msgspec.ValidationError when it is decoded.
"""

from fake_backend.faults import kinds
from fake_backend.faults.base import PHASES, Phase, Stream
from fake_backend.faults.kinds import *  # noqa: F403 - each kind is listed once, there
from fake_backend.faults.rule import FaultRule, RequestKind

__all__ = ["PHASES", "FaultRule", "Phase", "RequestKind", "Stream"]
__all__ += kinds.__all__
