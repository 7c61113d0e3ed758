"""The events that are held, and their numbers: the i-th event of the buffer *is* number `acked + 1 + i`.

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
from itertools import islice
from typing import TYPE_CHECKING

from reference.sender import wire
from reference.sender.messages import Outcome

if TYPE_CHECKING:
    from reference.sender.config import SenderConfig

_LONGEST_NUMBER = 20


class NumberedBuffer:
    """Serialised events in the order of `enqueue`, bounded by count and by bytes."""

    def __init__(self, config: SenderConfig) -> None:
        self._events: deque[bytes] = deque()
        self._bytes = 0
        self._max_events = config.max_buffered_events
        self._max_bytes = config.max_buffered_bytes
        self._max_line = config.max_event_bytes
        # An event that is smaller than this fits under any number, and need not be looked at twice.
        self._surely_fits = config.max_event_bytes - wire.LINE_OVERHEAD - _LONGEST_NUMBER
        self._holds_borderline_events = False
        self.acked = 0
        """The last number that the backend confirmed."""
        self.exposed = 0
        """How many events, from the head, the backend may have taken under their numbers."""
        self.accepted = 0
        """Events taken into the buffer so far."""
        self.delivered = 0
        """Events that the backend confirmed so far."""

    def __len__(self) -> int:
        return len(self._events)

    def append(self, payload: bytes) -> Outcome:
        """Take an event, or say why not. A refusal takes no number (WIN-2, WIN-3)."""
        size = len(payload)
        if size > self._surely_fits:
            self._holds_borderline_events = True
            if wire.line_size(self.acked + 1 + len(self._events), size) > self._max_line:
                return Outcome.OVERSIZED
        if len(self._events) >= self._max_events or self._bytes + size > self._max_bytes:
            return Outcome.FULL
        self._events.append(payload)
        self._bytes += size
        self.accepted += 1
        return Outcome.ACCEPTED

    def has_room_for(self, size: int) -> bool:
        """Whether an event of so many serialised bytes would be taken now, unless it is too large."""
        return len(self._events) < self._max_events and self._bytes + size <= self._max_bytes

    def lines(self, first: int, count: int, *, room: int, block: int) -> list[bytes]:
        """The lines of up to `count` events from index `first` on, which are exposed by this.

        They take `room` bytes at the most; and about a `block`, that is, one line alone may be larger than it.
        """
        lines: list[bytes] = []
        size = 0
        seq = self.acked + 1 + first
        for payload in islice(self._events, first, first + count):
            line = wire.EVENT_LINE % (seq, payload)
            size += len(line)
            if size > room or (size > block and lines):
                break
            lines.append(line)
            seq += 1
        self.exposed = max(self.exposed, first + len(lines))
        return lines

    def settle(self, last: int) -> int:
        """The backend says that `last` is the last number it accepted. Gives how many events that delivers.

        What was exposed up to that number is delivered. Where the number is outside of what was exposed, the events
        that are left are renumbered from it on.
        """
        taken = min(max(last - self.acked, 0), self.exposed)
        for _ in range(taken):
            self._bytes -= len(self._events.popleft())
        self.delivered += taken
        if last == self.acked + taken:
            self.acked, self.exposed = last, self.exposed - taken
        else:
            self.renumber(last)
        return taken

    def renumber(self, last: int) -> None:
        """The backend is at `last` without having taken any of what is held: all of it follows from there."""
        self.exposed = 0
        self.acked = last

    def remove_head(self) -> bytes:
        """Take out the event at the head. Those behind it move up by one number, so none of them may be taken yet."""
        payload = self._events.popleft()
        self._bytes -= len(payload)
        self.exposed = 0
        return payload

    def remove_outgrown(self) -> list[bytes]:
        """Take out what is too large under its number of now: a rebase may have given it a longer one (WIN-2).

        Exposed events are never touched: what keeps its number keeps its size.
        """
        if self.exposed or not self._holds_borderline_events:
            return []
        removed: list[bytes] = []
        kept: deque[bytes] = deque()
        for payload in self._events:
            if wire.line_size(self.acked + 1 + len(kept), len(payload)) <= self._max_line:
                kept.append(payload)
            else:
                removed.append(payload)
                self._bytes -= len(payload)
        self._events = kept
        return removed
