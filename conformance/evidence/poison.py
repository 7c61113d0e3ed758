"""Which events a backend refused so that their sender may drop them."""

from __future__ import annotations

import math
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from conformance.evidence.payloads import content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.evidence.exchanges import Run, Sender
    from conformance.evidence.history import EnqueueCalled

_REFUSED = frozenset({400, 413})
_TAKEN = frozenset({"accepted", "duplicate"})
_REFUSED_BY_ITSELF = frozenset({"too-large", "refused", "invalid"})
_TIMES_THAT_PROVE_POISON = 2
NOTHING: Mapping[str, float] = MappingProxyType({})


def refused_calls(run: Run, seeming: Mapping[str, float] = NOTHING) -> set[tuple[int, int]]:
    """The sender and the number of each call whose event was refused: for what it holds, or as the oldest, and twice.

    Where a request is refused unread nobody sees for which event. A sender that looks for it can come upon none but
    the oldest that the backend doesn't have; once is enough only where it was the only one. `seeming` tells since when
    events, by their content, may have seemed delivered to their sender that were not.
    """
    for_what_it_holds = {content(line.event or {}) for line in run.lines if line.decision == "refused"}
    found = set()
    for sender in run.senders:
        if for_what_it_holds:
            found |= {_key(call) for call in sender.accepted if content(call.event or {}) in for_what_it_holds}
        dropped = found | {_key(call) for call in sender.accepted if run.is_too_large(call)}
        found |= _refused_as_the_oldest(run, sender, dropped, _arrivals(run))
        found |= _refused_as_the_oldest(run, sender, dropped, _arrivals(run) | _seeming_arrivals(run) | dict(seeming))
    return found


def _arrivals(run: Run) -> dict[str, float]:
    """When the backend first had an event, by its content."""
    return {content(line.event or {}): line.time for line in reversed(run.lines) if line.decision in _TAKEN}


def _seeming_arrivals(run: Run) -> dict[str, float]:
    """When a sender was first told of an event that the backend has it, be it true or not."""
    return {
        content(line.event): request.ended_at
        for request in reversed(run.data)
        if request.succeeded and (request.last_told or 0) >= request.highest_seq
        for line in request.lines
        if line.event is not None
    }


def _refused_as_the_oldest(
    run: Run, sender: Sender, dropped: set[tuple[int, int]], arrived: dict[str, float]
) -> set[tuple[int, int]]:
    refusals = [
        request
        for request in run.requests
        if request.status in _REFUSED and not any(line.decision in _REFUSED_BY_ITSELF for line in request.lines)
    ]
    if not refusals:
        return set()
    calls = [(call, arrived.get(content(call.event or {}), math.inf)) for call in sender.accepted]
    found: set[tuple[int, int]] = set()
    times: Counter[tuple[int, int]] = Counter()
    for request in refusals:
        gone = found | dropped
        waiting = [
            _key(call) for call, arrives in calls if call.time <= request.ended_at < arrives and _key(call) not in gone
        ]
        if waiting:
            times[waiting[0]] += 1
            if times[waiting[0]] >= _TIMES_THAT_PROVE_POISON or len(waiting) == 1:
                found.add(waiting[0])
    return found


def _key(call: EnqueueCalled) -> tuple[int, int]:
    return call.sender, call.call
