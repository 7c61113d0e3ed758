"""Rows of the table of products: one attack in words each, and the faults that take their place in it.

The kind of a fault (a status, a reset, a stall) and the point of the request at which it strikes, so that nothing, a
part or the whole of a window was taken, are read off the fault itself: what counts as attacked is what is performed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from conformance.harness.scenario import Scenario
from conformance.scenarios.scripts import two_bursts
from fake_backend.faults import FaultRule, ResetPeer, Stall, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault, Phase, RequestKind

Meets: TypeAlias = int | Literal["reset", "stall"]
"""A status, a reset or a stall, which a request meets in place of the true answer."""

Next: TypeAlias = Literal["goes on", "streams", "stops"]
"""The sender's next task: to deliver more events, to deliver them in windows that stay open, or to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """One attack, as far as the axes of the table tell it."""

    meets: Meets
    phase: Phase
    of: RequestKind
    next: Next


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Scenarios that differ in their fault alone.

    Args:
        name: The name of each, with the fault's name in place of `{what}`.
        story: The story of each, with the fault's name, without hyphens, in place of `{what}`.
        rules: The ids of the rules that each attacks.
        faults: The faults by name; each makes a scenario.
        strikes: The kinds of requests that the fault strikes, each with the numbers of those requests, from 1; without
            numbers it strikes all of the kind.
        next: The sender's next task.
        script: Performs that.
        settings: What differs from the default settings.
        beside: Faults that all of them have besides.
        stands_at: The last number of the run before the scenario begins.
    """

    name: str
    story: str
    rules: tuple[str, ...]
    faults: Mapping[str, Fault]
    strikes: tuple[tuple[RequestKind, tuple[int, ...]], ...]
    next: Next = "goes on"
    script: Callable[[Stage], Awaitable[None]] = two_bursts
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[FaultRule, ...] = ()
    stands_at: int = 0

    def scenarios(self) -> Iterator[Scenario]:
        """Yield one for each fault."""
        for what, fault in self.faults.items():
            struck = (FaultRule(fault=fault, of=of, requests=requests) for of, requests in self.strikes)
            yield Scenario(
                name=self.name.format(what=what),
                story=self.story.format(what=_in_words(what)),
                rules=self.rules,
                script=self.script,
                settings=self.settings,
                faults=(*struck, *self.beside),
                stands_at=self.stands_at,
            )

    def combinations(self) -> Iterator[Combination]:
        """Yield the combinations that these attack."""
        for fault in self.faults.values():
            for of, _ in self.strikes:
                # A sender that asks first gets no further than that, if every request is struck.
                yield _combination(fault, "sync" if of == "any" else of, self.next)


def _in_words(what: str) -> str:
    words = what.replace("-", " ")
    for each in ("HTML", "JSON", "Retry-After"):
        words = words.replace(each.lower().replace("-", " "), each)
    return words


def _combination(fault: Fault, of: RequestKind, then: Next) -> Combination:
    match fault:
        case Status(status=status, phase=phase):
            return Combination(meets=status, phase=phase, of=of, next=then)
        case ResetPeer(phase=phase):
            return Combination(meets="reset", phase=phase, of=of, next=then)
        case Stall(phase=phase):
            return Combination(meets="stall", phase=phase, of=of, next=then)
        case _:
            raise ValueError(f"a row has {fault}; the table is of Status, ResetPeer and Stall")
