"""The core: numbers, and what an answer says about them."""

from __future__ import annotations

import pytest

from reference.sender import DropReason, Health, Outcome
from reference.sender.types import AttemptFailed, OpenWindow
from tests.reference.sender.driving import Driver, payload

FRAME = len('{"seq":,"event":}')


def test_it_asks_before_it_sends() -> None:
    """Events that were enqueued before the answer came start after the backend's last number (SEQ-1)."""
    core = Driver()
    core.enqueue(2)
    core.sync(42)
    assert core.window() == [(43, 0), (44, 1)]


def test_the_position_is_unknown_until_it_was_told() -> None:
    """The counters don't claim a zero that nobody said."""
    core = Driver()
    core.enqueue()
    assert core.core.stats().last_accepted_seq is None
    core.sync(0)
    assert core.core.stats().last_accepted_seq == 0


def test_an_ack_covers_only_what_was_sent() -> None:
    """A number beyond it discards nothing: what was not sent follows from there (DLV-7)."""
    core = Driver(max_window_events=2).started(events=5)
    assert core.numbers() == [1, 2]
    core.answer(200, 10)
    assert core.core.stats().delivered == 2
    assert core.window() == [(11, 2), (12, 3)]


def test_an_event_enqueued_while_its_window_is_in_flight_is_not_covered_by_its_ack() -> None:
    """The backend can't have what was never handed out."""
    core = Driver().started()
    assert core.numbers() == [1]
    core.enqueue()
    core.answer(200, 2)
    assert core.core.stats().delivered == 1
    assert core.window() == [(3, 1)]


@pytest.mark.parametrize("status", [200, 400, 413])
def test_a_prefix_that_was_taken_is_kept_and_the_rest_goes_on(status: int) -> None:
    """Under the numbers it had, at once (DLV-4)."""
    core = Driver().started(last=42, events=4)
    core.window()
    core.answer(status, 44)
    assert core.core.stats().delivered == 2
    assert core.window() == [(45, 2), (46, 3)]


def test_after_an_ambiguous_attempt_an_event_keeps_its_number() -> None:
    """What the backend says it hasn't got goes out under the same number again (SEQ-3)."""
    core = Driver().started(last=42, events=3)
    core.window()
    core.break_off()
    assert core.core.report().unconfirmed == 3
    core.wait()
    core.settle(43)
    assert core.window() == [(44, 1), (45, 2)]


def test_an_ambiguous_attempt_is_asked_about_before_anything_is_sent_again() -> None:
    """Nobody knows how much of it was taken (DLV-2)."""
    core = Driver().started(events=2)
    core.window()
    core.break_off()
    core.wait()
    core.ask()


def test_a_success_that_does_not_say_how_far_acknowledges_nothing() -> None:
    """It is a failure: asked about, and counted (DLV-6)."""
    core = Driver().started(events=2)
    core.window()
    core.answer(200, None)
    assert core.core.stats().delivered == 0
    assert core.core.stats().failed_requests == 1
    core.wait()
    core.ask()


def test_an_ack_beyond_everything_covers_its_own_window_alone() -> None:
    """What windows before it brought, of which the backend took nothing when it was asked, is not there (DLV-7)."""
    core = Driver().started(events=3)
    for _ in range(3):
        core.window()
        core.break_off()
        core.wait()
        core.settle(0)
    assert core.numbers() == [1]  # too large, perhaps, so it is sent alone
    core.answer(200, 1_000)
    assert core.core.stats().delivered == 1
    assert core.window() == [(1_001, 1), (1_002, 2)]


@pytest.mark.parametrize("last", [0, 7, 43, 10**18])
def test_a_conflict_rebases_what_is_held_behind_or_ahead(last: int) -> None:
    """The next window starts at the number that follows, in the same order, at once (SEQ-2)."""
    core = Driver(max_window_events=2).started(last=40, events=4)
    core.window()
    core.answer(409, last if last != 43 else 39)
    assert core.window()[0][0] == (last if last != 43 else 39) + 1


def test_a_conflict_within_what_was_sent_delivers_up_to_there() -> None:
    """An earlier attempt was taken after all; then came something else."""
    core = Driver().started(last=40, events=4)
    core.window()
    core.answer(409, 42)
    assert core.core.stats().delivered == 2
    assert core.window() == [(43, 2), (44, 3)]


def test_a_conflict_past_all_that_was_sent_is_another_writers_number() -> None:
    """The window was refused, so it is kept, and follows from there."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.answer(409, 60)
    assert core.core.stats().delivered == 0
    assert core.window() == [(61, 0), (62, 1)]


def test_what_never_left_is_not_taken_for_delivered() -> None:
    """Where no connection came about, a number that another writer reached delivers nothing (DLV-7)."""
    core = Driver().started(events=2)
    core.window()
    core.core.handle(AttemptFailed(detail="refused", was_sent=False), core.now)
    core.wait()
    core.sync(5)
    assert core.window() == [(6, 0), (7, 1)]


def test_a_sync_that_goes_back_rebases() -> None:
    """A backend that lost its state is believed when it is asked."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.break_off()
    core.wait()
    core.settle(10)
    assert core.core.report().unconfirmed == 0
    assert core.window() == [(11, 0), (12, 1)]


def test_a_success_that_goes_back_is_not_believed_without_asking() -> None:
    """A backend that forgot may have taken events for duplicates; nothing is renumbered on its word alone."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.answer(200, 10)
    assert core.core.stats().delivered == 0
    assert core.core.stats().last_accepted_seq == 40
    assert core.health[-1].health is Health.RETRYING
    assert "went back from 40 to 10" in core.health[-1].detail
    core.wait()
    core.ask()


def test_a_success_that_took_nothing_is_a_failure() -> None:
    """It waits, and asks: no hot loop (RTY-2)."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.answer(200, 40)
    assert core.wait() > 0
    core.ask()


def test_a_conflict_at_the_start_of_the_window_is_final() -> None:
    """It began at exactly the number that is asked for: it can never be taken (DRN-11)."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.answer(409, 40)
    assert core.is_over()
    report = core.core.report()
    assert (report.undelivered, report.unconfirmed, report.completed) == (2, 0, False)
    assert report.why is not None
    assert "number 41" in report.why
    assert core.health[-1].health is Health.FAILED


def test_a_conflict_that_repeats_without_progress_waits() -> None:
    """The first is followed at once, the second after a delay, and asked about (RTY-2)."""
    core = Driver().started(last=40, events=1)
    core.window()
    core.answer(409, 50)
    core.window()
    core.answer(409, 60)
    assert core.wait() > 0
    core.ask()


def test_progress_lets_the_next_conflict_be_followed_at_once() -> None:
    """Conflicts count only while nothing is delivered between them."""
    core = Driver(max_window_events=1).started(last=40, events=3)
    core.window()
    core.answer(409, 50)
    assert core.numbers() == [51]
    core.answer(200, 51)
    core.window()
    core.answer(409, 60)
    assert core.numbers() == [61]


def test_a_sync_that_is_answered_409_says_the_position_too() -> None:
    """Whatever the status means there, the number is the backend's own."""
    core = Driver()
    core.enqueue()
    core.ask()
    core.answer(409, 7)
    assert core.window() == [(8, 0)]


def test_a_sync_answered_409_can_deliver() -> None:
    """What an ambiguous window was taken of counts."""
    core = Driver().started(events=2)
    core.window()
    core.break_off()
    core.wait()
    core.ask()
    core.answer(409, 1)
    core.wait()
    core.ask()
    core.answer(409, 1)
    assert core.core.stats().delivered == 1
    assert core.window() == [(2, 1)]


def test_an_event_that_outgrows_the_limit_in_a_rebase_is_dropped_and_told() -> None:
    """By the sync, which gives it a longer number than it was measured with; those around it go out (WIN-2)."""
    core = Driver(max_event_bytes=60)
    largest = payload(60 - FRAME - 1)
    core.enqueue()
    assert core.enqueue_raw(largest) is Outcome.ACCEPTED
    core.enqueue()
    core.sync(97)
    assert core.window() == [(98, 0), (99, 1)]
    assert [(drop.reason, drop.event) for drop in core.drops] == [(DropReason.OVERSIZED, largest)]
    assert core.core.stats().dropped == {DropReason.OVERSIZED: 1}
    assert (core.core.stats().enqueued, core.core.stats().undelivered) == (3, 2)


def test_an_event_that_outgrows_the_limit_by_a_conflict_is_dropped_and_told() -> None:
    """Another writer's number is a rebase as well."""
    core = Driver(max_event_bytes=60)
    core.enqueue_raw(payload(60 - FRAME - 1))
    core.enqueue()
    core.sync(0)
    core.window()
    core.answer(409, 9)
    assert [drop.reason for drop in core.drops] == [DropReason.OVERSIZED]
    assert core.window() == [(10, 0)]


@pytest.mark.parametrize("seq", [9, 10, 99, 100])
def test_an_event_of_exactly_the_limit_is_sent(seq: int) -> None:
    """Measured under the number that it goes out with, to the byte."""
    core = Driver(max_event_bytes=60).started(last=seq - 2)
    core.window()
    core.answer(200, seq - 1)
    size = 60 - FRAME - len(str(seq))
    assert core.enqueue_raw(payload(size + 1)) is Outcome.OVERSIZED
    assert core.enqueue_raw(payload(size)) is Outcome.ACCEPTED
    assert core.core.next_command(core.now) == OpenWindow()
    line = core.core.fill(core.now)
    assert isinstance(line, bytes)
    assert len(line) == 61


def test_a_flush_does_not_count_the_drop_of_a_later_event() -> None:
    """An event behind those that are waited for is taken out first, and they are still to come."""
    core = Driver(max_event_bytes=60)
    core.enqueue()
    target = core.core.flush()
    for _ in range(2):
        assert core.enqueue_raw(payload(60 - FRAME - 1)) is Outcome.ACCEPTED
    core.enqueue()
    core.sync(97)
    assert len(core.drops) == 2
    assert core.core.settled < target
    assert core.numbers() == [98, 99]
    core.answer(200, 98)
    assert core.core.settled == 3
    core.window()
    core.answer(200, 99)
    assert core.core.settled == 4


def test_events_may_outgrow_the_limit_more_than_once() -> None:
    """Each rebase to a longer number takes out those that fitted until then, and all are counted once."""
    core = Driver(max_event_bytes=60)
    core.enqueue()
    for digits in (1, 2, 1, 2):
        assert core.enqueue_raw(payload(60 - FRAME - digits)) is Outcome.ACCEPTED
    core.enqueue()
    core.sync(20)
    assert len(core.drops) == 2
    core.window()
    core.answer(409, 200)
    assert len(core.drops) == 4
    assert core.core.settled == 0
    assert core.window() == [(201, 0), (202, 1)]
    core.answer(200, 202)
    assert core.core.settled == 6
