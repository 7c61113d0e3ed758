"""Which faults strike which request, and in which order. Counts requests; does nothing else."""

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar, get_args

import msgspec

from fake_backend.faults import Fault, FaultRule, Phase, PhasedFault, RequestKind, Stream

FaultT = TypeVar("FaultT", bound=Fault)


class BeforeKind(msgspec.Struct, frozen=True, kw_only=True):
    """What the faults that strike requests for their kind ask of one whose kind isn't known yet.

    `wanted_first` says that the kind decides if something strikes before anything is read; `most` is how many bytes may
    be read at once while the kind decides how a body is read, None if it doesn't.
    """

    wanted_first: bool = False
    most: int | None = None


class ActiveFault(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a backend, under its number, and how many requests it has been chosen for."""

    number: int
    rule: FaultRule
    struck: int


class _Active:
    """A rule, and what has become of it."""

    __slots__ = ("number", "rule", "struck")

    def __init__(self, number: int, rule: FaultRule) -> None:
        self.number = number
        self.rule = rule
        self.struck = 0

    @property
    def is_spent(self) -> bool:
        """Whether the rule has struck as often as it may."""
        return self.rule.times is not None and self.struck >= self.rule.times


class FaultPlan:
    """All rules of a backend, and how many requests of each run and kind it has seen.

    `seed` is the backend's; `uptime` tells for how many seconds it has listened by now.
    """

    __slots__ = ("_active", "_before_kind", "_next_number", "_seed", "_seen", "_uptime")

    def __init__(self, rules: Iterable[FaultRule] = (), *, seed: int, uptime: Callable[[], float]) -> None:
        self._active: dict[int, _Active] = {}
        self._next_number = 1
        self._seed = seed
        self._uptime = uptime
        self._seen: Counter[tuple[str, RequestKind]] = Counter()
        self._before_kind: dict[str, BeforeKind] = {}
        for rule in rules:
            self.add(rule)

    @property
    def active(self) -> tuple[ActiveFault, ...]:
        """The rules as they stand, in order of their numbers."""
        return tuple(ActiveFault(number=each.number, rule=each.rule, struck=each.struck) for each in self._all())

    def add(self, rule: FaultRule) -> int:
        """Add a rule; give its number, from 1, which no other ever has.

        Requests that were counted before it keep the faults they have.
        """
        number = self._next_number
        self._next_number += 1
        self._active[number] = _Active(number, rule)
        self._before_kind.clear()
        return number

    def remove(self, which: FaultRule | int) -> None:
        """Take a rule away, by its number, or the first that is equal; what was counted before keeps its faults.

        Raises ValueError if it isn't there.
        """
        number = which if isinstance(which, int) else self._number_of(which)
        if self._active.pop(number, None) is None:
            raise ValueError(f"there is no fault {number}; {self._numbers()}")
        self._before_kind.clear()

    def clear(self) -> None:
        """Take all rules away; requests that were counted before keep their faults."""
        self._active.clear()
        self._before_kind.clear()

    def start_over(self) -> None:
        """Count requests, and what the rules have struck, anew."""
        self._seen.clear()
        for each in self._all():
            each.struck = 0
        self._before_kind.clear()

    def forget(self, run_id: str) -> None:
        """Count the requests of a run anew, which is forgotten."""
        for kind in get_args(RequestKind):
            self._seen.pop((run_id, kind), None)
        self._before_kind.pop(run_id, None)

    def open_request(self, run_id: str) -> "RequestFaults":
        """Count a request whose kind isn't known yet, and give what strikes it whatever its kind."""
        faults = RequestFaults(self, run_id)
        faults.count_as("any")
        return faults

    def count(self, run_id: str, kind: RequestKind) -> list[_Active]:
        """Count a request as one of a kind, and give the rules that choose it as such, but for their `events`."""
        self._seen[run_id, kind] += 1
        if not self._active:
            return []
        index = self._seen[run_id, kind]
        return [each for each in self._all() if self._chooses(each, run_id, kind, index)]

    def strike(self, active: _Active) -> Fault:
        """Note that a request is struck by a rule, and give the fault."""
        active.struck += 1
        if active.is_spent:
            self._before_kind.clear()
        return active.rule.fault

    def before_kind(self, run_id: str) -> BeforeKind:
        """Tell what may strike requests of a run for their kind, as far as it matters before that is known."""
        known = self._before_kind.get(run_id)
        if known is None:
            rules = [each.rule for each in self._all() if not each.is_spent]
            faults = [rule.fault for rule in rules if rule.of != "any" and rule.run_id in {None, run_id}]
            pieces = (fault.piece for fault in faults)
            known = self._before_kind[run_id] = BeforeKind(
                wanted_first=any(isinstance(each, PhasedFault) and each.phase == "before-read" for each in faults),
                most=min((piece for piece in pieces if piece is not None), default=None),
            )
        return known

    def _all(self) -> Iterable[_Active]:
        return self._active.values()

    def _chooses(self, active: _Active, run_id: str, kind: RequestKind, index: int) -> bool:
        rule = active.rule
        return (
            rule.of == kind
            and rule.chooses(index, run_id)
            and not active.is_spent
            and (rule.between is None or rule.between[0] <= self._uptime() < rule.between[1])
            and (rule.probability is None or self._draw(rule, run_id, index) < rule.probability)
        )

    def _draw(self, rule: FaultRule, run_id: str, index: int) -> float:
        # By text, which seeds the same on every Python, and from nothing that another request could change.
        kind = rule.fault.__struct_config__.tag
        return Random(f"{self._seed} {rule.seed} {kind} {rule.of} {index} {run_id}").random()  # noqa: S311 - no secret

    def _number_of(self, rule: FaultRule) -> int:
        for number, each in self._active.items():
            if each.rule == rule:
                return number
        raise ValueError(f"there is no such fault as {rule}")

    def _numbers(self) -> str:
        return f"there are {', '.join(map(str, self._active))}" if self._active else "there is none"


class RequestFaults:
    """The faults of one request. Where several of a kind can't hold at once, the strictest does."""

    __slots__ = ("_awaiting", "_faults", "_kind_known", "_plan", "_run_id")

    def __init__(self, plan: FaultPlan, run_id: str) -> None:
        self._plan = plan
        self._run_id = run_id
        self._faults: list[Fault] = []
        self._awaiting: list[_Active] = []
        self._kind_known = False

    def __bool__(self) -> bool:
        """Whether there are any so far; a request that nothing goes wrong with asks for nothing else."""
        return bool(self._faults)

    def count_as(self, kind: RequestKind) -> None:
        """Count the request as one of a kind, and add the faults that strike it as such."""
        for active in self._plan.count(self._run_id, kind):
            if active.rule.events:
                self._awaiting.append(active)
            else:
                self._faults.append(self._plan.strike(active))

    def kind_is(self, kind: RequestKind) -> None:
        """Say of which kind the request is, as soon as that is known; only the first time counts."""
        if not self._kind_known:
            self._kind_known = True
            self.count_as(kind)

    @property
    def await_event(self) -> bool:
        """Whether there are rules that choose the request if it carries a certain event, which wasn't seen yet."""
        return bool(self._awaiting)

    def see_event(self, seq: int) -> None:
        """Say that the request carries the event of this number, and add the faults that strike it for that."""
        for active in [each for each in self._awaiting if seq in each.rule.events]:
            self._awaiting.remove(active)
            if not active.is_spent:
                self._faults.append(self._plan.strike(active))

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
        return sorted(faults, key=lambda fault: fault.order)  # which keeps the rules' order

    def next_stop(self, lines: int) -> int | None:
        """Give the first number of lines past `lines` after which a fault strikes, or None."""
        stops = (
            fault.lines
            for fault in self._faults
            if isinstance(fault, PhasedFault) and fault.phase == "after-lines" and fault.lines > lines
        )
        return min(stops, default=None)

    def of(self, kind: type[FaultT]) -> list[FaultT]:
        """Give the faults of a kind in the order of the rules: those of any request first, those by `events` last."""
        return [fault for fault in self._faults if isinstance(fault, kind)]

    def strictest(self, kind: type[FaultT], stream: Stream | None = None) -> FaultT | None:
        """Give the fault of a kind that holds, if there is one; of a kind that has streams, that of one of them."""
        faults = [each for each in self.of(kind) if stream is None or getattr(each, "stream", None) == stream]
        return max(faults, key=lambda fault: fault.severity, default=None)

    @property
    def shape_answer(self) -> bool:
        """Whether the answer goes out in another way than at once and whole."""
        return bool(self) and (bool(self.at("in-answer")) or any(fault.shapes_answer for fault in self._faults))
