"""The rules of the core, one claim each: numbers, answers, retry, windows, drain and the counters."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from reference.sender import DropReason, Health, Outcome
from reference.sender.core import BLOCK_BYTES
from reference.sender.messages import Answered, AttemptFailed, OpenWindow, Wait
from tests.reference.sender.driving import Driver, payload

FRAME = len('{"seq":,"event":}')


# Numbers and acknowledgement.


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
    core.sync(43)
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


def test_a_sync_that_goes_back_rebases() -> None:
    """A backend that lost its state is believed when it is asked."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.break_off()
    core.wait()
    core.sync(10)
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


# Retry.


def test_the_ceiling_of_the_delays_grows_to_the_cap() -> None:
    """It doubles with each failure (RTY-4)."""
    core = Driver(retry_delay=1.0, max_retry_delay=10.0)
    core.draw = 1.0
    core.enqueue()
    waits = []
    for _ in range(6):
        core.ask()
        core.break_off()
        waits.append(core.wait())
    assert waits == pytest.approx([1.0, 2.0, 4.0, 8.0, 10.0, 10.0])


def test_the_ceiling_stays_finite_for_ever() -> None:
    """Two thousand failures later it is still the cap (RTY-9)."""
    core = Driver(retry_delay=1.0, max_retry_delay=30.0)
    core.enqueue()
    waits = []
    for _ in range(2_000):
        core.ask()
        core.break_off()
        waits.append(core.wait())
    assert waits[-1] == pytest.approx(15.0)


@pytest.mark.parametrize("draw", [0.25, 0.5, 0.75])
def test_the_draw_scales_the_delay(draw: float) -> None:
    """Evenly between nothing and the ceiling (RTY-4)."""
    core = Driver(retry_delay=8.0, max_retry_delay=30.0)
    core.draw = draw
    core.enqueue()
    core.ask()
    core.break_off()
    assert core.wait() == pytest.approx(8.0 * draw)


def test_a_success_resets_the_delay() -> None:
    """After progress the next failure waits as the first did (RTY-5)."""
    core = Driver(retry_delay=1.0)
    core.draw = 1.0
    core.enqueue()
    for _ in range(4):
        core.ask()
        core.break_off()
        core.wait()
    core.sync(0)
    core.window()
    core.answer(200, 1)
    core.enqueue()
    core.window()
    core.break_off()
    assert core.wait() == pytest.approx(1.0)


def test_a_sync_that_delivers_nothing_does_not_reset_the_delay() -> None:
    """A backend that answers empty requests only isn't well."""
    core = Driver(retry_delay=1.0).started()
    core.draw = 1.0
    waits = []
    for _ in range(3):
        core.window()
        core.break_off()
        waits.append(core.wait())
        core.sync(0)
    assert waits == pytest.approx([1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("retry_after", "expected"), [(None, 4.0), (0.0, 4.0), (3.0, 4.0), (4.5, 4.5), (3_600.0, 3_600.0)]
)
@pytest.mark.parametrize("status", [429, 503, 400, 413])
def test_retry_after_is_a_lower_bound(status: int, retry_after: float | None, expected: float) -> None:
    """It lengthens a wait and never shortens it, whatever the answer (RTY-3)."""
    core = Driver(retry_delay=8.0).started()
    core.window()
    core.answer(status, 0 if status == 413 else None, retry_after=retry_after)
    assert core.wait() == pytest.approx(expected)


def test_nothing_that_is_enqueued_ends_a_retry_delay() -> None:
    """Not even a full buffer (RTY-2)."""
    core = Driver(max_buffered_events=3).started()
    core.window()
    core.break_off()
    command = core.core.next_command(core.now)
    assert isinstance(command, Wait)
    assert command.until_buffered > 3


@pytest.mark.parametrize("call", ["flush", "stop"])
def test_hurry_does_not_end_a_retry_delay(call: str) -> None:
    """The deadline of the drain ends it, and that is the shell's (RTY-3)."""
    core = Driver().started()
    core.window()
    core.answer(503, retry_after=60.0)
    if call == "flush":
        core.core.flush()
    else:
        core.core.stop(complete=True)
    assert core.waiting_until() == pytest.approx(core.now + 60.0)


@pytest.mark.parametrize("during", ["sync", "window", "completion"])
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_answer_that_will_not_change_is_final(status: int, during: str) -> None:
    """At once, and it is said why; nothing more is sent (RTY-6)."""
    core = Driver()
    core.enqueue()
    core.ask()
    if during != "sync":
        core.answer(200, 0)
        core.window()
    if during == "completion":
        core.answer(200, 1)
        core.core.stop(complete=True)
        core.complete()
    core.answer(status)
    assert core.is_over()
    assert core.core.report().why == f"{status} answer {status}"
    assert core.core.report().undelivered == (0 if during == "completion" else 1)
    assert not core.core.report().completed
    assert core.health[-1].health is Health.FAILED
    assert core.core.enqueue(b"{}") is Outcome.CLOSED
    assert core.core.closed


@pytest.mark.parametrize("status", [302, 405, 408, 418, 429, 500, 502, 503, 504])
def test_other_answers_are_tried_again(status: int) -> None:
    """Also those that nobody foresaw (RTY-1)."""
    core = Driver().started()
    core.window()
    core.answer(status)
    core.wait()
    core.sync(0)
    assert core.window() == [(1, 0)]


def test_health_is_told_when_it_changes_and_not_otherwise() -> None:
    """Two failures in a row are one notice."""
    core = Driver().started()
    for _ in range(2):
        core.window()
        core.break_off()
        core.wait()
        core.sync(0)
    core.window()
    core.answer(200, 1)
    assert [(each.health, each.detail) for each in core.health] == [
        (Health.RETRYING, "reset"),
        (Health.HEALTHY, "delivering"),
    ]


# Poison.


def refuse(core: Driver, status: int, last: int) -> None:
    """The window is refused as a backend does it, and if its answer doesn't say so, the sync tells the position."""
    core.answer(status, last if status == 413 else None)
    core.wait()
    if status == 400:
        core.sync(last)


@pytest.mark.parametrize("status", [400, 413])
def test_a_culprit_is_singled_out_and_those_behind_it_go_on(status: int) -> None:
    """First in company, then alone; then it is dropped with a reason, and its number goes to the next (RTY-7)."""
    core = Driver().started(last=42, events=3)
    assert core.numbers() == [43, 44, 45]
    refuse(core, status, 42)
    assert core.window() == [(43, 0)]
    refuse(core, status, 42)
    assert [(drop.reason, drop.detail, drop.event) for drop in core.drops] == [
        (DropReason.REJECTED, f"{status} answer {status}", b'{"n":0}')
    ]
    assert core.window() == [(43, 1)]
    assert core.core.stats().dropped == {DropReason.REJECTED: 1}


@pytest.mark.parametrize("status", [400, 413])
def test_a_head_that_was_alone_from_the_start_needs_two_refusals_too(status: int) -> None:
    """Once may be chance."""
    core = Driver().started()
    core.window()
    refuse(core, status, 0)
    assert core.drops == []
    core.window()
    refuse(core, status, 0)
    assert len(core.drops) == 1


def test_a_window_refused_any_number_of_times_in_company_drops_nothing() -> None:
    """Only a head that was alone can be known to be the culprit: here more was sent than the cap says, each time."""
    core = Driver().started(events=3)
    core.window()
    refuse(core, 413, 0)
    assert core.numbers() == [1]
    core.answer(503)
    core.wait()
    core.sync(0)
    assert core.numbers() == [1]
    assert core.drops == []


def test_one_passing_refusal_drops_nothing() -> None:
    """The event is taken when it is sent again."""
    core = Driver().started(events=2)
    core.window()
    refuse(core, 400, 0)
    assert core.window() == [(1, 0)]
    core.answer(200, 1)
    assert core.window() == [(2, 1)]
    core.answer(200, 2)
    assert core.drops == []
    assert core.core.stats().delivered == 2


def test_refusals_do_not_add_up_over_progress() -> None:
    """A passing refusal of one event and one of the next are two first ones."""
    core = Driver(max_window_events=1).started(events=2)
    for number in (1, 2):
        core.window()
        refuse(core, 400, number - 1)
        core.window()
        core.answer(200, number)
    assert core.drops == []


def test_refusals_do_not_add_up_over_a_dropped_head() -> None:
    """The one behind it starts without any."""
    core = Driver(max_window_events=1).started(events=2)
    for _ in range(2):
        core.window()
        refuse(core, 413, 0)
    assert len(core.drops) == 1
    core.window()
    refuse(core, 413, 0)
    assert len(core.drops) == 1


def test_the_windows_grow_again_after_a_culprit() -> None:
    """They double with each success, up to the configured size (slow start)."""
    core = Driver(max_window_events=6).started(events=30)
    core.window()
    refuse(core, 413, 0)
    sizes, last = [], 0
    for _ in range(5):
        numbers = core.numbers()
        sizes.append(len(numbers))
        last = numbers[-1]
        core.answer(200, last)
    assert sizes == [1, 2, 4, 6, 6]


def test_a_refusal_after_progress_names_the_next_head() -> None:
    """The prefix is delivered and the rest is sent again, before anything is blamed."""
    core = Driver().started(events=3)
    core.window()
    core.answer(400, None)
    core.wait()
    core.sync(2)
    assert core.window() == [(3, 2)]
    assert core.drops == []


def test_a_refusal_is_not_blamed_on_an_event_that_moved() -> None:
    """The sync says that the backend is elsewhere: the window was not refused for its head."""
    core = Driver(max_window_events=1).started(last=40, events=2)
    for last in (30, 20, 10):
        core.window()
        refuse(core, 400, last)
    assert core.drops == []


def test_a_refusal_that_says_a_number_behind_is_asked_about() -> None:
    """As a success that goes back is."""
    core = Driver().started(last=40, events=2)
    core.window()
    core.answer(413, 10)
    core.wait()
    core.ask()
    assert core.drops == []


def test_a_backend_that_refuses_everything_makes_it_drop_nothing() -> None:
    """Also the empty request is refused: then it isn't the events (RTY-7)."""
    core = Driver().started(events=3)
    for _ in range(50):
        match core.core.next_command(core.now):
            case Wait(until=until):
                core.now = until
            case _:
                core.answer(400, None)
    assert core.drops == []
    assert core.core.stats().undelivered == 3


def test_a_drop_names_the_refusal_and_not_what_came_between() -> None:
    """The sync after the second refusal fails once; that isn't why the event was dropped."""
    core = Driver().started()
    core.window()
    refuse(core, 400, 0)
    core.window()
    core.answer(400, None)
    core.wait()
    core.ask()
    core.break_off("connection refused")
    core.wait()
    core.sync(0)
    assert [drop.detail for drop in core.drops] == ["400 answer 400"]


# Windows.


def test_a_window_holds_no_more_events_than_configured() -> None:
    """The rest goes into the next (WIN-1)."""
    core = Driver(max_window_events=3).started(events=7)
    sizes = []
    for last in (3, 6, 7):
        sizes.append(len(core.window()))
        core.answer(200, last)
    assert sizes == [3, 3, 1]


def test_a_window_holds_no_more_bytes_than_configured_to_the_byte() -> None:
    """Three lines of 26 bytes fit into 78, and two into 77 (WIN-1)."""
    for limit, count in ((78, 3), (77, 2)):
        core = Driver(max_event_bytes=60, max_window_bytes=limit).started(events=5)
        assert len(core.window()) == count
        core.answer(200, count)
        assert core.window()[0] == (count + 1, count)


def test_bytes_count_over_all_that_a_window_is_given() -> None:
    """Also where it is filled in several calls."""
    core = Driver(max_event_bytes=60, max_window_bytes=78, window_age=5.0).started(events=2)
    assert len(core.window()) == 2
    core.enqueue(2)
    assert len(core.more_of_window()) == 1
    assert core.core.fill(core.now) is None


def test_events_count_over_all_that_a_window_is_given() -> None:
    """Also where it is filled in several calls."""
    core = Driver(max_window_events=3, window_age=5.0).started(events=2)
    core.window()
    core.enqueue(2)
    assert len(core.more_of_window()) == 1
    assert core.core.fill(core.now) is None


def test_a_large_window_is_given_in_blocks() -> None:
    """What is exposed was nearly sent."""
    core = Driver(max_window_events=900)
    for _ in range(10):
        core.enqueue_raw(payload(BLOCK_BYTES // 3))
    core.sync(0)
    assert core.core.next_command(core.now) == OpenWindow()
    block = core.core.fill(core.now)
    assert isinstance(block, bytes)
    assert len(block) <= BLOCK_BYTES
    assert core.core.report().unconfirmed == 2


def test_without_age_a_window_is_a_batch() -> None:
    """It closes as soon as the buffer is drained."""
    core = Driver(window_age=0.0).started(events=2)
    core.window()
    assert core.core.fill(core.now) is None


def test_a_window_with_age_waits_for_more_until_it_is_over() -> None:
    """It asks to be woken by the next event, or by its end."""
    core = Driver(window_age=5.0).started(events=2)
    core.window()
    assert core.core.fill(core.now + 4.9) == Wait(until=core.now + 5.0, until_buffered=3)
    core.enqueue()
    assert core.more_of_window() == [(3, 2)]
    core.now += 5.0
    assert core.core.fill(core.now) is None
    core.enqueue()
    assert core.core.fill(core.now) is None


@pytest.mark.parametrize("call", ["flush", "stop", "close_window"])
def test_an_open_window_ends_early(call: str) -> None:
    """Where somebody waits for its events, or its answer is there."""
    core = Driver(window_age=5.0).started(events=2)
    core.window()
    match call:
        case "flush":
            core.core.flush()
        case "stop":
            core.core.stop(complete=False)
        case _:
            core.core.close_window()
    assert core.core.fill(core.now) is None


def test_a_flush_of_nothing_keeps_the_window_open() -> None:
    """And one whose events are settled is over: the next window ages as usual."""
    core = Driver(window_age=5.0).started(events=2)
    core.window()
    core.core.flush()
    core.core.fill(core.now)
    core.answer(200, 2)
    core.core.flush()
    core.enqueue()
    core.window()
    assert isinstance(core.core.fill(core.now), Wait)


def test_a_window_that_holds_all_that_the_buffer_may_hold_ends() -> None:
    """Nothing can come to wait for: kept open, it would refuse events until it is aged (WIN-3)."""
    core = Driver(window_age=300.0, max_buffered_events=3).started(events=3)
    core.window()
    assert core.enqueue_raw(b"{}") is Outcome.FULL
    assert core.core.fill(core.now) is None


def test_a_window_ends_where_the_buffer_has_no_bytes_left() -> None:
    """The same by bytes: an event was refused that has to wait for this window's answer (WIN-3)."""
    core = Driver(window_age=300.0, max_event_bytes=60, max_buffered_bytes=60)
    core.enqueue_raw(payload(40))
    core.sync(0)
    core.window()
    assert core.enqueue_raw(payload(30)) is Outcome.FULL
    assert core.core.fill(core.now) is None


def test_an_idle_sender_lingers_for_company() -> None:
    """For the flush delay, from the first time that it could have sent."""
    core = Driver(flush_delay=0.5).started()
    assert core.waiting_until() == pytest.approx(core.now + 0.5)
    core.now += 0.3
    core.enqueue()
    assert core.wait() == pytest.approx(0.2)
    assert core.numbers() == [1, 2]


def test_each_window_lingers_anew() -> None:
    """The delay is not used up by the first."""
    core = Driver(flush_delay=0.5).started()
    core.wait()
    core.window()
    core.answer(200, 1)
    core.enqueue()
    assert core.wait() == pytest.approx(0.5)


def test_a_full_window_ends_the_lingering() -> None:
    """It asks to be woken by it, too."""
    core = Driver(flush_delay=0.5, max_window_events=3).started()
    assert core.core.next_command(core.now) == Wait(until=core.now + 0.5, until_buffered=3)
    core.enqueue(2)
    assert core.numbers() == [1, 2, 3]


@pytest.mark.parametrize("call", ["flush", "stop", "full"])
def test_hurry_ends_the_lingering(call: str) -> None:
    """Who waits for the events waits for no company; nor does who was refused for want of room."""
    core = Driver(flush_delay=0.5, max_buffered_events=1).started()
    match call:
        case "flush":
            core.core.flush()
        case "stop":
            core.core.stop(complete=True)
        case _:
            assert core.enqueue_raw(b"{}") is Outcome.FULL
    assert core.numbers() == [1]


def test_an_idle_core_waits_for_an_event_and_for_nothing_else() -> None:
    """No polling (LIV-3)."""
    core = Driver()
    assert core.core.next_command(core.now) == Wait(until=math.inf, until_buffered=1)
    core.enqueue()
    core.sync(0)
    core.window()
    core.answer(200, 1)
    assert core.core.next_command(core.now) == Wait(until=math.inf, until_buffered=1)


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
    core.sync(0)
    core.window()
    core.answer(200, 1)
    stats = core.core.stats()
    assert (stats.requests, stats.failed_requests) == (4, 1)
