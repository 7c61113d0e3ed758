"""Which requests a fault strikes."""

from typing import Literal, TypeAlias

import msgspec

from fake_backend.faults.answers import Duplicate, LateAccept, Partial, Poison, Status
from fake_backend.faults.base import scaled_times
from fake_backend.faults.connection import CloseOnReuse, Down, ResetPeer, SlowClose, Timeout
from fake_backend.faults.state import CompletedElsewhere, ExpireToken, Fence, ForeignWriter, Forget
from fake_backend.faults.timing import Latency, Stall
from fake_backend.faults.transfer import Bandwidth, LimitData, Slicer

RequestKind: TypeAlias = Literal["any", "sync", "data", "completion"]

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

TransferFault: TypeAlias = Bandwidth | Slicer | LimitData | SlowClose | CloseOnReuse
"""The faults of how bytes move and of how the connection ends after the answer."""

TakingFault: TypeAlias = Partial | Duplicate | Poison | LateAccept
"""The faults of how the lines of a request are taken."""

Fault: TypeAlias = PhasedFault | TransferFault | TakingFault


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a fault strikes.

    Requests are counted for each run and each kind from 1: `of="data", requests=(2,)` is the second request of a run
    that carries events. `requests` empty and `every` 0 strike all; `every=3` strikes the 3rd, the 6th, and so on.
    A request's kind is told by its first line, or by the end of an empty body (`sync`, or `completion` where the
    headers say so); with `of` other than `any` the backend therefore looks at the first line even for a fault
    that strikes before reading, and takes nothing of it. A request that ends before its kind is known counts as `any`
    alone; one that is turned away by its head (401, 403, 404, 405) isn't counted at all.
    """

    fault: Fault
    of: RequestKind = "any"
    requests: tuple[int, ...] = ()
    every: int = 0
    run_id: str | None = None

    def __post_init__(self) -> None:
        for index in self.requests:
            if index < 1:
                raise ValueError(f"requests has {index}; requests are counted from 1")
        if self.every < 0:
            raise ValueError(f"every is {self.every}; it is 1 for each request, 2 for each second one, and so on")
        if self.requests and self.every:
            raise ValueError(f"every is {self.every} and requests is {self.requests}; a rule has one of the two")

    def strikes(self, index: int, run_id: str) -> bool:
        """Whether the rule strikes the `index`-th request (from 1) of its kind in a run."""
        if self.run_id is not None and self.run_id != run_id:
            return False
        if self.requests:
            return index in self.requests
        return self.every == 0 or index % self.every == 0

    def scaled(self, factor: float) -> "FaultRule":
        """Give the rule for a world in which time takes `factor` as long: durations times that, rates divided by it."""
        changes = scaled_times(self.fault, factor)
        if isinstance(self.fault, Bandwidth):
            changes["rate"] = max(1, round(self.fault.rate / factor))
        return msgspec.structs.replace(self, fault=msgspec.structs.replace(self.fault, **changes))
