"""Text that can be printed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.escaping import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with (all) <kinds> & \"quotes\" 'too'", "plain, with (all) <kinds> & \"quotes\" 'too'"),
        ("grüße, 世界, 👍", "grüße, 世界, 👍"),
        ("a\x00b", "a\\u0000b"),
        ("two\nlines", "two\\u000alines"),
        ("\ud800", "\\ud800"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\ufffe\uffff", "\\ufffe\\uffff"),
        ("\U000e0001", "\\U000e0001"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_cannot_be_seen_is_escaped_and_the_rest_is_left(text: str, shown: str) -> None:
    """Letters of any script stay; what a page, a terminal or a file can't show is written as in JSON."""
    assert printable(text) == shown


def test_a_long_text_is_cut() -> None:
    """It ends with an ellipsis, and is no longer than asked for."""
    assert printable("x" * 11, 10) == "x" * 9 + "…"
    assert printable("x" * 10, 10) == "x" * 10


@given(st.text(st.characters()))
def test_any_text_goes_through_xml_and_utf_8(text: str) -> None:
    """What comes out is read back from XML as it is, whatever went in."""
    shown = printable(text)
    element = ET.Element("a")
    element.text = shown
    assert (ET.fromstring(ET.tostring(element, encoding="utf-8")).text or "") == shown  # noqa: S314 - our own XML
