"""Which events are lost by their sender's doing, and which by what no sender could have known.

For example, a backend has none of the events a, b and c, and yet their sender has done nothing wrong:

    sender                            backend
    position?                  ──>    0
    window 1 a, 2 b, 3 c       ──>    reset before anything is taken
                                      another writer takes 1 to 3
    position?                  ──>    3
    window 4 d                 ──>    200, the last number is 4

Of the reset it can't know whether the window was taken, and a backend at 3 is just what it would see if it was. Had it
never sent the window, 3 could not stem from it, and a, b and c would be lost by its doing. That is so as well if it
never asked before the window: then it had no reason to number its events from 1.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

from conformance.evidence.exchanges import MOST_AROUND_AN_EVENT, last_after
from conformance.evidence.protocol import ACCEPTED, DUPLICATE
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.evidence.exchanges import Request, Run, Sender
    from conformance.evidence.history import EnqueueCalled
    from conformance.evidence.index import Index
    from conformance.evidence.knowledge import Knowledge
    from conformance.evidence.outages import Outages
    from conformance.evidence.payloads import Handwriting
    from conformance.evidence.poison import Poison

_MOST_AROUND_A_NUMBER = MOST_AROUND_AN_EVENT + 20
"""Bytes around an event, with its number."""


class Losses:
    """What the senders of one history lost.

    Args:
        index: The history.
        knowledge: Gives what the senders of a run can know.
        handwriting: Gives how the sender of a run writes its lines.
        outages: What kept the senders from delivering.
        poison: What they may drop.
    """

    def __init__(
        self,
        index: Index,
        *,
        knowledge: Callable[[Run], Knowledge],
        handwriting: Callable[[Run], Handwriting],
        outages: Outages,
        poison: Poison,
    ) -> None:
        self._index = index
        self._settings = index.history.settings
        self._payloads = index.payloads
        self._knowledge = knowledge
        self._handwriting = handwriting
        self._outages = outages
        self._poison = poison
        self._missing = cache(self._find_missing)
        self._of = cache(self._find_losses)

    def missing(self, sender: Sender) -> list[EnqueueCalled]:
        """Return what `enqueue` accepted and the backend never did, in the order of the calls.

        A line that was a duplicate counts as there if the sender could not have known better: some answer had told it
        where the backend stands, and its number was free by that.
        """
        return self._missing(sender)

    def of(self, sender: Sender) -> list[EnqueueCalled]:
        """Return what is missing and the sender is to blame for, in the order of the calls.

        It is not to blame for an event that the backend refuses whenever it comes; for one whose line outgrew the
        limit, because it was told a longer number; nor for those that were in doubt when another writer took just
        their numbers, so that the backend seems to have them; nor for those that the backend said it had.
        """
        return self._of(sender)

    def may_have_outgrown(self, run: Run, call: EnqueueCalled) -> bool:
        """Whether an event's line may be over the limit under the highest number that the run came to."""
        room = self._settings.max_event_bytes - _MOST_AROUND_A_NUMBER
        if call.event is None or self._payloads.surely_fits(call.event, room):
            return False
        others = [state.last_accepted_seq for state in run.states] + [each.last_told or 0 for each in run.told]
        highest = max(others, default=0) + call.call
        room = self._settings.max_event_bytes - len(str(highest))
        if self._payloads.largest_size(call.event) + MOST_AROUND_AN_EVENT <= room:
            return False
        sizes = self._handwriting(run).sizes_of(call.event)
        return sizes is None or sizes[1] > room

    def _find_missing(self, sender: Sender) -> list[EnqueueCalled]:
        run = self._index.run(sender.run_id)
        there = [line for line in run.lines if line.decision == ACCEPTED or self._is_blameless_duplicate(run, line)]
        return self._payloads.without(sender.accepted, there)

    def _is_blameless_duplicate(self, run: Run, line: LineReceived) -> bool:
        if line.decision != DUPLICATE or line.seq is None:
            return False
        if run.first_taken.get(line.seq, math.inf) < line.time:
            return False  # its own earlier line; or another's, under a number that was given twice
        request = self._index.requests[line.request]
        told = run.told_before(request.began)
        if not told or (told[-1].last_told or 0) >= line.seq:
            return False
        return self._knowledge(run).had_asked(request)

    def _find_losses(self, sender: Sender) -> list[EnqueueCalled]:
        run = self._index.run(sender.run_id)
        missing = [call for call in self.missing(sender) if not self._poison.includes(run, call)]
        if not missing:
            return missing
        missing = [call for call in missing if not self.may_have_outgrown(run, call)]
        missing = self._without_those_lied_about(run, missing)
        seeming = self._seeming_deliveries(run, missing)
        missing = [call for call in missing if call.call not in seeming]
        return self._without_those_refused_later(sender, missing) if missing else missing

    def _seeming_deliveries(self, run: Run, missing: list[EnqueueCalled]) -> dict[int, float]:
        """The missing calls whose events may seem delivered, since others took their numbers; and since when."""
        seeming: dict[int, float] = {}
        for count, until in self._numbers_taken_by_others(run):
            waiting = [call for call in missing if call.time <= until and call.call not in seeming]
            seeming |= {call.call: until for call in waiting[:count]}
        return seeming

    def _without_those_refused_later(self, sender: Sender, missing: list[EnqueueCalled]) -> list[EnqueueCalled]:
        """Leave out what was refused as the oldest, once those before it seemed delivered by others' numbers.

        What was refused unread is blamed on the oldest that the backend doesn't have. Its sender may have taken that
        one for delivered by then, and the next for the one that is refused.
        """
        run = self._index.run(sender.run_id)
        calls = self.missing(sender)
        seeming = self._seeming_deliveries(run, calls)
        if not seeming:
            return missing
        since = {self._payloads.content(call.event): seeming[call.call] for call in calls if call.call in seeming}
        refused = self._poison.refused_calls(run, since)
        return [call for call in missing if (call.sender, call.call) not in refused]

    def _without_those_lied_about(self, run: Run, missing: list[EnqueueCalled]) -> list[EnqueueCalled]:
        """Leave out what a sender had sent, or may have, when it was told a number past all that the backend had.

        And what it sent under numbers that were taken already, when it had asked and was told a number from long ago.
        An answer to a window that says less than was known before is another matter: it should be asked about.
        """
        excused: set[str] = set()
        for wrong, stands_at in wrong_answers(self._index, run):
            if (wrong.last_told or 0) > stands_at:
                attempts = [each for each in run.requests if each.began <= wrong.ended]
                until = wrong.ended_at + self._index.history.round_trip  # it takes time to get there
                sent = [line for each in attempts for line in each.lines]
            elif wrong.kind in {"sync", "completion"}:
                attempts, until = [each for each in run.requests if each.began > wrong.ended], math.inf
                sent = [line for each in attempts for line in each.lines if line.decision == DUPLICATE]
            else:
                continue
            excused |= {self._payloads.content(line.event) for line in sent if line.event is not None}
            # What was in a request that nobody read can only be the oldest.
            if any(each.body is None and each.kind in {"data", "unknown"} for each in attempts):
                waiting = [self._payloads.content(call.event) for call in missing if call.time <= until]
                excused |= set([key for key in waiting if key not in excused][: self._settings.max_window_events])
        return [call for call in missing if self._payloads.content(call.event) not in excused]

    def _numbers_taken_by_others(self, run: Run) -> Iterator[tuple[int, float]]:
        """How many numbers others took while something of ours was in doubt, and when the sender knew at the latest."""
        knowledge = self._knowledge(run)
        stands_at = 0
        for record in run.changes:
            before, stands_at = stands_at, last_after(record)
            taken = stands_at - before
            if taken <= 0 or (isinstance(record, LineReceived) and not self._is_out_of_date(run, record)):
                continue
            known = next(
                (
                    each
                    for each in run.told
                    # An answer may have been made before, and sent after.
                    if (each.last_told or 0) >= stands_at
                    and each.answer is not None
                    and self._index.is_before(record, each.answer)
                    and knowledge.is_surely_heard(each)
                ),
                None,
            )
            began_before, until = (math.inf, math.inf) if known is None else (known.ended, known.ended_at)
            # Of a request that was lost with its connection there may be no record.
            in_doubt = any(
                _may_seem_delivered(each) and each.began < began_before and knowledge.had_asked(each)
                for each in run.requests
            )
            if in_doubt or any(began <= until for began, _ in self._outages.intervals):
                yield taken, until

    def _is_out_of_date(self, run: Run, line: LineReceived) -> bool:
        """Whether a line was taken under a number that its sender had to give to another event meanwhile.

        It was on its way when the backend forgot something or others wrote, and was taken when its request was long
        over.
        """
        request = self._index.requests[line.request]
        if request.end is None or self._index.is_before(line, request.end):
            return False
        is_before = self._index.is_before
        return any(is_before(request.started, state) and is_before(state, line) for state in run.states)


def wrong_answers(index: Index, run: Run) -> Iterator[tuple[Request, int]]:
    """The answers that tell another number than the one at which the run stands, and that number."""
    stands_at = done = 0
    for request in run.told:
        while done < len(run.changes) and index.is_before(run.changes[done], request.answer):
            stands_at = last_after(run.changes[done])
            done += 1
        if request.last_told != stands_at:
            yield request, stands_at


def _may_seem_delivered(request: Request) -> bool:
    """Whether a sender may take events of a request for delivered that are not, once it is told their numbers."""
    if request.kind not in {"data", "unknown"}:
        return False
    is_unread = request.kind == "unknown" or request.last_told is None
    return is_unread or any(line.decision != ACCEPTED for line in request.lines)
