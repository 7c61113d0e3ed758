"""The wire format, as it is written and as it is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sender import wire


@given(st.integers(1, 10**20), st.binary(max_size=50))
def test_the_size_of_a_line_is_known_beforehand(seq: int, event: bytes) -> None:
    """To the byte, without the newline."""
    assert wire.line_size(seq, len(event)) == len(wire.EVENT_LINE % (seq, event)) - len(b"\n")


def test_an_event_line_is_one_object_on_one_line() -> None:
    """As the protocol has it (WIRE-1)."""
    line = wire.EVENT_LINE % (43, b'{"a":1}')
    assert json.loads(line) == {"seq": 43, "event": {"a": 1}}
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@pytest.mark.parametrize("final_seq", [0, 44, 10**18])
def test_completion_carries_the_final_number(final_seq: int) -> None:
    """In a control line."""
    line = wire.completion_line(final_seq)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {"type": "_posthog/stream_complete", "final_seq": final_seq}


@pytest.mark.parametrize(
    ("body", "last"),
    [
        (b'{"last_accepted_seq": 0}', 0),
        (b'{"last_accepted_seq": 44}', 44),
        (b'{"accepted": 2, "duplicate": 1, "last_accepted_seq": 44}', 44),
        (b' \n{"error": "gap", "last_accepted_seq": 18446744073709551615}\n', 2**64 - 1),
    ],
)
def test_a_number_that_is_said_beyond_doubt_is_read(body: bytes, last: int) -> None:
    """Whatever is around it in the object."""
    assert wire.read_progress(body)[0] == last


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"OK",
        b"44",
        b"null",
        b'"44"',
        b"[]",
        b'[{"last_accepted_seq": 44}]',
        b"{}",
        b'{"accepted": 44}',
        b'{"Last_Accepted_Seq": 44}',
        b'{"last_accepted_seq": "44"}',
        b'{"last_accepted_seq": 44.0}',
        b'{"last_accepted_seq": 4.4e1}',
        b'{"last_accepted_seq": null}',
        b'{"last_accepted_seq": true}',
        b'{"last_accepted_seq": false}',
        b'{"last_accepted_seq": -1}',
        b'{"last_accepted_seq": [44]}',
        b'{"last_accepted_seq": {"value": 44}}',
        b'{"last_accepted_seq": NaN}',
        b'{"last_accepted_seq": 44',
        b'{"last_accepted_seq": 4',
        b'{"last_accepted_seq": 44}{"last_accepted_seq": 45}',
        b'{"last_accepted_seq": 44} trailing',
        b'{"data": {"last_accepted_seq": 44}}',
        b'{"last_accepted_seq": 100000000000000000000000}',
        b'\xff{"last_accepted_seq": 44}',
        b'{"x": "\xff", "last_accepted_seq": 44}',
        b"<html><body>200 OK</body></html>",
    ],
)
def test_anything_else_says_nothing(body: bytes) -> None:
    """Empty, HTML, cut off, of another type, negative, or a boolean: no number is guessed (DLV-6)."""
    assert wire.read_progress(body)[0] is None


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        (b'{"accepted": 0, "duplicate": 1, "last_accepted_seq": 44}', 0),
        (b'{"accepted": 2}', 2),
        (b'{"accepted": true}', None),
        (b'{"accepted": -1}', None),
        (b'{"accepted": 1.0}', None),
        (b'{"last_accepted_seq": 44}', None),
    ],
)
def test_how_many_were_accepted_is_read_as_strictly(body: bytes, accepted: int | None) -> None:
    """A sender learns of another writer by it, so it is no place to guess."""
    assert wire.read_progress(body)[1] == accepted


@given(st.binary(max_size=100))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    """Whatever comes, it gives numbers or none, and some words or none."""
    for each in wire.read_progress(body):
        assert each is None or each >= 0
    assert isinstance(wire.read_error(body), str | None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": "Expected sequence 45, got 47", "last_accepted_seq": 44}', "Expected sequence 45, got 47"),
        (b'{"error": ""}', ""),
        (b'{"error": "no", "error": "yes"}', "yes"),
        (b'{"error": {"code": 7}}', None),
        (b'{"error": null}', None),
        (b'{"message": "no"}', None),
        (b'["error"]', None),
        (b'"error"', None),
        (b"[]", None),
        (b"", None),
        (b"<html>502</html>", None),
        (b"caf\xe9", None),
        (b'{"error": "caf\xe9"}', None),
        (b'{"error": "cut o', None),
    ],
)
def test_an_error_is_told_in_the_backends_words(body: bytes, words: str | None) -> None:
    """Only in the protocol's form: a JSON object with a string `error`; all else is somebody else's (RTY-6)."""
    assert wire.read_error(body) == words
