"""Which faults strike which request, and in which order. Counts requests; does nothing else."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from fake_backend.faults import (
    Bandwidth,
    CompletedElsewhere,
    Fault,
    FaultRule,
    ForeignWriter,
    Forget,
    Latency,
    LimitData,
    Partial,
    Phase,
    PhasedFault,
    RequestKind,
    Slicer,
    SlowClose,
    Stall,
    Stream,
)

FaultT = TypeVar("FaultT", bound=Fault)

PIECES_A_SECOND: Final = 10
"""In how many pieces a second a stream of limited bandwidth moves, while a piece is a byte or more."""

_TAKES_TIME: Final = 0
_CHANGES_STATE: Final = 1
_MAY_END_THE_REQUEST: Final = 2


class BeforeKind(msgspec.Struct, frozen=True, kw_only=True):
    """What the faults that strike requests for their kind ask of one whose kind isn't known yet.

    `wanted_first` says that the kind decides if something strikes before anything is read; `most` is how many bytes may
    be read at once while the kind decides how a body is read, None if it doesn't.
    """

    wanted_first: bool = False
    most: int | None = None


class FaultPlan:
    """All rules of a backend, and how many requests of each run and kind it has seen."""

    __slots__ = ("_before_kind", "_rules", "_seen")

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self._rules = list(rules)
        self._seen: Counter[tuple[str, RequestKind]] = Counter()
        self._before_kind: dict[str, BeforeKind] = {}

    def add(self, rule: FaultRule) -> None:
        """Add a rule. Requests that were counted before it keep the faults they have."""
        self._rules.append(rule)
        self._before_kind.clear()

    def remove(self, rule: FaultRule) -> None:
        """Take a rule away. Requests that were counted before it keep theirs. Raises ValueError if it isn't there."""
        self._rules.remove(rule)
        self._before_kind.clear()

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

    def before_kind(self, run_id: str) -> BeforeKind:
        """Tell what may strike requests of a run for their kind, as far as it matters before that is known."""
        known = self._before_kind.get(run_id)
        if known is None:
            faults = [rule.fault for rule in self._rules if rule.of != "any" and rule.run_id in {None, run_id}]
            pieces = (piece_of(fault) for fault in faults)
            known = self._before_kind[run_id] = BeforeKind(
                wanted_first=any(isinstance(each, PhasedFault) and each.phase == "before-read" for each in faults),
                most=min((piece for piece in pieces if piece is not None), default=None),
            )
        return known


class RequestFaults:
    """The faults of one request. Where several of a kind can't hold at once, the strictest does."""

    __slots__ = ("_faults", "_kind_known", "_plan", "_run_id")

    def __init__(self, plan: FaultPlan, run_id: str) -> None:
        self._plan = plan
        self._run_id = run_id
        self._faults: list[Fault] = []
        self._kind_known = False

    def __bool__(self) -> bool:
        """Whether there are any so far; a request that nothing goes wrong with asks for nothing else."""
        return bool(self._faults)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Add faults that strike this request."""
        self._faults.extend(faults)

    def kind_is(self, kind: RequestKind) -> None:
        """Say of which kind the request is, as soon as that is known; only the first time counts."""
        if not self._kind_known:
            self._kind_known = True
            self.extend(self._plan.count(self._run_id, kind))

    @property
    def before_kind(self) -> BeforeKind:
        """What else may strike the request, as far as it matters before its kind is known."""
        return self._plan.before_kind(self._run_id)

    def at(self, phase: Phase, *, lines: int = 0) -> list[PhasedFault]:
        """Give the faults of a phase (`after-lines`: of exactly that many), in the order in which they strike."""
        faults = [
            fault
            for fault in self._faults
            if isinstance(fault, PhasedFault)
            and fault.phase == phase
            and (phase != "after-lines" or fault.lines == lines)
        ]
        # What ends the request comes last, or the others would never strike; the sort keeps the rules' order.
        return sorted(faults, key=_rank)

    def next_stop(self, lines: int) -> int | None:
        """Give the first number of lines past `lines` after which a fault strikes, or None."""
        stops = (
            fault.lines
            for fault in self._faults
            if isinstance(fault, PhasedFault) and fault.phase == "after-lines" and fault.lines > lines
        )
        return min(stops, default=None)

    def of(self, kind: type[FaultT]) -> list[FaultT]:
        """Give the faults of a kind, those that strike any request first, in the order of the rules."""
        return [fault for fault in self._faults if isinstance(fault, kind)]

    def first(self, kind: type[FaultT]) -> FaultT | None:
        """Give the fault of a kind whose rule comes first, if there is one."""
        return next(iter(self.of(kind)), None)

    @property
    def partial(self) -> Partial | None:
        """What takes the fewest lines, if something takes only some."""
        return min(self.of(Partial), key=lambda fault: fault.lines, default=None)

    def bandwidth(self, stream: Stream) -> Bandwidth | None:
        """The lowest bandwidth of a stream, if it is limited."""
        return min((each for each in self.of(Bandwidth) if each.stream == stream), key=_rate, default=None)

    def limit(self, stream: Stream) -> LimitData | None:
        """The lowest limit of a stream, if it has one."""
        return min((each for each in self.of(LimitData) if each.stream == stream), key=_size, default=None)

    @property
    def slicer(self) -> Slicer | None:
        """What cuts the answer into the smallest pieces, if something does."""
        return min(self.of(Slicer), key=_size, default=None)

    @property
    def slow_close(self) -> SlowClose | None:
        """What closes the connection the latest, if something does."""
        return max(self.of(SlowClose), key=lambda fault: fault.seconds, default=None)

    @property
    def shape_answer(self) -> bool:
        """Whether the answer goes out in another way than at once and whole."""
        return bool(self) and (
            bool(self.at("in-answer"))
            or self.slicer is not None
            or self.bandwidth("downstream") is not None
            or self.limit("downstream") is not None
        )


def piece_of(fault: Fault | None) -> int | None:
    """How many bytes a fault lets pass at once; None if it doesn't care."""
    match fault:
        case Bandwidth(rate=rate):
            return max(1, rate // PIECES_A_SECOND)
        case LimitData(size=size) | Slicer(size=size):
            return max(1, size)
        case _:
            return None


def _rank(fault: PhasedFault) -> int:
    match fault:
        case Latency() | Stall():
            return _TAKES_TIME
        case Forget() | ForeignWriter() | CompletedElsewhere():
            return _CHANGES_STATE
        case _:
            return _MAY_END_THE_REQUEST


def _rate(fault: Bandwidth) -> int:
    return fault.rate


def _size(fault: LimitData | Slicer) -> int:
    return fault.size
