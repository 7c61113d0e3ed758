"""Every kind of fault there is: a new one is written in the module of its family, and listed here."""

from typing import TypeAlias

from fake_backend.faults.answers import BufferRequest, Duplicate, LateAccept, Overlap, Partial, Poison, Status
from fake_backend.faults.connection import CloseOnReuse, Down, IdleCut, ResetPeer, SlowClose, Timeout
from fake_backend.faults.state import CompletedElsewhere, ExpireToken, Fence, ForeignWriter, Forget
from fake_backend.faults.timing import Latency, Stall
from fake_backend.faults.transfer import Bandwidth, LimitData, Slicer

__all__ = [
    "Bandwidth",
    "BufferRequest",
    "CloseOnReuse",
    "CompletedElsewhere",
    "Down",
    "Duplicate",
    "ExpireToken",
    "Fault",
    "Fence",
    "ForeignWriter",
    "Forget",
    "IdleCut",
    "LateAccept",
    "Latency",
    "LimitData",
    "Overlap",
    "Partial",
    "PhasedFault",
    "Poison",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Stall",
    "Status",
    "Timeout",
]

PhasedFault: TypeAlias = (
    Latency
    | Stall
    | ResetPeer
    | Timeout
    | Down
    | Status
    | Forget
    | ForeignWriter
    | CompletedElsewhere
    | ExpireToken
    | Fence
)
"""The faults that strike at one point of a request, and have a `phase` and `lines`."""

TransferFault: TypeAlias = Bandwidth | Slicer | LimitData | SlowClose | CloseOnReuse | IdleCut
"""The faults of how bytes move and of how the connection ends after the answer."""

TakingFault: TypeAlias = Partial | Duplicate | Poison | LateAccept | BufferRequest | Overlap
"""The faults of how the lines of a request are taken."""

Fault: TypeAlias = PhasedFault | TransferFault | TakingFault
