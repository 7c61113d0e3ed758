"""Holds the events and their numbers: the i-th event of the buffer *is* number `acked + 1 + i`.

Nothing else remembers a number, hence:

* an acknowledgement of L drops the prefix of the buffer up to number L (DLV-4, DLV-5);
* a rebase is one assignment to `acked`, and order can't be lost by it (SEQ-2, DLV-3);
* no number is given twice, and none is left out (WIRE-3, SEQ-5).

An event is *exposed* once it was handed to the network under its number. Exposed events form a prefix of the buffer.
An acknowledgement takes exposed events only (DLV-7); and as long as `acked` is not reassigned, an exposed event keeps
its number (SEQ-3), so that a backend that has it already ignores it as a duplicate. That is all there is to exactly
once, and its limit: a backend can't tell apart two writers of one run that use the same numbers.
"""

from __future__ import annotations

from collections import deque
from itertools import count, islice
from typing import TYPE_CHECKING

from reference.sender import wire
from reference.sender.types import Outcome

if TYPE_CHECKING:
    from reference.sender.config import SenderConfig

_LONGEST_NUMBER = 20
_SMALL = 4096


class NumberedBuffer:
    """Serialized events in the order of `enqueue`, bounded by count and by bytes.

    Events come in by `append`, one at a time, each looked at; or on `credit`, which is what makes `enqueue` cheap: so
    many small events may be given to `take_on_credit` unseen, since they fit whatever they are. Credit is good until
    anything else happens to the buffer.
    """

    def __init__(self, config: SenderConfig) -> None:
        self._events: deque[bytes] = deque()
        self.take_on_credit = self._events.append
        self._bytes = 0  # of the events that were counted: those that came on credit are counted later
        self._counted = 0
        self._max_events = config.max_buffered_events
        self._max_bytes = config.max_buffered_bytes
        self._max_line = config.max_event_bytes
        # An event that is smaller than this fits under any number, and need not be looked at twice.
        self._surely_fits = config.max_event_bytes - wire.LINE_OVERHEAD - _LONGEST_NUMBER
        self._holds_borderline_events = False
        self.credit_bytes = min(self._surely_fits, _SMALL)
        """The largest event that may come on credit."""
        self.acked = 0
        """The last number that the backend confirmed."""
        self.exposed = 0
        """How many events, from the head, the backend may have taken under their numbers."""
        self.delivered = 0
        """Events that the backend confirmed so far."""
        self.settled = 0
        """How many events, from the first on, were delivered or taken out: one still held ends the count."""
        self.is_closed = False
        self.has_refused = False
        """Whether an event was refused for want of room since an event last left."""
        self._taken_out_ahead: set[int] = set()  # their places in the order of `append`, from 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def accepted(self) -> int:
        """Events taken into the buffer so far."""
        return self.settled + len(self._taken_out_ahead) + len(self._events)

    def append(self, payload: bytes) -> Outcome:
        """Take an event, or say why not. A refusal takes no number (WIN-2, WIN-3)."""
        self._count()
        size = len(payload)
        held = self._bytes + size
        if held > self._max_bytes or len(self._events) >= self._max_events or size > self._surely_fits:
            refusal = self._refusal(size, held)
            if refusal is not None:
                return refusal
        self._events.append(payload)
        self._bytes = held
        self._counted += 1
        return Outcome.ACCEPTED

    def credit(self) -> int:
        """Return how many events of up to `credit_bytes` may come without being looked at."""
        self._count()
        if self.is_closed or self.credit_bytes < 1:
            return 0
        return max(0, min(self._max_events - len(self._events), (self._max_bytes - self._bytes) // self.credit_bytes))

    def _refusal(self, size: int, held: int) -> Outcome | None:
        if self.is_closed:
            return Outcome.CLOSED
        if size > self._surely_fits:
            self._holds_borderline_events = True
            if wire.line_size(self.acked + 1 + len(self._events), size) > self._max_line:
                return Outcome.OVERSIZED
        if held > self._max_bytes or len(self._events) >= self._max_events:
            self.has_refused = True
            return Outcome.FULL
        return None

    def close(self) -> None:
        """Take no more events."""
        self.is_closed = True
        self._max_events = 0  # so that `append` looks closer

    def has_room_for(self, size: int) -> bool:
        """Return whether an event of `size` serialized bytes would be taken now, unless it is too large."""
        self._count()
        return len(self._events) < self._max_events and self._bytes + size <= self._max_bytes

    def lines(self, first: int, count: int, *, room: int, block: int) -> list[bytes]:
        """Return the lines of up to `count` events from index `first` on, which are exposed by this.

        They take `room` bytes at the most; and about a `block`, that is, one line alone may be larger than it.
        """
        self._count()
        # As many as fill the block if they are of the usual size; then those that are too many are put back.
        usual = wire.LINE_OVERHEAD + self._bytes // max(len(self._events), 1)
        events = islice(self._events, first, first + min(count, block // usual + 1))
        lines = [wire.EVENT_LINE % numbered for numbered in enumerate(events, self.acked + 1 + first)]
        size = sum(map(len, lines))
        while size > room or (size > block and len(lines) > 1):
            size -= len(lines.pop())
        self.exposed = max(self.exposed, first + len(lines))
        return lines

    def settle(self, last: int) -> int:
        """Settle the events up to `last`, the last number that the backend accepted; return how many that delivers.

        What was exposed up to that number is delivered. Where the number is outside of what was exposed, the events
        that are left are renumbered from it on.
        """
        taken = min(max(last - self.acked, 0), self.exposed)
        self._drop_head(taken)
        self.delivered += taken
        if last == self.acked + taken:
            self.acked, self.exposed = last, self.exposed - taken
        else:
            self.renumber(last)
        return taken

    def renumber(self, last: int) -> None:
        """Number all that is held from `last` on: the backend stands there without having taken any of it."""
        self.exposed = 0
        self.acked = last

    @property
    def head(self) -> bytes:
        """The event that is next; there must be one."""
        return self._events[0]

    def remove_head(self) -> bytes:
        """Take out the event at the head. Those behind it move up by one number, so none of them may be taken yet."""
        payload = self._events[0]
        self.exposed = 0
        self._drop_head(1)
        return payload

    def remove_outgrown(self) -> list[bytes]:
        """Take out what is too large under its number of now: a rebase may have given it a longer one (WIN-2).

        Exposed events are never touched: what keeps its number keeps its size.
        """
        if self.exposed or not self._holds_borderline_events:
            return []
        self._count()
        removed: list[bytes] = []
        taken_out: set[int] = set()
        kept: list[bytes] = []
        places = (place for place in count(self.settled) if place not in self._taken_out_ahead)
        for payload, place in zip(self._events, places, strict=False):
            if wire.line_size(self.acked + 1 + len(kept), len(payload)) <= self._max_line:
                kept.append(payload)
            else:
                removed.append(payload)
                self._bytes -= len(payload)
                taken_out.add(place)
        self._events.clear()
        self._events.extend(kept)
        self._counted = len(kept)
        self._taken_out_ahead |= taken_out
        self._skip_what_was_taken_out()
        return removed

    def _count(self) -> None:
        """Count the bytes of what came on credit."""
        new = len(self._events) - self._counted
        if new:
            self._bytes += sum(map(len, islice(reversed(self._events), new)))
            self._counted += new

    def _drop_head(self, count: int) -> None:
        self._count()
        self._counted -= count
        self.has_refused = self.has_refused and count == 0
        self._bytes -= sum(map(len, islice(self._events, count)))
        popleft = self._events.popleft
        for _ in range(count):
            popleft()
        if not self._taken_out_ahead:
            self.settled += count
            return
        for _ in range(count):
            self.settled += 1
            self._skip_what_was_taken_out()

    def _skip_what_was_taken_out(self) -> None:
        while self.settled in self._taken_out_ahead:
            self._taken_out_ahead.remove(self.settled)
            self.settled += 1
