"""The overlap test, small: nothing is lost, twice or out of order where that is promised, and what is wrong is told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks import overlap
from benchmarks.cutting_proxy import End
from benchmarks.overlap import Course, Found, main, perform, perform_simulated
from benchmarks.stored import Pair, Request, Stored
from fake_backend.records import LineReceived, RequestStarted

FEW = Course(runs=10, events=400)
RUN = "run-0"


def test_what_is_late_by_half_of_the_settle_delay_is_never_there_twice() -> None:
    """Every kind of cut came, and no sender is told of another writer (RTY-1, DLV-2)."""
    what = perform_simulated(FEW)
    assert what.is_right
    assert (what.lost, what.twice, what.out_of_order, what.misreported, what.blamed) == (0, 0, 0, 0, ())
    assert set(what.ends) == set(End)
    assert what.ends.total() > 30


def test_a_sender_that_asks_once_has_events_there_twice_on_the_same_course() -> None:
    """So the test above can fail; it is told which requests that came from."""
    what = perform_simulated(Course(runs=FEW.runs, events=FEW.events, settle_delay=0.0, late=FEW.late))
    assert what.twice > 0
    assert (what.lost, what.out_of_order, what.misreported, what.blamed) == (0, 0, 0, ())


def test_what_is_late_by_more_is_twice_only_where_two_requests_overlapped() -> None:
    """Nothing but fencing closes that gap, which is rare; nothing is lost or out of order all the same."""
    courses = (Course(runs=10, events=400, settle_delay=0.02, late=1.0, seed=seed) for seed in range(40))
    for what in map(perform_simulated, courses):
        assert what.is_right
        assert (what.lost, what.unexplained, what.out_of_order, what.misreported, what.blamed) == (0, (), 0, 0, ())
        if what.twice:
            return
    pytest.fail("it never happened")


def test_a_simulated_course_is_the_same_each_time() -> None:
    """The seed decides it."""
    course = Course(runs=5, events=100)
    first, second = perform_simulated(course), perform_simulated(course)
    assert (first.requests, first.ends) == (second.requests, second.ends)


async def test_nothing_is_lost_or_twice_on_real_sockets() -> None:
    """With so long a settle delay that a busy machine isn't later than that."""
    what = await perform(Course(runs=10, events=100, settle_delay=0.5, late=0.02))
    assert what.is_right
    assert what.ends.total() > 0


class Story:
    """Records of one run, one after the other."""

    def __init__(self) -> None:
        self.stored = Stored()

    def begin(self, request: int, *, time: float) -> None:
        """A request comes in."""
        head: dict[str, Any] = {"method": "POST", "path": "/", "host": "h", "authorization": None, "content_type": None}
        self.stored.note(RequestStarted(time=time, request=request, connection=1, run_id=RUN, **head))

    def take(self, request: int, *places: int, time: float) -> None:
        """Its lines are taken."""
        for place in places:
            line: dict[str, Any] = {"size": 1, "seq": place + 1, "event": {"place": place}}
            self.stored.note(LineReceived(time=time, request=request, run_id=RUN, decision="accepted", **line))


def test_what_is_lost_is_counted() -> None:
    """Also of a run that never came."""
    story = Story()
    story.begin(1, time=0.0)
    story.take(1, 0, 2, time=1.0)
    assert story.stored.lost(RUN, 4) == 2
    assert story.stored.lost("run-1", 4) == 4


def test_what_is_out_of_order_is_counted_once_it_comes() -> None:
    """A gap is none as long as nothing comes into it."""
    story = Story()
    story.begin(1, time=0.0)
    story.take(1, 0, 3, 1, 2, 4, time=1.0)
    assert story.stored.out_of_order == 2
    assert story.stored.twice() == []


@pytest.mark.parametrize(("begun", "overlapped"), [(0.5, True), (1.0, True), (1.5, False)])
def test_what_is_there_twice_is_told_with_its_two_requests(begun: float, *, overlapped: bool) -> None:
    """And whether both were being taken at once."""
    story = Story()
    story.begin(1, time=0.0)
    story.take(1, 0, 1, 2, time=1.0)
    story.begin(2, time=begun)
    story.take(2, 1, 2, 3, time=2.0)
    (twice,) = story.stored.twice()
    assert twice.places == (1, 2)
    assert twice.overlapped is overlapped
    assert str(twice) == (
        f"run-0, 2 events from 1 on: request 1 (0.000 to 1.000 s) and request 2 ({begun:.3f} to 2.000 s)"
    )
    assert story.stored.out_of_order == 0


def test_one_request_that_stores_an_event_twice_overlaps_with_none() -> None:
    """No backend does that to a correct sender."""
    story = Story()
    story.begin(1, time=0.0)
    story.take(1, 0, 0, time=1.0)
    (twice,) = story.stored.twice()
    assert not twice.overlapped


def found(course: Course = FEW, **changes: Any) -> Found:
    """What is found where all is right, but for the changes."""
    right = {"seconds": 1.0, "requests": 1, "lost": 0, "pairs": (), "out_of_order": 0, "misreported": 0, "blamed": ()}
    return Found(course=course, **{**right, "ends": Counter(), "stall": 0.0, **changes})


def pair(*, overlapped: bool) -> Pair:
    """Two requests that have stored an event both."""
    return Pair(run=RUN, places=(7,), requests=(Request(1, 0.0, 1.0), Request(2, 0.5 if overlapped else 1.5, 2.0)))


LONG_DELAYS = Course(settle_delay=0.1, late=0.2)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (found(lost=1), "1 lost, 0 twice, 0 out of order"),
        (found(out_of_order=2), "0 lost, 0 twice, 2 out of order"),
        (found(pairs=(pair(overlapped=True),)), "0 lost, 1 twice, 0 out of order"),
        (found(pairs=(pair(overlapped=True),), stall=3.0), "the machine was busy: lines may have been late by 3.000 s"),
        (found(LONG_DELAYS, pairs=(pair(overlapped=True), pair(overlapped=False))), "2 pairs of requests, 1 of which"),
        (found(misreported=3), "3 senders didn't report"),
        (found(blamed=("run-3: AnotherWriter",)), "told of what isn't so: run-3: AnotherWriter"),
    ],
)
def test_the_command_fails_for_what_is_wrong(
    what: Found, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what it is."""
    monkeypatch.setattr(overlap, "perform_simulated", lambda _: what)
    assert main(["--simulated"]) == 1
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("what", [found(), found(LONG_DELAYS, pairs=(pair(overlapped=True),) * 20)])
def test_the_command_succeeds_where_nothing_is_wrong(what: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that are there twice are wrong only where none may be."""
    monkeypatch.setattr(overlap, "perform_simulated", lambda _: what)
    assert main(["--simulated"]) == 0


def test_the_command_performs_what_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the settle delay is how late lines are, unless it is told otherwise."""
    small = ["--runs", "4", "--events", "50", "--settle-delay", "0.4", "--seed", "3"]
    assert main([*small, "--simulated"]) == 0
    assert "4 runs of 50 events, settle_delay 0.4 s, late by up to 0.2 s, seed 3" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--events", "few"], ["--late", "-1"], ["--settle-delay", "x"]])
def test_a_number_that_makes_no_sense_is_named(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With what would be right."""
    with pytest.raises(SystemExit):
        main(wrong)
    assert repr(wrong[1]) in capsys.readouterr().err
