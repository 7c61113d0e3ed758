"""The core: draining, the end, and the counters."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from reference.sender import DropReason, Outcome
from reference.sender.types import Answered, AttemptFailed
from tests.reference.sender.driving import Driver, payload, refuse

FRAME = len('{"seq":,"event":}')


# Draining and the end.


def test_completion_comes_after_all_and_once() -> None:
    """With the number of the last event (DRN-1, DRN-2)."""
    core = Driver(max_window_events=2).started(last=42, events=3)
    core.core.stop(complete=True)
    core.window()
    core.answer(200, 44)
    core.window()
    core.answer(200, 45)
    assert core.complete() == 45
    core.answer(200, 45)
    assert core.is_over()
    report = core.core.report()
    assert (report.completed, report.delivered, report.undelivered, report.why) == (True, 3, 0, None)
    assert report.all_delivered


def test_a_sender_that_never_sent_completes_at_the_backends_number() -> None:
    """It asks for it first (DRN-8)."""
    core = Driver()
    core.core.stop(complete=True)
    core.sync(42)
    assert core.complete() == 42


def test_stopping_without_completing_leaves_the_run_open() -> None:
    """What is buffered goes out, and that is all (DRN-12)."""
    core = Driver().started()
    core.core.stop(complete=False)
    core.window()
    core.answer(200, 1)
    assert core.is_over()
    assert not core.core.report().completed
    assert core.core.report().why is None


def test_stopping_an_idle_sender_without_completing_sends_nothing() -> None:
    """There is nothing to do."""
    core = Driver()
    core.core.stop(complete=False)
    assert core.is_over()
    assert core.core.stats().requests == 0


def test_a_completion_whose_answer_was_lost_is_tried_again() -> None:
    """After it asked (DRN-9)."""
    core = Driver().started()
    core.core.stop(complete=True)
    core.window()
    core.answer(200, 1)
    core.complete()
    core.break_off()
    core.wait()
    core.sync(1)
    assert core.complete() == 1
    core.answer(200, 1)
    assert core.core.report().completed


def test_a_completion_that_does_not_match_is_followed_by_a_sync_and_completion() -> None:
    """At the number that the backend says then (DRN-10)."""
    core = Driver().started()
    core.core.stop(complete=True)
    core.window()
    core.answer(200, 1)
    core.complete()
    core.answer(409, 7)
    core.sync(7)
    assert core.complete() == 7
    core.answer(409, 9)
    assert core.wait() > 0, "the second time it waits"


def test_a_completion_refused_at_its_own_number_is_final() -> None:
    """There is nothing to put right (DRN-11)."""
    core = Driver()
    core.core.stop(complete=True)
    core.sync(7)
    core.complete()
    core.answer(409, 7)
    assert core.is_over()
    assert core.core.report().why == "completion at 7 is answered 409, and 7 is what the backend has"


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_completion_that_is_answered_otherwise_is_tried_again(status: int) -> None:
    """There is no event in it to blame."""
    core = Driver()
    core.core.stop(complete=True)
    core.sync(7)
    core.complete()
    core.answer(status, 7)
    core.wait()
    core.sync(7)
    assert core.complete() == 7


def test_after_stop_events_are_refused() -> None:
    """At once, before the drain is over (DRN-6)."""
    core = Driver().started()
    core.core.stop(complete=True)
    assert core.core.closed
    assert core.enqueue_raw(b"{}") is Outcome.CLOSED
    assert core.core.stats().dropped == {DropReason.CLOSED: 1}


def test_giving_up_ends_it_and_says_what_the_last_trouble_was() -> None:
    """The reason of the shell, and the network's."""
    core = Driver().started()
    core.window()
    core.break_off("reset by peer")
    core.core.give_up("the deadline passed")
    assert core.is_over()
    assert core.core.finished
    assert core.core.report().why == "the deadline passed; the last trouble was: reset by peer"


def test_giving_up_without_trouble_says_only_why() -> None:
    """Trouble that was overcome is none."""
    core = Driver().started()
    core.window()
    core.break_off()
    core.wait()
    core.sync(1)
    core.core.give_up("the deadline passed")
    assert core.core.report().why == "the deadline passed"


def test_giving_up_keeps_the_first_reason() -> None:
    """Also where the first was the backend's."""
    core = Driver().started()
    core.window()
    core.answer(401)
    core.core.give_up("the deadline passed")
    assert core.core.report().why == "401 answer 401"


def test_giving_up_after_a_good_end_changes_nothing() -> None:
    """All went as asked, and stays so."""
    core = Driver()
    core.core.stop(complete=False)
    assert core.is_over()
    core.core.give_up("the deadline passed")
    assert core.core.report().why is None


@pytest.mark.parametrize("happened", [Answered(status=200, last_accepted_seq=1), AttemptFailed(detail="reset")])
def test_an_end_without_an_attempt_is_a_bug_of_the_shell(happened: Answered | AttemptFailed) -> None:
    """It is raised, not guessed at."""
    core = Driver()
    with pytest.raises(RuntimeError, match="no attempt is in flight"):
        core.core.handle(happened, core.now)


# The counters.


def test_the_counters_add_up_through_it_all() -> None:
    """Events enqueued are delivered, undelivered or dropped, at every moment (DLV-1)."""
    core = Driver(max_buffered_events=4, max_event_bytes=60)
    seen: list[dict[str, Any]] = []

    def look() -> None:
        stats = core.core.stats()
        assert stats.enqueued == stats.delivered + stats.undelivered + sum(stats.dropped.values())
        seen.append({"enqueued": stats.enqueued, "delivered": stats.delivered, "dropped": dict(stats.dropped)})

    look()
    core.enqueue_raw(payload(60))
    core.enqueue(4)
    core.enqueue_raw(b"{}")
    look()
    core.sync(0)
    core.window()
    refuse(core, 413, 0)
    core.window()
    refuse(core, 413, 0)
    look()
    core.core.stop(complete=False)
    core.enqueue_raw(b"{}")
    for last in itertools.count(1):
        if core.is_over():
            break
        core.window()
        core.answer(200, last)
        look()
    assert seen[-1] == {
        "enqueued": 7,
        "delivered": 3,
        "dropped": {
            DropReason.OVERSIZED: 1,
            DropReason.FULL: 1,
            DropReason.REJECTED: 1,
            DropReason.CLOSED: 1,
        },
    }
    report = core.core.report()
    assert report.dropped == seen[-1]["dropped"]
    assert not report.all_delivered


def test_requests_and_failures_are_counted() -> None:
    """Each attempt is a request; each that failed is both."""
    core = Driver().started()
    core.window()
    core.break_off()
    core.wait()
    core.settle(0)
    core.window()
    core.answer(200, 1)
    stats = core.core.stats()
    assert (stats.requests, stats.failed_requests) == (5, 1)


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_a_failure_past_the_deadline_is_no_wait_that_was_asked_for(retry_after: float | None) -> None:
    """The deadline of the drain ends it, which is the shell's; nobody asked for anything."""
    core = Driver().started()
    core.core.stop(complete=True, deadline=core.now)
    core.window()
    core.now += 1.0
    core.answer(503, retry_after=retry_after)
    core.waiting_until()


def test_a_wait_past_the_deadline_that_was_asked_for_ends_the_drain() -> None:
    """All it could do is wait (RTY-3, DRN-3)."""
    core = Driver().started()
    core.core.stop(complete=True, deadline=core.now + 5.0)
    core.window()
    core.answer(503, retry_after=60.0)
    assert core.is_over()
    assert (
        core.core.report().why
        == "the backend asked to wait 60 s more, past the deadline; the last trouble was: " + ("503 answer 503")
    )
