"""Which faults strike which request, and in which order. Counts requests; does nothing else."""

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from fake_backend.faults import Fault, FaultRule, Latency, Partial, Phase, RequestKind, ResetPeer, Stall, Status

PhasedFault: TypeAlias = Latency | ResetPeer | Stall | Status
"""The faults that strike at a point of a request; a `Partial` changes how its lines are taken instead."""


class FaultPlan:
    """All rules of a backend, and how many requests of each run and kind it has seen."""

    __slots__ = ("_rules", "_seen")

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self._rules = list(rules)
        self._seen: Counter[tuple[str, RequestKind]] = Counter()

    def add(self, rule: FaultRule) -> None:
        """Add a rule. Requests that were counted before it keep the faults they have."""
        self._rules.append(rule)

    def remove(self, rule: FaultRule) -> None:
        """Take a rule away. Requests that were counted before it keep theirs. Raises ValueError if it isn't there."""
        self._rules.remove(rule)

    def open_request(self, run_id: str) -> "RequestFaults":
        """Count a request whose kind isn't known yet, and give what strikes it whatever its kind."""
        faults = RequestFaults(self, run_id)
        faults.extend(self.count(run_id, "any"))
        return faults

    def count(self, run_id: str, kind: RequestKind) -> list[Fault]:
        """Count a request as one of a kind, and give the faults that strike it as such."""
        self._seen[run_id, kind] += 1
        index = self._seen[run_id, kind]
        return [rule.fault for rule in self._rules if rule.of == kind and rule.strikes(index, run_id)]

    def wants_kind_first(self, run_id: str) -> bool:
        """Whether a request's kind must be known before its body is read for good."""
        return any(
            rule.of != "any"
            and not isinstance(rule.fault, Partial)
            and rule.fault.phase == "before-read"
            and rule.run_id in {None, run_id}
            for rule in self._rules
        )


class RequestFaults:
    """The faults of one request."""

    __slots__ = ("_faults", "_kind_known", "_plan", "_run_id")

    def __init__(self, plan: FaultPlan, run_id: str) -> None:
        self._plan = plan
        self._run_id = run_id
        self._faults: list[Fault] = []
        self._kind_known = False

    def extend(self, faults: Iterable[Fault]) -> None:
        """Add faults that strike this request."""
        self._faults.extend(faults)

    def kind_is(self, kind: RequestKind) -> None:
        """Say of which kind the request is, as soon as that is known; only the first time counts."""
        if not self._kind_known:
            self._kind_known = True
            self.extend(self._plan.count(self._run_id, kind))

    @property
    def wants_kind_first(self) -> bool:
        """Whether the kind decides if something strikes before anything is read."""
        return self._plan.wants_kind_first(self._run_id)

    def at(self, phase: Phase, *, lines: int = 0) -> list[PhasedFault]:
        """Give the faults of a phase (`after-lines`: of exactly that many), those that only take time first."""
        faults = [
            fault
            for fault in self._faults
            if not isinstance(fault, Partial)
            and fault.phase == phase
            and (phase != "after-lines" or fault.lines == lines)
        ]
        # What waits comes before what ends the request, or it would never strike; the sort keeps the rules' order.
        return sorted(faults, key=lambda fault: not isinstance(fault, Latency | Stall))

    def next_stop(self, lines: int) -> int | None:
        """Give the first number of lines past `lines` after which a fault takes effect, or None."""
        stops = (
            fault.lines
            for fault in self._faults
            if fault.lines > lines and (isinstance(fault, Partial) or fault.phase == "after-lines")
        )
        return min(stops, default=None)

    @property
    def partial(self) -> Partial | None:
        """The fault that takes the fewest lines, if any takes only some."""
        partials = (fault for fault in self._faults if isinstance(fault, Partial))
        return min(partials, key=lambda fault: fault.lines, default=None)
