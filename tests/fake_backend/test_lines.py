"""From bytes to lines to what they say."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_backend.protocol.lines import BadLine, CompletionLine, EventLine, LineSplitter, parse_line

UTF8 = BadLine("Invalid UTF-8 in event stream")
JSON = BadLine("Invalid JSON line")
OBJECT = BadLine("Each event line must be a JSON object")
SEQ = BadLine("Event sequence must be a positive integer")
EVENT = BadLine("Event payload must be an object")
FINAL = BadLine("Completion final sequence must be a non-negative integer", completion=True)


def split(pieces: list[bytes], *, line: int = 1_000, request: int = 10_000) -> tuple[list[bytes], str | None]:
    """Feed pieces to a splitter and end it; give its lines and what overflowed."""
    splitter = LineSplitter(max_line_bytes=line, max_request_bytes=request)
    lines = [taken for piece in pieces for taken in splitter.feed(piece)]
    if splitter.overflow is None:
        lines += splitter.end()
    return lines, splitter.overflow


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """Cut a body at places, which may repeat or lie outside of it."""
    edges = [0, *sorted(place for place in places if place <= len(body)), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("blank", [b"", b" ", b"\t \r"])
@pytest.mark.parametrize("odd", ["\x0b", "\x0c", " \x0b ", "\x1c", "\x85", "\u00a0", "\u2028", "\ufeff"])
def test_json_says_what_white_space_is(odd: str, blank: bytes) -> None:
    """Its four characters and no others, which some languages trim: a line of those is no blank line, and no JSON."""
    line = odd.encode()
    assert split([b"\n".join((blank, line, blank, b""))]) == ([line], None)
    assert parse_line(line) == JSON
    assert parse_line(line + b'{"seq": 1, "event": {}}') == JSON


bodies = st.lists(st.sampled_from([b"\n", b"a", b"bc", b" ", b"\r", b"\t \n", b"0123456789"])).map(b"".join)


@given(body=bodies, places=st.lists(st.integers(0, 100)), line=st.integers(1, 12), request=st.integers(1, 60))
def test_how_a_body_is_cut_changes_nothing(body: bytes, places: list[int], line: int, request: int) -> None:
    """Any chunking of a body gives the same lines, and the same limit bites after the same line."""
    pieces = cut(body, places)
    assert b"".join(pieces) == body
    assert split(pieces, line=line, request=request) == split([body], line=line, request=request)


@given(body=bodies, places=st.lists(st.integers(0, 100)))
def test_within_limits_the_lines_are_those_of_the_body(body: bytes, places: list[int]) -> None:
    """Without a limit in reach, the lines are the body's, less those of white space."""
    expected = [line for line in body.split(b"\n") if line.strip()]
    assert split(cut(body, places)) == (expected, None)


@pytest.mark.parametrize(
    ("pieces", "lines", "overflow"),
    [
        ([b"12345\n"], [b"12345"], None),
        ([b"12345"], [b"12345"], None),
        ([b"ok\n123456\nafter\n"], [b"ok"], "line"),
        ([b"ok\n123", b"456", b"after\n"], [b"ok"], "line"),
        ([b"      \n"], [], "line"),
    ],
)
def test_a_line_may_be_exactly_as_long_as_the_limit(
    pieces: list[bytes], lines: list[bytes], overflow: str | None
) -> None:
    """A line of the limit passes, one byte more is refused, and the lines before it have been given."""
    assert split(pieces, line=5) == (lines, overflow)


@pytest.mark.parametrize(
    ("body", "lines", "overflow"),
    [
        (b"1234\n6789\n", [b"1234", b"6789"], None),
        (b"1234\n67890", [b"1234", b"67890"], None),
        (b"1234\n6789\n1", [b"1234", b"6789"], "request"),
        (b"1234\n67890\n", [b"1234"], "request"),
    ],
)
def test_a_body_may_be_exactly_as_long_as_the_limit(body: bytes, lines: list[bytes], overflow: str | None) -> None:
    """A body of the limit passes with its newlines counted; past it, the lines that were whole within it are given."""
    assert split([body], request=10) == (lines, overflow)


def test_an_endless_line_is_refused_before_it_is_whole_and_not_kept() -> None:
    """Memory is bounded: a line past the limit is dropped at once, and so is all that comes after."""
    splitter = LineSplitter(max_line_bytes=10, max_request_bytes=1_000)
    assert splitter.feed(b"x" * 11) == []
    assert splitter.overflow == "line"
    assert not splitter._unfinished
    assert splitter.feed(b"\nlater\n") == []
    assert splitter.size == 11


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        (b'{"seq": 1, "event": {}}', EventLine(1, {}, exact=True)),
        (b' {"event": {"a": [1]}, "seq": 7}\r', EventLine(7, {"a": [1]}, exact=True)),
        (b'{"seq": 1, "event": {}, "more": 1}', EventLine(1, {}, exact=False)),
        (b'{"seq": 1, "event": {"a": "\\ud800"}}', EventLine(1, {"a": "\ud800"}, exact=True)),
        (b'{"seq": 1, "event": {"a": "\\ud800", "b": 1.5}}', EventLine(1, {"a": "\ud800", "b": 1.5}, exact=True)),
        (b'{"seq": 1%s, "event": {}}' % (b"0" * 60), EventLine(10**60, {}, exact=True)),
        (b'{"type": "_posthog/stream_complete", "final_seq": 0}', CompletionLine(0)),
        (b'{"type": "_posthog/stream_complete", "final_seq": 3, "seq": 1, "event": {}}', CompletionLine(3)),
        (b'{"type": "_posthog/stream_complete"}', FINAL),
        (b'{"type": "_posthog/stream_complete", "final_seq": -1}', FINAL),
        (b'{"type": "_posthog/stream_complete", "final_seq": true}', FINAL),
        (b'{"type": "_posthog/stream_complete", "final_seq": "1"}', FINAL),
        (b'{"type": "another", "final_seq": 1}', SEQ),
        (b'{"type": ["_posthog/stream_complete"], "final_seq": 1}', SEQ),
        (b"\xff", UTF8),
        (b'{"seq": 1, "event": {"a": "\xff"}}', UTF8),
        (b'{"seq": 1, "event": {"\xed\xa0\x80": 1}}', UTF8),
        (b"nonsense \xc0\x80", UTF8),
        (b"nonsense", JSON),
        (b"{", JSON),
        (b'{"seq": 1, "event": {}} {}', JSON),
        (b'{"seq": 1, "event": {"a": NaN}}', JSON),
        (b'{"seq": 1, "event": {"a": -Infinity}}', JSON),
        (b'{"seq": 1, "event": {"a": 1e999}}', JSON),
        (b'{"seq": 1, "event": {"a": "\\ud800", "b": -1e999}}', JSON),
        (b'{"seq": 1%s, "event": {}}' % (b"0" * 5_000), JSON),
        (b"[" * 100_000, JSON),
        (b'{"a":' * 100_000, JSON),
        (b"\xef\xbb\xbf{}", JSON),
        (b"\x0c{}", JSON),
        (b"[]", OBJECT),
        (b"null", OBJECT),
        (b'"text"', OBJECT),
        (b"12", OBJECT),
        (b"{}", SEQ),
        (b'{"event": {}}', SEQ),
        (b'{"seq": 0, "event": {}}', SEQ),
        (b'{"seq": -1, "event": {}}', SEQ),
        (b'{"seq": true, "event": {}}', SEQ),
        (b'{"seq": 1.0, "event": {}}', SEQ),
        (b'{"seq": "1", "event": {}}', SEQ),
        (b'{"seq": null, "event": 1}', SEQ),
        (b'{"seq": 1}', EVENT),
        (b'{"seq": 1, "event": []}', EVENT),
        (b'{"seq": 1, "event": null}', EVENT),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_line_is_read_by_the_rules_of_the_protocol(line: bytes, parsed: object) -> None:
    """Each kind of line, and each way to be wrong, has its reading and its text."""
    assert parse_line(line) == parsed


def read_slowly(line: bytes) -> object:
    """Read a line by the standard library alone, as a second opinion."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        text = line.decode()
    except UnicodeDecodeError:
        return UTF8
    try:
        payload = json.loads(text, parse_constant=refuse)
        json.dumps(payload, allow_nan=False)
    except ValueError:
        return JSON
    return payload


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(event=st.dictionaries(st.text(), json_values, max_size=4), ascii_only=st.booleans())
def test_an_event_arrives_as_it_was_sent(event: dict[str, Any], *, ascii_only: bool) -> None:
    """Whatever JSON object is sent as an event is what is taken, escaped or not."""
    line = json.dumps({"seq": 1, "event": event}, ensure_ascii=ascii_only).encode()
    assert parse_line(line) == EventLine(1, event, exact=True)


@given(
    line=st.lists(
        st.sampled_from([b"{", b"}", b'"seq"', b":", b",", b"1", b'"event"', b"\xff", b"e9", b"NaN", b"\\ud800", b'"'])
        | st.binary(max_size=2),
        max_size=9,
    ).map(b"".join)
)
def test_a_fast_and_a_slow_parser_agree(line: bytes) -> None:
    """What is not UTF-8, not JSON or not an object to the standard library isn't to the backend either."""
    slow = read_slowly(line)
    fast = parse_line(line)
    if isinstance(slow, BadLine):
        assert fast == slow
    elif not isinstance(slow, dict):
        assert fast == OBJECT
    else:
        assert fast not in (UTF8, JSON, OBJECT)


def _deep(levels: int, beside: bytes = b"1") -> bytes:
    """An event line of so many levels."""
    return b'{"seq":1,"event":{"a":' + b"[" * (levels - 2) + beside + b"]" * (levels - 2) + b"}}"


@pytest.mark.parametrize(
    ("line", "is_event"),
    [
        (_deep(500), True),
        (_deep(501), False),
        (_deep(500, b'"' + b"[" * 1_000 + b'"'), True),
        (_deep(500, b'"\\\\\\"' + b"{" * 1_000 + b'"'), True),
        (_deep(3, b",".join([b"[]"] * 1_000)), True),
        (b'{"seq":1,"event":{"a":"' + b'\\"[' * 300_000 + b"\\", False),
    ],
    ids=[
        "just",
        "one more",
        "brackets in a string",
        "behind an escaped quote",
        "side by side",
        "a string without an end",
    ],
)
def test_how_deep_a_line_may_be(line: bytes, *, is_event: bool) -> None:
    """Five hundred levels, on every Python; brackets in strings don't count, nor do those that stand side by side."""
    parsed = parse_line(line)
    assert isinstance(parsed, EventLine) is is_event
    if not is_event:
        assert parsed == JSON


@pytest.mark.parametrize("levels", [3, 501])
def test_what_is_no_text_is_no_text_however_deep(levels: int) -> None:
    """Bytes that aren't UTF-8 are told as such before anything that they might say is looked at."""
    assert parse_line(_deep(levels, b'"\xff"')) == UTF8
