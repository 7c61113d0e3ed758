"""WIN: bugs at the limits of windows, of events and of the buffer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from conformance.evidence.settings import Settings


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
class PutsOneByteTooManyIntoAWindow(PlainSender):
    """Is off by one at the bytes of a window."""

    def is_too_much(self, events: int, size: int) -> bool:
        return super().is_too_much(events, size - 2)  # the last newline isn't sent, and is one of the two


@fails("WIN-1", "max_window_bytes is 2000")
class MeasuresWindowsInCharacters(PlainSender):
    """Takes the letters of a line for its bytes."""

    def measure(self, line: bytes) -> int:
        return len(line.decode())


@fails("WIN-1", "max_window_bytes is 2000")
class MeasuresWindowsUnderTheFirstNumber(PlainSender):
    """Counts one byte for a number, however long it is."""

    def measure(self, line: bytes) -> int:
        return len(line) - line.index(b",") + len(b'{"seq":1')


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


@fails("WIN-2", "bytes went out; max_event_bytes is 1000")
class MeasuresEventsInCharacters(PlainSender):
    """Takes the letters of a line for its bytes."""

    def is_too_long(self, seq: int, payload: bytes) -> bool:
        return len(self.line(seq, payload).decode()) > self.settings.max_event_bytes


@fails("WIN-2", "bytes went out; max_event_bytes is 1000")
class MeasuresUnderTheFirstNumber(PlainSender):
    """Measures each line as if its number had one digit."""

    def is_too_long(self, _seq: int, payload: bytes) -> bool:
        return super().is_too_long(1, payload)


@fails("WIN-2", "an event was refused as oversized whose line has 1000 bytes; max_event_bytes is 1000")
class KeepsRoomForTheLongestNumber(PlainSender):
    """Measures each line as if its number had twenty digits."""

    def is_too_long(self, _seq: int, payload: bytes) -> bool:
        return super().is_too_long(10**19, payload)


@fails("WIN-2", "bytes went out; max_event_bytes is 1000")
class SendsWhatOutgrewItsLimit(PlainSender):
    """Measures an event once, under the number that it was to get, and sends it under a longer one."""

    def drop_outgrown(self) -> None:
        pass


@fails("WIN-2", "an event was accepted whose line has")
class MeasuresWithoutTheEnvelope(PlainSender):
    """Measures an event, and not the line in which it goes out."""

    def is_oversized(self, payload: bytes) -> bool:
        return len(payload) > self.settings.max_event_bytes


@fails("WIN-3", "21 events are held, with those under way; max_buffered_events is 20")
class HasNoLimitOfEvents(PlainSender):
    """Holds as many events as there are."""

    def is_full(self, _payload: bytes) -> bool:
        return False


@fails("WIN-3", "21 events are held, with those under way; max_buffered_events is 20")
class HoldsOneEventTooMany(PlainSender):
    """Is off by one at the events of its buffer."""

    def is_full(self, _payload: bytes) -> bool:
        return len(self.held) > self.settings.max_buffered_events


@fails("WIN-3", "events are held, with those under way; max_buffered_events is 20")
class CountsOnlyWhatWaits(PlainSender):
    """Counts what waits behind the window in flight, and not the window."""

    in_flight = 0

    async def send(self, lines: list[bytes]) -> None:
        self.in_flight = len(lines)
        await super().send(lines)
        self.in_flight = 0

    def is_full(self, _payload: bytes) -> bool:
        return len(self.held) - self.in_flight >= self.settings.max_buffered_events


@fails("WIN-3", "bytes of events are held, with those under way; max_buffered_bytes is 3000")
class CountsOnlyTheBytesThatWait(CountsOnlyWhatWaits):
    """Counts all events that it holds, and the bytes of those alone that wait behind the window in flight."""

    def is_full(self, payload: bytes) -> bool:
        waiting = sum(map(len, self.held[self.in_flight :]))
        return (
            len(self.held) >= self.settings.max_buffered_events
            or waiting + len(payload) > self.settings.max_buffered_bytes
        )


@fails("WIN-3", "events are held, with those under way; max_buffered_events is 20")
class CountsEventsNowAndThen(PlainSender):
    """Grants itself credit for seven events whenever it has room for one, and counts again when that is used up."""

    credit = 0

    def is_full(self, payload: bytes) -> bool:
        if self.credit == 0:
            if super().is_full(payload):
                return True
            self.credit = 7
        self.credit -= 1
        return False


@fails("WIN-3", "bytes of events are held, with those under way; max_buffered_bytes is 3000")
class CountsBytesWhenItSends(PlainSender):
    """Counts the bytes of what it holds when a window begins, and not as events come in."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.counted = 0

    def window(self) -> list[bytes]:
        self.counted = sum(map(len, self.held))
        return super().window()

    def is_full(self, payload: bytes) -> bool:
        is_crowded = len(self.held) >= self.settings.max_buffered_events
        return is_crowded or self.counted + len(payload) > self.settings.max_buffered_bytes


@fails("WIN-3", "bytes of events are held, with those under way; max_buffered_bytes is 3000")
class CountsItsBufferInCharacters(PlainSender):
    """Takes the letters of what it holds for bytes."""

    def is_full(self, payload: bytes) -> bool:
        letters = sum(len(each.decode()) for each in [*self.held, payload])
        return len(self.held) >= self.settings.max_buffered_events or letters > self.settings.max_buffered_bytes


@fails("DRN-6", "an event was enqueued after stop had been called, and answered 'accepted'")
class LooksNowAndThenWhetherItIsClosed(PlainSender):
    """Takes thirty events on credit before it looks at itself again."""

    credit = 0

    def is_closed(self) -> bool:
        if self.credit == 0:
            if super().is_closed():
                return True
            self.credit = 30
        self.credit -= 1
        return False


@fails("DLV-1", "the report accounts for")
class TakesEventsOnCreditAfterItsEnd(PlainSender):
    """Goes on taking events when a final answer has ended it, and has nowhere to put them."""

    def is_closed(self) -> bool:
        return self.closed

    def enqueue(self, event: Any) -> str:
        outcome = super().enqueue(event)
        if self.over and outcome == "accepted":
            del self.held[-1]
        return outcome


@fails("WIN-3", "bytes of events are held, with those under way; max_buffered_bytes is 3000")
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

    def serialize(self, event: Any) -> bytes:
        return json.dumps(event, default=repr).encode()


@fails("WIN-3", "an event was refused as full when at most")
class NeverGetsItsRoomBack(PlainSender):
    """Goes on counting the bytes of an event that it has dropped as refused."""

    lost = 0

    def drop(self) -> None:
        self.lost += len(self.held[0])
        super().drop()

    def is_full(self, payload: bytes) -> bool:
        held = sum(map(len, self.held)) + self.lost
        return super().is_full(payload) or held + len(payload) > self.settings.max_buffered_bytes


@fails("WIN-4", "was answered 'raised")
class RaisesWhatJsonRaises(PlainSender):
    """Lets the errors of the serializer out of `enqueue`."""

    def enqueue(self, event: Any) -> str:
        if not self.is_closed():
            self.serialize(event)
        return super().enqueue(event)


@fails("WIN-4", "an event beside one that can't be serialized was not delivered")
class LosesTheNeighbors(PlainSender):
    """Gives up the whole batch for one event that can't be serialized."""

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
