"""The buffer: numbers follow from places, limits hold to the byte, and only what was exposed is acknowledged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reference.sender import Outcome
from reference.sender.buffer import NumberedBuffer
from tests.reference.sender.driving import payload, settings

LIMIT = 60
FRAME = len('{"seq":,"event":}')


def a_buffer(*, acked: int = 0, **changes: Any) -> NumberedBuffer:
    """A buffer whose next number follows `acked`."""
    buffer = NumberedBuffer(settings(**{"max_event_bytes": LIMIT, **changes}))
    buffer.settle(acked)
    return buffer


def expose(buffer: NumberedBuffer, count: int) -> list[int]:
    """Expose the first events; gives their numbers."""
    lines = buffer.lines(0, count, room=1_000_000, block=1_000_000)
    return [json.loads(line)["seq"] for line in lines]


def filled(count: int, **changes: Any) -> NumberedBuffer:
    """A buffer that holds so many small events."""
    buffer = a_buffer(**changes)
    for _ in range(count):
        assert buffer.append(b"{}") is Outcome.ACCEPTED
    return buffer


# Size, to the byte.


@pytest.mark.parametrize(
    ("acked", "held", "digits"),
    [(0, 0, 1), (8, 0, 1), (9, 0, 2), (0, 8, 1), (0, 9, 2), (98, 0, 2), (99, 0, 3), (90, 9, 3), (10**19 - 1, 0, 20)],
)
def test_an_event_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(acked: int, held: int, digits: int) -> None:
    """What counts is its line under the number it is about to get: 10 is longer than 9, and 100 than 99 (WIN-2)."""
    largest = LIMIT - FRAME - digits
    buffer = filled(held, acked=acked)
    assert buffer.append(payload(largest + 1)) is Outcome.OVERSIZED
    assert len(buffer) == held
    assert buffer.append(payload(largest)) is Outcome.ACCEPTED
    line = buffer.lines(held, 1, room=1_000_000, block=1)[0]
    assert len(line) == LIMIT + len(b"\n")
    assert json.loads(line)["seq"] == acked + held + 1


def test_a_refusal_takes_no_number() -> None:
    """The next event gets the number that the refused one would have had."""
    buffer = a_buffer(max_buffered_events=2)
    assert buffer.append(payload(LIMIT)) is Outcome.OVERSIZED
    assert [buffer.append(b"{}") for _ in range(3)] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.FULL]
    assert buffer.accepted == 2
    assert expose(buffer, 9) == [1, 2]


def test_an_oversized_event_is_oversized_also_where_the_buffer_is_full() -> None:
    """It is told the reason that will not go away."""
    buffer = filled(1, max_buffered_events=1)
    assert buffer.append(payload(LIMIT)) is Outcome.OVERSIZED
    assert buffer.append(b"{}") is Outcome.FULL


def test_the_buffer_is_bounded_by_bytes_to_the_byte() -> None:
    """A sum of exactly the limit fits; then not even the smallest event does; and room comes back (WIN-3)."""
    buffer = a_buffer(max_buffered_bytes=70)
    assert buffer.append(payload(40)) is Outcome.ACCEPTED
    assert not buffer.has_room_for(31)
    assert buffer.append(payload(31)) is Outcome.FULL
    assert buffer.has_room_for(30)
    assert buffer.append(payload(30)) is Outcome.ACCEPTED
    assert not buffer.has_room_for(1)
    assert buffer.append(b"{}") is Outcome.FULL
    expose(buffer, 1)
    buffer.settle(1)
    assert buffer.has_room_for(40)
    assert not buffer.has_room_for(41)


@pytest.mark.parametrize("remove", ["settle", "remove_head", "remove_outgrown"])
def test_room_comes_back_however_an_event_leaves(remove: str) -> None:
    """Each way out gives back the bytes and the place."""
    size = LIMIT - FRAME - 1
    buffer = a_buffer(max_buffered_bytes=LIMIT, max_buffered_events=1)
    assert buffer.append(payload(size)) is Outcome.ACCEPTED
    assert not buffer.has_room_for(2)
    match remove:
        case "settle":
            expose(buffer, 1)
            buffer.settle(1)
        case "remove_head":
            buffer.remove_head()
        case _:
            buffer.settle(99)
            buffer.remove_outgrown()
    assert buffer.has_room_for(LIMIT)


def test_the_buffer_is_bounded_by_count() -> None:
    """And says beforehand whether there is room."""
    buffer = filled(2, max_buffered_events=3)
    assert buffer.has_room_for(1)
    buffer.append(b"{}")
    assert not buffer.has_room_for(1)


# Lines.


def test_lines_keep_to_the_room_to_the_byte() -> None:
    """Two lines fit into exactly their size, and one byte less holds one (WIN-1)."""
    both = 2 * len(b'{"seq":1,"event":{}}\n')
    assert len(filled(3).lines(0, 3, room=both, block=1_000)) == 2
    assert len(filled(3).lines(0, 3, room=both - 1, block=1_000)) == 1
    assert filled(3).lines(0, 3, room=20, block=1_000) == []


def test_a_block_holds_at_least_one_line() -> None:
    """Blocks are for the network's comfort; a line that is larger goes alone."""
    buffer = filled(3)
    assert len(buffer.lines(0, 3, room=1_000, block=1)) == 1
    assert len(buffer.lines(1, 3, room=1_000, block=42)) == 2


def test_lines_are_numbered_by_place() -> None:
    """From any place on, and up to a count."""
    buffer = filled(5, acked=42)
    assert buffer.lines(2, 2, room=1_000, block=1_000) == [b'{"seq":45,"event":{}}\n', b'{"seq":46,"event":{}}\n']


def test_what_was_exposed_stays_exposed() -> None:
    """Giving fewer lines again doesn't take back what the network has."""
    buffer = filled(5)
    expose(buffer, 4)
    expose(buffer, 2)
    assert buffer.exposed == 4


# Settling.


@pytest.mark.parametrize(
    ("last", "delivered", "exposed", "next_number"),
    [
        (42, 0, 3, 43),  # nothing new
        (44, 2, 1, 45),  # a prefix
        (45, 3, 0, 46),  # all that was exposed
        (46, 3, 0, 47),  # more than was exposed: the rest is kept, under new numbers
        (999, 3, 0, 1000),
        (41, 0, 0, 42),  # behind: all is numbered anew, and none of it was sent under its new number
        (0, 0, 0, 1),
    ],
)
def test_an_acknowledgement_takes_what_was_exposed_and_no_more(
    last: int, delivered: int, exposed: int, next_number: int
) -> None:
    """Five are held, 43 to 47, and three of them exposed (DLV-4, DLV-5, DLV-7, SEQ-2)."""
    buffer = filled(5, acked=42)
    expose(buffer, 3)
    assert buffer.settle(last) == delivered
    assert (buffer.delivered, buffer.exposed, len(buffer)) == (delivered, exposed, 5 - delivered)
    assert expose(buffer, 1) == [next_number]


def test_renumbering_delivers_nothing() -> None:
    """All that is held follows the number, unexposed."""
    buffer = filled(3, acked=42)
    expose(buffer, 2)
    buffer.renumber(50)
    assert (buffer.delivered, buffer.exposed) == (0, 0)
    assert expose(buffer, 3) == [51, 52, 53]


def test_removing_the_head_moves_the_rest_up() -> None:
    """The next one takes its number, and is not exposed under it."""
    buffer = a_buffer(acked=42)
    for event in (b'{"n":1}', b'{"n":2}'):
        buffer.append(event)
    expose(buffer, 2)
    assert buffer.remove_head() == b'{"n":1}'
    assert buffer.exposed == 0
    assert buffer.lines(0, 2, room=1_000, block=1_000) == [b'{"seq":43,"event":{"n":2}}\n']


# Outgrowing the limit.


def test_an_event_that_outgrows_the_limit_under_a_longer_number_is_taken_out() -> None:
    """It fitted under 1 and doesn't under 10; those around it stay in order, and close up."""
    largest = payload(LIMIT - FRAME - 1)
    buffer = a_buffer()
    for event in (b'{"n":1}', largest, b'{"n":2}'):
        assert buffer.append(event) is Outcome.ACCEPTED
    buffer.settle(9)
    assert buffer.remove_outgrown() == [largest]
    assert buffer.lines(0, 3, room=1_000, block=1_000) == [
        b'{"seq":10,"event":{"n":1}}\n',
        b'{"seq":11,"event":{"n":2}}\n',
    ]


def test_what_moves_up_to_a_shorter_number_is_kept() -> None:
    """The one before it leaves, so that it gets 9 and not 10: it is judged by the number that it will have."""
    buffer = a_buffer()
    first, second = payload(LIMIT - FRAME - 1), payload(LIMIT - FRAME - 2)
    for event in (first, second):
        assert buffer.append(event) is Outcome.ACCEPTED
    buffer.settle(98)
    assert buffer.remove_outgrown() == [first]
    assert expose(buffer, 2) == [99]


def test_what_is_exposed_is_never_taken_out() -> None:
    """It keeps its number, and so its size: the backend may have it."""
    buffer = a_buffer()
    buffer.append(payload(LIMIT - FRAME - 1))
    expose(buffer, 1)
    assert buffer.remove_outgrown() == []
    assert len(buffer) == 1


def test_nothing_is_taken_out_where_all_fit_under_any_number() -> None:
    """Small events needn't be looked at."""
    buffer = filled(3)
    buffer.settle(10**19)
    assert buffer.remove_outgrown() == []
    assert len(buffer) == 3


# Credit.


def test_what_comes_on_credit_fits_and_is_counted() -> None:
    """As many as are given credit fit into the buffer, at their largest; and they count like the others."""
    buffer = a_buffer(max_buffered_bytes=1_000, max_event_bytes=100, max_buffered_events=50)
    assert buffer.append(b"{" + b"x" * 50) is Outcome.ACCEPTED
    credit = buffer.credit()
    assert credit == (1_000 - 51) // buffer.credit_bytes
    for _ in range(credit):
        buffer.take_on_credit(b"x" * buffer.credit_bytes)
    assert len(buffer) == buffer.accepted == 1 + credit
    assert buffer.credit() == 0
    left = 1_000 - 51 - credit * buffer.credit_bytes
    assert buffer.has_room_for(left)
    assert not buffer.has_room_for(left + 1)


def test_credit_is_bounded_by_the_count_of_events() -> None:
    """The number of events is a limit of its own."""
    buffer = filled(2, max_buffered_events=5)
    assert buffer.credit() == 3


def test_there_is_no_credit_for_a_closed_buffer() -> None:
    """Nor where no event is small enough to fit under any number."""
    closed = a_buffer()
    closed.close()
    assert closed.credit() == 0
    assert a_buffer(max_event_bytes=30).credit() == 0


def test_credit_outlives_the_removal_of_events() -> None:
    """What takes on credit goes on to work after events were taken out of the middle."""
    buffer = a_buffer(max_event_bytes=LIMIT)
    buffer.append(b"x" * (LIMIT - len('{"seq":,"event":}') - 1))
    take = buffer.take_on_credit
    buffer.settle(97)
    buffer.renumber(97_000)
    assert len(buffer.remove_outgrown()) == 1
    take(b"{}")
    assert buffer.lines(0, 10, room=1_000, block=1_000) == [b'{"seq":97001,"event":{}}\n']
