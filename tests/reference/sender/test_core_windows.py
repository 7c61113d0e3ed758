"""The core: what goes into a window, and when it ends."""

from __future__ import annotations

import math

import pytest

from reference.sender import Outcome
from reference.sender.core import BLOCK_BYTES
from reference.sender.types import OpenWindow, Wait
from tests.reference.sender.driving import Driver, payload

FRAME = len('{"seq":,"event":}')


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


# Windows that are whole.


def open_window(**changes: float) -> Driver:
    """A core with a window that stays open, and one event in it."""
    core = Driver(window_age=5.0, **changes).started(last=42)
    core.window()
    assert isinstance(core.core.fill(core.now), Wait)
    return core


def is_whole(core: Driver) -> bool:
    """Whether the window that the core opens now is closed before it is sent."""
    core.enqueue()
    core.window()
    return core.core.fill(core.now) is None


def test_a_window_is_not_open_for_longer_than_a_request_may_take() -> None:
    """Nothing confirms its events before it is closed (LIV-2)."""
    core = open_window(request_timeout=2.0)
    assert core.core.fill(core.now + 1.9) == Wait(until=core.now + 2.0, until_buffered=2)
    assert core.core.fill(core.now + 2.0) is None


def test_an_open_window_of_which_nothing_was_taken_makes_the_next_ones_whole() -> None:
    """Something on the way may hold bodies back until their end, and throw them away when they are quiet."""
    core = open_window()
    core.break_off()
    core.wait()
    core.settle(42)
    assert is_whole(core)


@pytest.mark.parametrize("status", [408, 504])
def test_a_proxy_that_gives_up_on_an_open_window_makes_the_next_ones_whole(status: int) -> None:
    """Its answer says nothing of the backend, and the backend has nothing of it."""
    core = open_window()
    core.answer(status, of_a_proxy=True)
    core.wait()
    core.settle(42)
    assert is_whole(core)


def test_an_open_window_that_broke_after_it_was_taken_does_not() -> None:
    """What is sent gets there at once; once is chance."""
    core = open_window()
    core.break_off()
    core.wait()
    core.settle(43)
    assert not is_whole(core)


def test_open_windows_that_break_one_after_the_other_make_the_next_ones_whole() -> None:
    """A balancer cuts what is idle: each of them would fail."""
    core = open_window()
    for last in (43, 44):
        core.break_off()
        core.wait()
        core.settle(last)
        core.enqueue()
        core.window()
        core.core.fill(core.now)
    assert core.core.window_is_closed


def test_an_open_window_that_ends_well_in_between_is_a_network_with_faults() -> None:
    """Two that broke with a good one between them are chance."""
    core = open_window()
    for last in (43, 45):
        core.break_off()
        core.wait()
        core.settle(last)
        core.enqueue()
        core.window()
        core.core.fill(core.now)
        core.answer(200, last + 1)
        core.enqueue()
        core.window()
        core.core.fill(core.now)
    assert not core.core.window_is_closed


def test_a_whole_window_that_breaks_changes_nothing() -> None:
    """Of a window that was closed when it began nobody waited for the end."""
    core = Driver(window_age=5.0, max_window_events=2).started(last=42, events=2)
    for _ in range(3):
        core.window()
        core.break_off()
        core.wait()
        core.settle(42)
    core.window()
    core.answer(200, 44)
    assert not is_whole(core)


@pytest.mark.parametrize("status", [411, 501])
def test_who_wants_a_length_gets_whole_windows(status: int) -> None:
    """Chunked bodies are not for everybody."""
    core = open_window()
    core.answer(status, of_a_proxy=True)
    core.wait()
    core.settle(42)
    assert is_whole(core)


def test_a_success_that_took_nothing_makes_the_next_ones_whole() -> None:
    """Whoever takes a chunked body for an empty one answers the question that an empty body is."""
    core = open_window()
    core.answer(200, 42, accepted=0)
    core.wait()
    core.sync(42)
    assert is_whole(core)
