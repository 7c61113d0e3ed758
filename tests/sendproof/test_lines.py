"""From bytes to lines to events, exactly."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sender.encoding import encode_event
from sendproof.lines import BadLineError, LineSplitter, is_read_by_all, read_event

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), st.lists, max_leaves=8)


def sent(line: bytes) -> bytes:
    """What the sender makes of the event in a line."""
    return encode_event(read_event(line))


@given(event=st.dictionaries(st.text(), VALUES))
def test_an_event_is_sent_as_it_stands(event: dict[str, object]) -> None:
    """Whatever JSON can say goes out as it came in: integers of any size, fractions of any length, lone surrogates."""
    line = json.dumps(event).encode()
    assert sent(line) == line


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":123456789012345678901234567890}',
        b'{"a":0.1000000000000000055511151231257827021181583404541015625}',
        b'{"a":1.0,"b":1e2,"c":-0}',
        b'{"a":"\\ud800","b":1.5}',
        b'{"a":null}',
        b'{"a":1,"a":2}',
        b'{"a":' + b"9" * 4000 + b"}",
    ],
)
def test_what_other_parsers_would_round_or_refuse_is_kept(line: bytes) -> None:
    """No digit is lost, and what is rare but lawful is taken."""
    assert sent(line) == line


def test_white_space_around_an_event_is_left_out_and_carriage_returns_in_it_are_spaces() -> None:
    """Files from Windows are read, and nobody can take a carriage return for the end of a line."""
    assert sent(b' \t{"a":\r1}\r') == b'{"a": 1}'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"nonsense", "not JSON: Expecting value at character 1"),
        (b'{"a":1', "not JSON: Expecting ',' delimiter at character 7"),
        (b'{"a":1} {"b":2}', "not JSON: Extra data at character 9"),
        (b"[1]", "an event is a JSON object, and this is an array"),
        (b'"text"', "an event is a JSON object, and this is a string"),
        (b"1", "an event is a JSON object, and this is a number"),
        (b"1.5", "an event is a JSON object, and this is a number"),
        (b"true", "an event is a JSON object, and this is a boolean"),
        (b"null", "an event is a JSON object, and this is null"),
        (b'{"a":NaN}', "not JSON: NaN, which is no number in JSON"),
        (b'{"a":-Infinity}', "not JSON: -Infinity, which is no number in JSON"),
        (b'{"a":1e999}', "1e999 is past the range of a float"),
        (b'{"a":"\xff"}', "not UTF-8: byte 0xff at byte 7"),
        (b'{"a":' + b"9" * 5000 + b"}", "an integer of more digits than can be read"),
        (b'{"a":' * 100_000, "nested 100,000 levels deep, and an event may have 499"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_a_line_that_is_no_event_says_why(line: bytes, why: str) -> None:
    """The message says what is wrong and where."""
    with pytest.raises(BadLineError) as caught:
        read_event(line)
    assert str(caught.value) == why


@given(
    event=st.recursive(st.none() | st.text('[]{}"\\x'), lambda inner: st.lists(inner, max_size=3), max_leaves=20),
    levels=st.integers(490, 500),
)
def test_levels_are_counted_as_a_parser_counts_them(event: object, levels: int) -> None:
    """Brackets within strings are none; of a key that is there twice, both values count, since both are sent."""
    padding = json.dumps(event).encode()
    deep = b"[" * (levels - 1) + b"]" * (levels - 1)
    line = b'{"a":%b,"deep":%b,"deep":1,"b":%b}' % (padding, deep, padding)
    if levels <= 499:
        assert sent(line) == line
    else:
        with pytest.raises(BadLineError, match="nested 500 levels deep, and an event may have 499"):
            read_event(line)


def test_a_number_without_an_end_is_shown_in_part() -> None:
    """A message fits a line."""
    with pytest.raises(BadLineError) as caught:
        read_event(b'{"a":%b.5}' % (b"9" * 100_000))
    assert str(caught.value) == f"{'9' * 40}… is past the range of a float"


def test_what_is_rare_is_told_apart_from_what_every_parser_reads() -> None:
    """By the strictest one at hand."""
    assert is_read_by_all(b'{"a":"\\ud83d\\ude00","b":1e2}')
    assert not is_read_by_all(b'{"a":"\\ud83d"}')


@given(body=st.lists(st.binary(max_size=12)).map(b"\n".join), cuts=st.lists(st.integers(0, 40)))
def test_how_the_input_is_cut_into_chunks_changes_nothing(body: bytes, cuts: list[int]) -> None:
    """Lines come out the same, whether they come whole or byte by byte."""
    splitter = LineSplitter(max_line_bytes=5)
    lines = []
    rest = body
    for cut in cuts:
        lines += splitter.feed(rest[:cut])
        rest = rest[cut:]
    lines += splitter.feed(rest)
    lines += splitter.end()
    expected = [line[:9] for line in body.split(b"\n")]
    if expected[-1] == b"":
        expected.pop()
    if expected:
        expected[0] = expected[0].removeprefix(b"\xef\xbb\xbf")
    assert lines == expected


def test_a_byte_order_mark_is_left_out_at_the_very_beginning_alone() -> None:
    """Editors put it there; anywhere else it is no JSON."""
    splitter = LineSplitter(max_line_bytes=100)
    assert splitter.feed(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n") == [b"{}", b"\xef\xbb\xbf{}"]


def test_a_byte_order_mark_does_not_count_for_the_size_of_the_first_line() -> None:
    """A line of exactly the largest size is whole, and one that is larger is seen to be."""
    assert LineSplitter(max_line_bytes=5).feed(b"\xef\xbb\xbf12345\n\xef\xbb\xbf") == [b"12345"]
    assert LineSplitter(max_line_bytes=5).feed(b"\xef\xbb\xbf1234567\n") == [b"123456"]


def test_a_line_without_an_end_takes_no_more_memory_than_the_largest_event() -> None:
    """It is cut, so that it is seen to be too large, and the next line is whole again."""
    splitter = LineSplitter(max_line_bytes=10)
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
    assert splitter.feed(b'\n{"a":1}\n') == [b"x" * 14, b'{"a":1}']


def test_a_fragment_is_what_the_sender_takes_as_it_stands() -> None:
    """The type is orjson's own, by which the sender is told that it is encoded already."""
    assert isinstance(read_event(b"{}"), orjson.Fragment)
