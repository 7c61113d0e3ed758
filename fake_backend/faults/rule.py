"""Which requests a fault strikes."""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from fake_backend.faults.base import check_moment
from fake_backend.faults.kinds import Fault

RequestKind: TypeAlias = Literal["any", "sync", "data", "completion"]

_CARRY_EVENTS: Final = ("any", "data")


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a fault strikes: those that every selector chooses; without any, all.

    Requests are counted for each run and each kind from 1: `of` "data" with `requests` [2] is the second request of a
    run that carries events. A request's kind is told by its first line, or by the end of an empty body (`sync`, or
    `completion` where the headers say so); with `of` other than `any` the backend therefore looks at the first line
    even for a fault that strikes before reading, and takes nothing of it. A request that ends before its kind is known
    counts as `any` alone; one that is turned away by its head (401, 403, 404, 405) isn't counted at all.

    With `probability`, whether a request is chosen follows from nothing but the backend's seed, `seed`, the fault's
    kind, the run, `of` and the request's count: the same requests are struck each time, whatever else goes on. Rules
    of one kind and one `seed` are drawn alike. `between` (from, to) are seconds since the backend first listened, the
    second exclusive, and the moment is that in which the request is counted. `times` counts what the others have
    chosen, in all runs together.

    With `events`, the request is chosen that carries one of these numbers. The backend holds its lines back until it
    has seen one of them or the end of the body, so a rule that may choose a request so changes when its lines are
    taken, even if it doesn't choose it. A fault that strikes before the lines are seen can't be chosen so.
    """

    fault: Fault
    of: Annotated[RequestKind, Meta(description="sync: no body; data: events; completion: begins with one")] = "any"
    requests: Annotated[tuple[int, ...], Meta(description="these requests, counted from 1 in each run and kind")] = ()
    every: Annotated[int, Meta(description="3: the 3rd, the 6th, and so on, of each run and kind; 1: each")] = 1
    events: Annotated[tuple[int, ...], Meta(description="a request that carries one of these numbers")] = ()
    probability: Annotated[float | None, Meta(description="by chance, from 0 (never) to 1 (always)")] = None
    seed: Annotated[int, Meta(description="what the chance follows from, besides the request")] = 0
    between: Annotated[tuple[float, float] | None, Meta(description="seconds since the backend began to listen")] = None
    times: Annotated[int | None, Meta(description="at most so many of those that the other selectors choose")] = None
    run_id: Annotated[str | None, Meta(description="only requests to this run")] = None

    def __post_init__(self) -> None:
        for index in self.requests:
            if index < 1:
                raise ValueError(f"requests has {index}; requests are counted from 1")
        if self.every < 1:
            raise ValueError(f"every is {self.every}; it is 1 for each request, 2 for each second one, and so on")
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is {self.times}; it is how many requests are struck at the most, from 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"probability is {self.probability}; it is from 0 (no request) to 1 (each)")
        if self.seed and self.probability is None:
            raise ValueError(f"seed is {self.seed}; it goes with probability, which is missing")
        if self.between is not None:
            self._check_between(*self.between)
        if self.events:
            self._check_events()

    def chooses(self, index: int, run_id: str) -> bool:
        """Whether the rule may strike the `index`-th request (from 1) of its kind in a run, as far as counts tell."""
        return (
            (self.run_id is None or self.run_id == run_id)
            and (not self.requests or index in self.requests)
            and index % self.every == 0
        )

    def scaled(self, factor: float) -> "FaultRule":
        """Give the rule for a world in which time takes `factor` as long: durations times that, rates divided by it."""
        between = None if self.between is None else (self.between[0] * factor, self.between[1] * factor)
        return msgspec.structs.replace(self, fault=self.fault.scaled(factor), between=between)

    def _check_between(self, start: float, end: float) -> None:
        check_moment(start, "the start of between")
        check_moment(end, "the end of between")
        if end <= start:
            raise ValueError(f"between is from {start} to {end}; it ends later than it starts")

    def _check_events(self) -> None:
        for seq in self.events:
            if seq < 1:
                raise ValueError(f"events has {seq}; events are numbered from 1")
        if self.of not in _CARRY_EVENTS:
            raise ValueError(f"events goes with of {' or '.join(_CARRY_EVENTS)}; a {self.of} carries no events")
        problem = self.fault.refuse_events()
        if problem is not None:
            raise ValueError(problem)
