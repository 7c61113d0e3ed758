"""From a history to a timeline: what is a row, what is said of it, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.evidence.history import (
    AdapterSaid,
    BackendCameUp,
    BackendWentDown,
    CutShort,
    NetworkTrouble,
    RetryAfterAsked,
    StrayRequest,
)
from conformance.report.model import Moment, Omission, Timeline
from conformance.report.timeline import timeline_of
from fake_backend.faults import ResetPeer, Status
from fake_backend.records import BodyEnded, LineReceived, RequestBroken, RequestStarted
from tests.conformance.report.by_hand import doubled
from tests.conformance.story import Story, event


def drawn(story: Story, *marked: Any, most: int = 1_000) -> Timeline:
    """The timeline of a story, with these records marked A, B and so on."""
    history = story.history()
    places = [next(place for place, each in enumerate(history.records) if each is record) for record in marked]
    return timeline_of(history, dict(zip(places, "ABCDEFGH", strict=False)), most=most)


def moments(timeline: Timeline) -> list[Moment]:
    """The rows that are moments."""
    return [row for row in timeline.rows if isinstance(row, Moment)]


def labels(story: Story, *marked: Any) -> list[str]:
    """What is said of each row of a story."""
    return [row.label for row in moments(drawn(story, *marked))]


def test_a_story_of_a_doubled_event_is_told_row_by_row() -> None:
    """Calls, requests with their kinds and retries, lines, faults, answers with their numbers, and the end."""
    assert labels(doubled()) == [
        "opened for run-1",
        "enqueue 2 events",
        "1: sync",
        "1: 200, acknowledges 0",
        "2: events",
        "reset_peer",
        "1 accepted",
        "2: no answer",
        "3: sync, retry 1",
        "3: 200, acknowledges 1",
        "4: events",
        "2 to 3 accepted",
        "4: 200, acknowledges 3",
        "stop",
        "5: completion",
        "completion at 3: completed",
        "5: 200, acknowledges 3",
        "stop returns: 2 delivered",
    ]


def test_retries_count_the_failures_in_a_row_of_their_own_run() -> None:
    """A success begins anew; what fails in another run is no retry of this one."""
    story = Story().open().open(2, run_id="run-2")
    for run_id, status in (("run-1", 503), ("run-2", 503), ("run-1", 503), ("run-1", 200), ("run-1", 200)):
        story.request(status=status, last=0 if status == 200 else None, run_id=run_id)
    requests = [row.label for row in moments(drawn(story)) if row.kind == "request"]
    assert requests == ["1: sync", "2: sync", "3: sync, retry 1", "4: sync, retry 2", "5: sync"]


def test_a_request_that_ends_twice_is_one_failure() -> None:
    """A connection may break after the answer; that is no second attempt."""
    story = Story().request(status=503).write(RequestBroken(time=2.0, request=1, cause="shutdown")).request(last=0)
    assert "2: sync, retry 1" in labels(story)


@pytest.mark.parametrize(
    ("story", "label"),
    [
        (Story().request(status=503, retry_after=5), "1: 503, wait 5 s"),
        (Story().request(status=409, last=7), "1: 409, has 7"),
        (Story().request(status=200, body="<html>"), "1: 200, no number told"),
        (Story().request((4, event(4), "gap"), status=409, last=2), "4 gap"),
        (Story().request((4, event(4)), (6, event(6)), last=6), "2 lines accepted"),
        (Story().open().enqueue(event(1), outcome="full"), "enqueue: full"),
        (Story().open().enqueue(event(1)).open(2), "1: enqueue"),
        (Story().open().stop(complete=False), "stop, without completing"),
        (Story().open().stop().returned(), "stop returns"),
        (Story().open().stop().returned(delivered=1, undelivered=2), "stop returns: 1 delivered, 2 not"),
        (Story().open().stop().overdue(), "stop has not returned"),
        (Story().open().stop().cancelled(), "stop raises CancelledError"),
        (Story().set(5, complete=True), "set to 5, complete: the test says so"),
        (Story().write(BackendWentDown(time=1.0), BackendCameUp(time=2.0)), "goes down"),
        (Story().write(BackendWentDown(time=1.0), BackendCameUp(time=2.0)), "comes up"),
        (Story().write(NetworkTrouble(time=1.0, what="packets are lost")), "packets are lost"),
        (Story().write(CutShort(time=1.0, seconds=30.0)), "cut short after 30 s"),
        (Story().write(AdapterSaid(time=1.0, lines=("a", "b"))), "standard error: b"),
        (Story().write(StrayRequest(time=1.0, origin="other:1", path="/", authorization=None)), "to other:1"),
    ],
)
def test_each_kind_of_record_is_said_in_a_few_words(story: Story, label: str) -> None:
    """A label says what happened, and what is wrong with it."""
    assert label in labels(story)


@pytest.mark.parametrize(
    ("fault", "lane"), [(ResetPeer(phase="before-read"), "network"), (Status(status=503), "backend")]
)
def test_a_fault_is_on_the_lane_where_a_sender_sees_it(fault: Any, lane: str) -> None:
    """A connection breaks on the network; a status comes from the backend, or from a proxy before it."""
    (row,) = [row for row in moments(drawn(Story().request(status=None, faults=[fault]))) if row.kind == "fault"]
    assert (row.lane, row.tone) == (lane, "bad")


@pytest.mark.parametrize(
    ("cause", "lane"), [("fault", "backend"), ("shutdown", "backend"), ("client-disconnected", "sender")]
)
def test_a_broken_request_ends_on_the_network_and_starts_where_it_was_broken_off(cause: Any, lane: str) -> None:
    """It is drawn from the end that gave up."""
    story = Story().request(status=None)
    story.records[-1] = RequestBroken(time=1.0, request=1, cause=cause)
    row = moments(drawn(story))[-1]
    assert (row.kind, row.lane, row.to) == ("broken", lane, "network")


def test_a_wait_that_was_asked_for_later_has_a_row_of_its_own() -> None:
    """It isn't hidden in another request's answer."""
    story = Story().request(status=503).request(status=503).write(RetryAfterAsked(time=2.0, request=1, seconds=3))
    assert labels(story)[-1] == "1: asks to wait 3 s"


def test_a_marked_record_has_a_row_of_its_own_and_its_letter() -> None:
    """It isn't swallowed by the burst that it is in; the burst goes on after it."""
    story = Story().open().enqueue(*(event(n) for n in range(1, 6)))
    timeline = drawn(story, story.records[3])
    assert [(row.label, row.marks) for row in moments(timeline)[1:]] == [
        ("enqueue 2 events", ()),
        ("enqueue", ("A",)),
        ("enqueue 2 events", ()),
    ]


def test_the_end_of_a_body_is_drawn_only_if_it_is_marked() -> None:
    """It says nothing that the lines and the answer don't, unless a rule is about it."""
    story = Story().request((1, event(1)), last=1)
    (body,) = [record for record in story.records if isinstance(record, BodyEnded)]
    assert "1: the body ends" not in labels(story)
    assert "1: the body ends" in labels(story, body)


def test_what_is_a_while_apart_is_not_one_row() -> None:
    """Two calls with a pause between them are two rows, so that the pause can be seen."""
    story = Story().open().enqueue(event(1)).wait(5).enqueue(event(2))
    assert labels(story) == ["opened for run-1", "enqueue", "enqueue"]


def test_the_words_of_a_row_are_few_and_the_rest_is_counted() -> None:
    """A burst of a hundred is told by its first three."""
    row = moments(drawn(Story().open().enqueue(*(event(n) for n in range(100)))))[1]
    assert (len(row.words), row.more) == (3, 97)
    assert row.words[0] == "sender 1: enqueue({\"n\": 0}) is answered 'accepted'"


def test_times_count_from_the_beginning_of_the_history() -> None:
    """A history that began on a clock that had been running for long begins at 0 all the same."""
    history = Story(now=1_000_000.25).open().history()
    began = type(history)(**{field: getattr(history, field) for field in history.__struct_fields__} | {"began": 1e6})
    (row,) = moments(timeline_of(began, {}, most=10))
    assert row.at == 0.25


def long_story(requests: int) -> Story:
    """A story of many requests with an event each."""
    story = Story().open()
    for n in range(1, requests + 1):
        story.request((n, event(n)), last=n).wait(0.1)
    return story


def test_of_a_long_history_the_neighborhood_of_the_marked_records_is_drawn() -> None:
    """What is left out is counted, and the request of a marked line is there from its beginning to its end."""
    story = long_story(3_000)
    lines = [record for record in story.records if isinstance(record, LineReceived)]
    timeline = drawn(story, lines[999], lines[2_499], most=30)
    shown = moments(timeline)
    left_out = [row for row in timeline.rows if isinstance(row, Omission)]
    assert len(shown) <= 30 + 2 * len(left_out)
    assert len(shown) + sum(row.moments for row in left_out) == timeline.moments == 1 + 3 * 3_000
    assert [row.label for row in shown if row.marks] == ["1000 accepted", "2500 accepted"]
    assert {"1000: events", "1000: 200, acknowledges 1000"} <= {row.label for row in shown}
    assert len(left_out) == 3


def test_of_a_long_history_without_marks_the_beginning_and_the_end_are_drawn() -> None:
    """Where nothing is wrong, that is what one looks for first."""
    timeline = drawn(long_story(1_000), most=20)
    first, *_, last = moments(timeline)
    assert (first.label, last.label) == ("opened for run-1", "1000: 200, acknowledges 1000")
    assert sum(isinstance(row, Omission) for row in timeline.rows) == 1


def test_a_request_that_streams_for_long_is_drawn_with_both_its_ends() -> None:
    """A marked line among thousands of one request: the request's arrow and its answer are there, too."""
    story = Story().open().request(*((n, event(n)) for n in range(1, 3)), last=2)
    story.request(*((n, event(n), "accepted" if n % 2 else "ignored") for n in range(3, 2_000)), last=3)
    line = next(record for record in story.records if isinstance(record, LineReceived) and record.seq == 1_000)
    timeline = drawn(story, line, most=20)
    assert {"2: events", "2: 200, acknowledges 3", "1000 ignored"} <= {row.label for row in moments(timeline)}


def test_requests_outages_and_trouble_last_from_row_to_row() -> None:
    """A request lasts to its answer; an outage until the backend comes up; trouble as long as it says."""
    story = Story().write(BackendWentDown(time=1.0), BackendCameUp(time=2.0))
    story.write(NetworkTrouble(time=3.0, what="stalls", seconds=1.0))
    story.wait(2.5).request(last=0).wait(5).request(last=0)
    spans = {(span.kind, span.label): (span.first, span.last) for span in drawn(story).spans}
    assert spans == {
        ("outage", "the backend is down"): (0, 1),
        ("trouble", "stalls"): (2, 4),
        ("request", "request 1"): (3, 4),
        ("request", "request 2"): (5, 6),
    }


def test_what_never_ended_lasts_to_the_end() -> None:
    """A request without an answer, and a backend that stays down."""
    story = Story().request(last=0)
    story.records = [record for record in story.records if isinstance(record, RequestStarted)]
    story.write(BackendWentDown(time=2.0)).open()
    assert [(span.first, span.last) for span in drawn(story).spans] == [(0, 2), (1, 2)]
