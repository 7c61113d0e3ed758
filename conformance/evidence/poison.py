"""Which events a backend refused so that their sender may drop them."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from conformance.evidence.exchanges import MOST_AROUND_AN_EVENT
from conformance.evidence.protocol import PRESENT, REFUSALS, REFUSED, REFUSED_BY_ITSELF, TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.evidence.exchanges import Run, Sender
    from conformance.evidence.history import EnqueueCalled
    from conformance.evidence.payloads import Payloads

_TIMES_THAT_PROVE_POISON = 2
_NOTHING: Mapping[str, float] = MappingProxyType({})


class Poison:
    """The events of one history that the backend refused."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._refused = cache(self.refused_calls)
        self._smallest_that_is_too_large = cache(_smallest_that_is_too_large)

    def includes(self, run: Run, call: EnqueueCalled) -> bool:
        """Whether the backend refused an event so that its sender may drop it.

        A line that is too large isn't read to its end, so the event is known by its size alone.
        """
        return self._is_too_large(run, call) or _key(call) in self._refused(run)

    def refused_calls(self, run: Run, seeming: Mapping[str, float] = _NOTHING) -> set[tuple[int, int]]:
        """Return the sender and the number of each call whose event was refused: for its content, or as the oldest.

        Where a request is refused unread nobody sees for which event. A sender that looks for it can come upon none but
        the oldest that the backend doesn't have; it takes two refusals, or one where that was the only one.

        Args:
            run: The run.
            seeming: Since when events, by their content, may have seemed delivered to their sender that were not.
        """
        content = self._payloads.content
        for_its_content = {content(line.event) for line in run.lines if line.decision == REFUSED}
        found = set()
        for sender in run.senders:
            if for_its_content:
                found |= {_key(call) for call in sender.accepted if content(call.event) in for_its_content}
            dropped = found | {_key(call) for call in sender.accepted if self._is_too_large(run, call)}
            arrived = self._arrivals(run)
            found |= self._refused_as_the_oldest(run, sender, dropped, arrived)
            arrived |= self._seeming_arrivals(run) | dict(seeming)
            found |= self._refused_as_the_oldest(run, sender, dropped, arrived)
        return found

    def _is_too_large(self, run: Run, call: EnqueueCalled) -> bool:
        """Whether the line of an event may be one of those that the backend refused, again, for their size."""
        if call.event is None:
            return False
        smallest = self._smallest_that_is_too_large(run)
        return self._payloads.compact_size(call.event) + MOST_AROUND_AN_EVENT >= smallest

    def _arrivals(self, run: Run) -> dict[str, float]:
        """When the backend first had an event, by its content."""
        content = self._payloads.content
        return {content(line.event): line.time for line in reversed(run.lines) if line.decision in PRESENT}

    def _seeming_arrivals(self, run: Run) -> dict[str, float]:
        """When a sender was first told of an event that the backend has it, be it true or not."""
        return {
            self._payloads.content(line.event): request.ended_at
            for request in reversed(run.data)
            if request.succeeded and (request.last_told or 0) >= request.highest_seq
            for line in request.lines
            if line.event is not None
        }

    def _refused_as_the_oldest(
        self, run: Run, sender: Sender, dropped: set[tuple[int, int]], arrived: Mapping[str, float]
    ) -> set[tuple[int, int]]:
        refusals = [
            request
            for request in run.requests
            if request.status in REFUSALS and not any(line.decision in REFUSED_BY_ITSELF for line in request.lines)
        ]
        if not refusals:
            return set()
        calls = [(call, arrived.get(self._payloads.content(call.event), math.inf)) for call in sender.accepted]
        found: set[tuple[int, int]] = set()
        times: Counter[tuple[int, int]] = Counter()
        for request in refusals:
            gone = found | dropped
            waiting = [
                _key(call)
                for call, arrives in calls
                if call.time <= request.ended_at < arrives and _key(call) not in gone
            ]
            if waiting:
                times[waiting[0]] += 1
                if times[waiting[0]] >= _TIMES_THAT_PROVE_POISON or len(waiting) == 1:
                    found.add(waiting[0])
        return found


def _smallest_that_is_too_large(run: Run) -> float:
    too_large = [line.size for line in run.lines if line.decision == TOO_LARGE]
    unread = [each for each in run.requests if each.status in REFUSALS and each.kind == "unknown"]
    is_proven = len(too_large) + len(unread) >= _TIMES_THAT_PROVE_POISON
    return min(too_large, default=math.inf) if is_proven else math.inf


def _key(call: EnqueueCalled) -> tuple[int, int]:
    return call.sender, call.call
