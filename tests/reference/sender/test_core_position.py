"""The core: the position is asked until it stands still, and another writer is noticed."""

from __future__ import annotations

import pytest

from reference.sender import AnotherWriter, PositionLost
from reference.sender.types import AttemptFailed, Wait
from tests.reference.sender.driving import Driver


def in_doubt(*, last: int = 42, events: int = 5) -> Driver:
    """A core whose first window ended without an answer, and whose delay is over."""
    core = Driver(settle_delay=0.1).started(last=last, events=events)
    core.window()
    core.break_off()
    core.wait()
    return core


# Until it stands still.


def test_a_position_that_still_moves_is_asked_again() -> None:
    """The backend goes on taking the lines of the request that was lost; two answers have to agree (DLV-2)."""
    core = in_doubt()
    for last in (44, 45, 46):
        core.sync(last)
        assert core.wait() == pytest.approx(0.1)
    core.sync(46)
    assert core.core.stats().delivered == 4
    assert core.window() == [(47, 4)]


def test_one_answer_is_enough_where_all_that_was_sent_is_there() -> None:
    """There is nothing more that could still be taken: the common case, an answer that was lost."""
    core = in_doubt()
    core.sync(47)
    assert core.core.stats().delivered == 5
    core.enqueue()
    assert core.numbers() == [48]


def test_a_position_beyond_all_that_was_sent_needs_no_second_answer() -> None:
    """Or another writer who goes on would keep the sender asking for ever."""
    core = in_doubt()
    core.sync(60)
    core.enqueue()
    assert core.numbers() == [61]


def test_a_question_that_fails_in_between_changes_nothing() -> None:
    """Two answers agree, whatever lies between them."""
    core = in_doubt()
    core.sync(44)
    core.wait()
    core.ask()
    core.break_off()
    core.wait()
    core.sync(44)
    assert core.numbers() == [45, 46, 47]


def test_each_ambiguous_window_is_settled_anew() -> None:
    """An answer from before it says nothing of it."""
    core = in_doubt()
    core.settle(42)
    core.window()
    core.break_off()
    core.wait()
    core.sync(42)
    assert isinstance(core.core.next_command(core.now), Wait)


def test_a_position_that_went_back_has_to_agree_too() -> None:
    """One stale answer renumbers nothing."""
    core = in_doubt()
    core.sync(10)
    core.wait()
    core.sync(44)
    core.wait()
    core.sync(44)
    assert core.window()[0] == (45, 2)
    assert core.others == []


def test_what_never_left_needs_one_answer() -> None:
    """No connection came about: nothing is under way."""
    core = Driver().started(last=42, events=2)
    core.window()
    core.core.handle(AttemptFailed(detail="refused", was_sent=False), core.now)
    core.wait()
    core.sync(42)
    assert core.numbers() == [43, 44]


def test_a_plain_start_needs_one_answer() -> None:
    """Nobody sent anything before, as far as the sender knows."""
    core = Driver()
    core.enqueue()
    core.sync(42)
    assert core.numbers() == [43]


@pytest.mark.parametrize(("status", "of_a_proxy", "answers"), [(502, True, 2), (200, True, 2), (429, False, 1)])
def test_an_answer_leaves_as_much_open_as_whoever_gave_it(status: int, of_a_proxy: bool, answers: int) -> None:  # noqa: FBT001 - pytest gives it
    """A backend that answers is done with the window; behind a proxy it may still be under way."""
    core = Driver().started(last=42, events=2)
    core.window()
    core.answer(status, of_a_proxy=of_a_proxy)
    core.wait()
    for _ in range(answers):
        core.sync(42)
        if core.core.asked_position is None:
            core.wait()
    assert core.core.asked_position == 42
    assert core.core.stats().requests == 2 + answers


def test_without_a_delay_one_answer_is_always_enough() -> None:
    """`settle_delay=0` asks once."""
    core = Driver(settle_delay=0.0).started(last=42, events=2)
    core.window()
    core.break_off()
    core.wait()
    core.sync(43)
    assert core.numbers() == [44]


def test_who_goes_on_with_a_run_is_told_a_position_that_stands_still() -> None:
    """Also without an event to send: requests of a sender before it may be under way."""
    core = Driver()
    core.core.ask_position()
    for last in (40, 42, 42):
        assert core.core.asked_position is None
        core.sync(last)
        core.now += 0.1
    assert core.core.asked_position == 42
    assert isinstance(core.core.next_command(core.now), Wait)
    core.enqueue()
    assert core.numbers() == [43]


# Another writer.


def test_new_numbers_that_are_duplicates_are_anothers() -> None:
    """They were never sent before, so nothing of this sender can have taken them. The second time it is told."""
    core = Driver(max_window_events=1).started(last=42, events=2)
    core.window()
    core.answer(200, 43, accepted=0)
    assert core.others == []
    assert core.core.stats().contested == 1
    core.window()
    core.answer(200, 44, accepted=0)
    assert core.others == [
        AnotherWriter(detail="events of this sender were taken for duplicates, under new numbers", contested=2)
    ]
    assert core.core.report().contested == 2
    assert core.core.report().delivered == 2


def test_of_a_window_only_what_is_new_in_it_counts() -> None:
    """What an attempt before it may have left there is no sign of anybody."""
    core = in_doubt(events=3)
    core.settle(42)
    core.enqueue(2)
    assert core.numbers() == [43, 44, 45, 46, 47]
    core.answer(200, 47, accepted=2)
    assert core.core.stats().contested == 0


def test_a_duplicate_under_a_new_number_is_found_among_old_ones() -> None:
    """Three of before, two that are new, and one accepted: one of the new ones was there."""
    core = in_doubt(events=3)
    core.settle(42)
    core.enqueue(2)
    core.window()
    core.answer(200, 47, accepted=1)
    assert core.core.stats().contested == 1


def test_an_answer_that_does_not_say_what_it_accepted_proves_nothing() -> None:
    """It is no place to guess."""
    core = Driver(max_window_events=1).started(last=42, events=2)
    for last in (43, 44):
        core.window()
        core.answer(200, last)
    assert core.core.stats().contested == 0


@pytest.mark.parametrize("how", ["a conflict", "a question"])
def test_a_position_that_nobody_sent_is_anothers(how: str) -> None:
    """Beyond all numbers that were sent or told: told at once."""
    core = Driver().started(last=42, events=2)
    core.window()
    if how == "a conflict":
        core.answer(409, 60)
    else:
        core.break_off()
        core.wait()
        core.sync(60)
    assert core.others == [AnotherWriter(detail="the run stands at 60, which this sender has never sent", contested=0)]


def test_the_first_position_is_nobodys() -> None:
    """A run may stand anywhere when a sender comes to it."""
    core = Driver().started(last=42)
    assert core.others == []


def test_late_requests_of_its_own_are_no_sign_of_another_writer() -> None:
    """A proxy gave up on them, the run is renumbered, and then they are taken: all of it numbers of its own."""
    core = Driver().started(last=42, events=3)
    core.window()
    core.answer(504, of_a_proxy=True)
    core.wait()
    core.settle(42)
    core.window()
    core.answer(200, 45, accepted=0)  # the late one was first
    core.enqueue(3)
    core.window()
    core.answer(409, 10)  # the backend lost its state
    core.window()
    core.answer(200, 13, accepted=0)  # and had another late one
    assert core.core.stats().contested == 0
    assert [type(each) for each in core.others] == [PositionLost]


def test_signs_are_told_ever_more_rarely() -> None:
    """The first, the second, the fourth: two workers on one run don't flood a log."""
    core = Driver(max_window_events=1).started(last=0, events=17)
    for last in range(1, 18):
        core.window()
        core.answer(200, last, accepted=0)
    assert [each.contested for each in core.others if isinstance(each, AnotherWriter)] == [2, 3, 5, 9, 17]


# A position that goes back.


@pytest.mark.parametrize("how", ["a conflict", "a question"])
def test_a_position_that_goes_back_is_told(how: str) -> None:
    """The backend lost its state, or the run expired."""
    core = Driver().started(last=42, events=2)
    core.window()
    if how == "a conflict":
        core.answer(409, 7)
    else:
        core.break_off()
        core.wait()
        core.settle(7)
    assert core.others == [PositionLost(before=42, now=7)]
    assert core.numbers() == [8, 9]
