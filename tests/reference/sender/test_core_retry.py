"""The core: what it does after a failure, how long it waits, and events that are never taken."""

from __future__ import annotations

import pytest

from reference.sender import DropReason, EventHeldUp, Health, Outcome
from reference.sender.types import Wait
from tests.reference.sender.driving import Driver, payload, refuse

FRAME = len('{"seq":,"event":}')


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
        core.settle(0)
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


@pytest.mark.parametrize("of_a_proxy", [False, True])
@pytest.mark.parametrize("status", [302, 405, 408, 418, 429, 500, 502, 503, 504])
def test_other_answers_are_tried_again(status: int, of_a_proxy: bool) -> None:  # noqa: FBT001 - pytest gives it
    """Also those that nobody foresaw (RTY-1)."""
    core = Driver().started()
    core.window()
    core.answer(status, of_a_proxy=of_a_proxy)
    core.wait()
    if status < 500 or of_a_proxy:
        core.settle(0)
    assert core.window() == [(1, 0)]


@pytest.mark.parametrize("status", [500, 503])
def test_after_the_backends_own_5xx_the_same_lines_go_out_again_unasked(status: int) -> None:
    """It may have taken them, and do what is left to do only when they come again; that is always safe (DLV-2)."""
    core = Driver().started(last=42, events=3)
    core.window()
    core.answer(status)
    core.wait()
    assert core.window() == [(43, 0), (44, 1), (45, 2)]
    core.answer(200, 45, accepted=0)
    assert core.core.stats().delivered == 3
    assert core.others == []


def test_health_is_told_when_it_changes_and_not_otherwise() -> None:
    """Two failures in a row are one notice."""
    core = Driver().started()
    for _ in range(2):
        core.window()
        core.break_off()
        core.wait()
        core.settle(0)
    core.window()
    core.answer(200, 1)
    assert [(each.health, each.detail) for each in core.health] == [
        (Health.RETRYING, "reset"),
        (Health.HEALTHY, "delivering"),
    ]


def test_a_retry_after_has_a_longest() -> None:
    """Milliseconds for seconds would silence a sender for years (RTY-3)."""
    core = Driver(max_retry_after=60.0).started()
    core.window()
    core.answer(503, retry_after=86_400_000.0)
    assert core.wait() == pytest.approx(60.0)


def test_a_longer_wait_than_was_told_is_told() -> None:
    """Whoever looks at the health learns that nothing will be tried for an hour; what is shorter is no news."""
    core = Driver(retry_delay=1.0, max_retry_delay=8.0).started()
    for retry_after in (None, 600.0, 300.0, 900.0):
        core.window()
        core.answer(503, retry_after=retry_after)
        core.wait()
    assert [each.retry_in for each in core.health] == pytest.approx([0.5, 600.0, 900.0])
    core.window()
    core.answer(200, 1)
    assert core.health[-1].retry_in is None


# Final answers that are a proxy's.


@pytest.mark.parametrize("during", ["sync", "window"])
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_proxys_final_answer_passes(status: int, during: str) -> None:
    """One 404 of a load balancer doesn't end the sender (RTY-6)."""
    core = Driver()
    core.enqueue()
    if during == "window":
        core.sync(0)
        core.window()
    else:
        core.ask()
    core.answer(status, of_a_proxy=True)
    core.wait()
    core.settle(0)
    core.window()
    core.answer(200, 1)
    assert core.core.stats().delivered == 1
    assert [each.health for each in core.health] == [Health.RETRYING, Health.HEALTHY]


def test_a_proxys_final_answer_is_final_after_a_while() -> None:
    """Counted from the first of them in a row; until then it is tried again with ordinary delays (RTY-6)."""
    core = Driver(final_after=60.0, max_retry_delay=20.0)
    core.enqueue()
    began, requests = core.now, 0
    while not core.core.finished:
        core.ask()
        core.answer(404, of_a_proxy=True)
        requests += 1
        if not core.core.finished:
            core.wait()
    assert 60.0 <= core.now - began <= 70.0
    assert requests < 12
    assert core.core.report().why == "404 answer 404"
    assert core.health[-1].health is Health.FAILED


def test_any_other_answer_begins_the_while_anew() -> None:
    """A 503 between them is a proxy at work, not a run that is gone."""
    core = Driver(final_after=60.0, max_retry_delay=20.0)
    core.enqueue()
    for _ in range(50):
        core.ask()
        core.answer(404, of_a_proxy=True)
        core.wait()
        core.ask()
        core.answer(503, of_a_proxy=True)
        core.wait()
    assert not core.core.finished


def test_with_no_patience_a_proxys_final_answer_is_final_at_once() -> None:
    """`final_after=0` takes every 404 for the backend's."""
    core = Driver(final_after=0.0)
    core.enqueue()
    core.ask()
    core.answer(404, of_a_proxy=True)
    assert core.is_over()


# What holds up the rest.


@pytest.mark.parametrize("of_a_proxy", [False, True])
def test_an_event_that_the_backend_breaks_on_is_told_and_kept(of_a_proxy: bool) -> None:  # noqa: FBT001 - pytest
    """It is sent alone, and answered 500 again and again: that is what holds up the rest. It isn't dropped."""
    core = Driver().started(events=5)
    sizes = []
    for _ in range(12):
        sizes.append(len(core.window()))
        core.answer(500, of_a_proxy=of_a_proxy)
        core.wait()
        if of_a_proxy:
            core.settle(0)
    assert sizes == [5, 5, 5, *[1] * 9]
    assert core.others == [
        EventHeldUp(detail="number 1 fails again and again: 500 answer 500", event=b'{"n":0}', behind=4)
    ]
    assert core.drops == []
    core.window()
    core.answer(200, 1)
    assert len(core.window()) == 2


def test_errors_of_one_event_and_of_the_next_do_not_add_up() -> None:
    """Progress in between is a backend that fails now and then."""
    core = Driver(max_window_events=1).started(events=8)
    for number in range(1, 9):
        for _ in range(2):
            core.window()
            core.answer(500)
            core.wait()
        core.window()
        core.answer(200, number)
    assert core.others == []


# Poison.


def break_window(core: Driver, *, last: int, by_408: bool = False) -> list[int]:
    """A window ends without a clear answer, and the position stands at a number; gives the window's numbers."""
    numbers = core.numbers()
    if by_408:
        core.answer(408, of_a_proxy=True)
    else:
        core.break_off()
    core.wait()
    core.settle(last)
    return numbers


@pytest.mark.parametrize("by_408", [False, True])
def test_windows_that_never_get_through_become_small(*, by_408: bool) -> None:
    """They may be cut for their size, or take longer to send than a request may: three times, and one is sent alone."""
    core = Driver().started(events=5)
    sizes = [len(break_window(core, last=0, by_408=by_408)) for _ in range(3)]
    for last in (1, 3, 5):
        sizes.append(len(core.window()))
        core.answer(200, last)
    assert sizes == [5, 5, 5, 1, 2, 2]
    assert core.drops == []


def test_windows_of_which_something_was_taken_stay_large() -> None:
    """Something gets through: it is chance, or the way is slow, and each one is worth it."""
    core = Driver().started(events=9)
    sizes = [len(break_window(core, last=last)) for last in (1, 2, 3, 4)]
    assert sizes == [9, 8, 7, 6]


def test_in_an_outage_windows_stay_large() -> None:
    """As long as questions aren't answered either, nothing is to blame but the way."""
    core = Driver().started(events=5)
    core.window()
    core.break_off()
    for _ in range(10):
        core.wait()
        core.ask()
        core.break_off()
    core.wait()
    core.settle(0)
    assert core.numbers() == [1, 2, 3, 4, 5]


def test_an_event_that_never_gets_through_is_told_and_kept() -> None:
    """Alone, too, nothing of it is taken: that is what holds up the rest. Nobody refused it, so it isn't dropped."""
    core = Driver().started(events=5)
    sizes = [len(break_window(core, last=0)) for _ in range(7)]
    assert sizes == [5, 5, 5, 1, 1, 1, 1]
    assert core.others == [EventHeldUp(detail="number 1 fails again and again: reset", event=b'{"n":0}', behind=4)]
    assert core.drops == []


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


def test_refusals_do_not_add_up_over_a_head_that_outgrew_its_limit() -> None:
    """Another writer's number makes the refused head too large; the one behind it starts without any."""
    core = Driver(max_event_bytes=60)
    assert core.enqueue_raw(payload(60 - FRAME - 1)) is Outcome.ACCEPTED
    core.enqueue()
    core.sync(0)
    core.window()
    core.answer(400, None)
    core.wait()
    core.sync(0)
    core.window()
    core.answer(409, 97)
    assert [drop.reason for drop in core.drops] == [DropReason.OVERSIZED]
    core.window()
    refuse(core, 413, 97)
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
