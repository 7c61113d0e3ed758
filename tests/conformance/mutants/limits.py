"""WIN: bugs at the limits of windows, of events and of the buffer."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.mutants.registry import fails


@fails("WIN-1", "carried 8 events; max_window_events is 7")
class PutsOneEventTooManyIntoAWindow(PlainSender):
    """Closes a window after the event that is too much."""

    def is_too_much(self, events: int, size: int) -> bool:
        return super().is_too_much(events - 1, size)


@fails("WIN-1", "max_window_bytes is 2000")
class ForgetsTheNewlinesOfAWindow(PlainSender):
    """Counts the bytes of a window's lines, and not what is between them."""

    def is_too_much(self, events: int, size: int) -> bool:
        return super().is_too_much(events, size - events)


@fails("WIN-1", "max_window_bytes is 2000")
class KnowsNoLimitOfBytes(PlainSender):
    """Limits a window by its events alone."""

    def is_too_much(self, events: int, _size: int) -> bool:
        return super().is_too_much(events, 0)


@fails("WIN-2", "an event was accepted whose line has 1001 bytes; max_event_bytes is 1000")
class AcceptsAnEventOneByteTooLarge(PlainSender):
    """Is off by one at the limit of an event."""

    def is_oversized(self, payload: bytes) -> bool:
        return super().is_oversized(payload[:-1])


@fails("WIN-2", "an event was refused as oversized whose line has 1000 bytes; max_event_bytes is 1000")
class RefusesAnEventOfExactlyTheLimit(PlainSender):
    """Is off by one at the limit of an event, the other way."""

    def is_oversized(self, payload: bytes) -> bool:
        return super().is_oversized(payload + b" ")


@fails("WIN-2", "an event was accepted whose line has")
class MeasuresWithoutTheEnvelope(PlainSender):
    """Measures an event, and not the line in which it goes out."""

    def is_oversized(self, payload: bytes) -> bool:
        return len(payload) > self.settings.max_event_bytes


@fails("WIN-3", "21 events are held; max_buffered_events is 20")
class HasNoLimitOfEvents(PlainSender):
    """Holds as many events as there are."""

    def is_full(self, _payload: bytes) -> bool:
        return False


@fails("WIN-3", "bytes of events are held; max_buffered_bytes is 3000")
class CountsNoBytes(PlainSender):
    """Limits its buffer by count alone."""

    def is_full(self, _payload: bytes) -> bool:
        return len(self.held) >= self.settings.max_buffered_events


@fails("WIN-3", "an event was refused as full when at most")
class StaysFull(PlainSender):
    """Doesn't recover once it was full."""

    was_full = False

    def is_full(self, payload: bytes) -> bool:
        self.was_full = self.was_full or super().is_full(payload)
        return self.was_full


@fails("WIN-4", "was answered 'accepted', not 'unserializable'")
class WritesWhatJsonCannotCarry(PlainSender):
    """Writes NaN and infinities as no parser reads them, and anything else by its repr."""

    def serialise(self, event: Any) -> bytes:
        return json.dumps(event, default=repr).encode()


@fails("WIN-4", "was answered 'raised")
class RaisesWhatJsonRaises(PlainSender):
    """Lets the errors of the serialiser out of `enqueue`."""

    def enqueue(self, event: Any) -> str:
        if not self.is_closed():
            self.serialise(event)
        return super().enqueue(event)


@fails("WIN-4", "an event beside one that can't be serialised was not delivered")
class LosesTheNeighbours(PlainSender):
    """Gives up the whole batch for one event that can't be serialised."""

    def enqueue(self, event: Any) -> str:
        outcome = super().enqueue(event)
        if outcome == "unserializable":
            self.held.clear()
        return outcome


@fails("WIN-5", "events enqueued together took")
class MakesARequestForEachEvent(PlainSender):
    """Has windows of one event."""

    def window(self) -> list[bytes]:
        return super().window()[:1]
