"""What is read from events: their contents, and their sizes in any writer's hand."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from conformance.evidence.payloads import Handwriting, Payloads, compact_size, largest_size
from fake_backend.records import LineReceived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS: list[dict[str, Any]] = [
    {},
    {"n": 1, "text": "plain"},
    {"text": 'Zoë 🦔 \u2028 \x7f <a href="x">&amp;</a> \\ \n\t\x00'},
    {"ключ": "é" * 100, "nested": {"list": [1, 2.5, None, True, [], {}]}},
    {"floats": [0.1, 1.0, 1e16, 1e22, -1.5e-300, 5e-324, 123456.789, 1e-07, 0.0, -0.0]},
    {"large": [2**53 + 1, -(2**63)]},
]


def _web_safe(event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode()


WRITERS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "orjson": orjson.dumps,
    "json": lambda event: json.dumps(event).encode(),
    "compact": lambda event: json.dumps(event, separators=(",", ":")).encode(),
    "raw": lambda event: json.dumps(event, ensure_ascii=False).encode(),
    "web-safe": _web_safe,
}


def line(seq: int, event: dict[str, Any], writer: str) -> LineReceived:
    """A line as a writer writes it."""
    size = len(b'{"seq":%d,"event":%b}' % (seq, WRITERS[writer](event)))
    return LineReceived(time=1.0, request=1, run_id="run-1", size=size, decision="accepted", seq=seq, event=event)


@pytest.mark.parametrize("event", EVENTS, ids=range(len(EVENTS)))
@pytest.mark.parametrize("writer", WRITERS)
def test_no_writer_is_below_the_least_or_above_the_most(writer: str, event: dict[str, Any]) -> None:
    """The bounds of an event's size hold for every writer that a sender may use."""
    assert compact_size(event) <= len(WRITERS[writer](event)) <= largest_size(event)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_size_of_a_line_is_predicted_from_lines_of_its_shape(writer: str) -> None:
    """Two lines with texts of different lengths tell how their writer writes, and so how large another one gets."""
    known = [line(9, {"n": 1, "text": "é"}, writer), line(10, {"n": 20, "text": "éé <"}, writer)]
    wanted = {"text": "Zoë & 🦔" * 9, "n": 12_345}
    size = len(b'{"seq":,"event":%b}' % WRITERS[writer](wanted))
    assert Handwriting(known, Payloads()).sizes_of(wanted) == (size, size)


def test_what_may_be_written_in_several_ways_has_bounds() -> None:
    """Lines of plain letters don't tell how others are written, so the least and the most are given."""
    handwriting = Handwriting([line(1, {"text": "plain"}, "orjson")], Payloads())
    around = len('{"seq":,"event":{"text":""}}')
    assert handwriting.sizes_of({"text": "é"}) == (around + 2, around + 6)


@pytest.mark.parametrize("event", [{"text": []}, {"other": "x"}, {"text": "x", "more": 1}])
def test_no_size_is_predicted_for_another_shape(event: dict[str, Any]) -> None:
    """What surrounds texts is known only for events that are built alike."""
    assert Handwriting([line(1, {"text": "plain"}, "orjson")], Payloads()).sizes_of(event) is None


def test_no_size_is_predicted_for_a_hand_that_is_not_known() -> None:
    """Where no usual way of writing explains the lines, nothing is said."""
    odd = [
        LineReceived(
            time=1.0, request=1, run_id="run-1", size=50 + 3 * n, decision="accepted", seq=1, event={"text": "x" * n}
        )
        for n in (1, 2)
    ]
    assert Handwriting(odd, Payloads()).sizes_of({"text": "x"}) is None


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
def test_threads_that_judge_histories_are_not_given_each_others_events() -> None:
    """Each of the judge's threads has one history after the other, and later events get the ids of earlier ones."""
    histories, events = 3_000, 50

    def count_mistakes(thread: int) -> int:
        mistakes = 0
        for history in range(histories):
            payloads = Payloads()
            for n in range(events):
                event = {"history": history, "n": n, "thread": thread}
                mistakes += payloads.content(event) != f'{{"history":{history},"n":{n},"thread":{thread}}}'
        return mistakes

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(count_mistakes, range(4))) == [0, 0, 0, 0]
