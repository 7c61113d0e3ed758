"""The faults that the backend injects, as data: frozen, comparable, printable, and the same in TOML, JSON and Python.

A fault says what goes wrong; a `FaultRule` says which requests it strikes. The words are those of the field.

    timing        latency, stall
    transfer      bandwidth, slicer, limit_data
    connection    reset_peer, timeout, slow_close, close_on_reuse, idle_cut, down
    answers       status, late_accept, buffer_request, overlap, partial, duplicate, poison
    state         forget, foreign_writer, completed_elsewhere, expire_token, fence

Most strike at a point of a request; `base.PHASES` has the points, in order, and what each means.

Where several faults strike a request, they do so in that order. At one point those that only take time come first,
then those that change the state of a run, then the others, each as the rules stand, and those chosen
by `events` after the rest. The first that ends the request is the last that strikes.

A value that makes no sense raises ValueError, and msgspec.ValidationError when it is decoded.
"""

from fake_backend.faults.answers import BufferRequest, Duplicate, LateAccept, Overlap, Partial, Poison, Status
from fake_backend.faults.base import PHASES, Phase, Stream
from fake_backend.faults.connection import CloseOnReuse, Down, IdleCut, ResetPeer, SlowClose, Timeout
from fake_backend.faults.rule import Fault, FaultRule, PhasedFault, RequestKind
from fake_backend.faults.state import CompletedElsewhere, ExpireToken, Fence, ForeignWriter, Forget
from fake_backend.faults.timing import Latency, Stall
from fake_backend.faults.transfer import Bandwidth, LimitData, Slicer

__all__ = [
    "PHASES",
    "Bandwidth",
    "BufferRequest",
    "CloseOnReuse",
    "CompletedElsewhere",
    "Down",
    "Duplicate",
    "ExpireToken",
    "Fault",
    "FaultRule",
    "Fence",
    "ForeignWriter",
    "Forget",
    "IdleCut",
    "LateAccept",
    "Latency",
    "LimitData",
    "Overlap",
    "Partial",
    "Phase",
    "PhasedFault",
    "Poison",
    "RequestKind",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Stall",
    "Status",
    "Stream",
    "Timeout",
]
