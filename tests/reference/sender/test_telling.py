"""What the sender tells: by flush, by notices, and never."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import orjson
import pytest

from fake_backend import FaultRule, Status
from fake_backend.faults import Stall
from reference.sender import (
    AnotherWriter,
    ConfigError,
    DropReason,
    EventHeldUp,
    EventStreamSender,
    Health,
    HealthChanged,
    NotDeliveredError,
    Notice,
    Outcome,
    PositionLost,
)
from reference.sender.core import SenderCore
from tests.reference.sender.driving import TOKEN, settings
from tests.reference.sender.scene import Scene, enqueue, play

NO_TOKEN = FaultRule(fault=Status(status=401), of="data")


# Flush.


def test_flush_waits_until_all_is_acknowledged() -> None:
    """And no longer: what comes later is not waited for."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        enqueue(sender, *range(10))
        await sender.flush()
        assert sender.stats().delivered == 10
        assert at.sim.time() < 1.0
        await sender.flush()
        await sender.stop()

    play(scene)


def test_flush_of_nothing_returns_at_once() -> None:
    """There is nothing to wait for."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        await sender.flush()
        assert at.sim.time() == 0.0
        await sender.stop()

    play(scene)


def test_flush_counts_what_was_dropped_as_settled() -> None:
    """A poison event is reported as dropped; it isn't waited for."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert [(drop.reason, drop.event) for drop in at.drops()] == [(DropReason.REJECTED, {"n": 0})]
        assert at.drops()[0].detail.startswith("400 ")
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=400), of="data")])


@pytest.mark.parametrize("already", [False, True])
def test_flush_says_that_it_will_never_be(already: bool) -> None:  # noqa: FBT001 - pytest gives it
    """Whether the run was closed to the sender before or during the call."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        if already:
            await asyncio.sleep(1)
        with pytest.raises(NotDeliveredError, match="2 events are undelivered: 401") as caught:
            await sender.flush()
        assert caught.value.undelivered == 2
        assert caught.value.why.startswith("401")
        await sender.stop()

    play(scene, faults=[NO_TOKEN])


def test_flush_ends_when_the_sender_is_stopped() -> None:
    """By its deadline, with what is left."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        flushing = asyncio.create_task(sender.flush())
        await asyncio.sleep(1)
        await sender.stop(timeout=2.0)
        with pytest.raises(NotDeliveredError, match="1 events are undelivered: the deadline of 2 s passed"):
            await flushing

    play(scene, faults=[FaultRule(fault=Stall())])


def test_a_flush_that_is_cancelled_leaves_nothing_behind() -> None:
    """`asyncio.timeout` around it bounds it."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await sender.flush()
        assert sender._watchers == set()
        assert sender.stats().undelivered == 1
        await sender.stop(timeout=0)

    play(scene, faults=[FaultRule(fault=Stall())])


# Notices.


def test_each_change_of_health_is_told_once() -> None:
    """Two failures, then delivery."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.health() == ["retrying", "healthy"]
        assert sender.stats().health is Health.HEALTHY
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=503), requests=(1, 2))])


def test_a_closed_run_is_told_as_failed() -> None:
    """With the backend's words."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        with pytest.raises(NotDeliveredError):
            await sender.flush()
        (notice,) = at.notices
        assert isinstance(notice, HealthChanged)
        assert notice.health is Health.FAILED
        assert notice.detail.startswith("401")
        assert "failed" in repr(sender)
        await sender.stop()

    play(scene, faults=[NO_TOKEN])


def test_what_on_notice_raises_does_not_hurt(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the event is counted, and the rest delivered."""

    def raising(_: Notice) -> None:
        raise ZeroDivisionError

    async def scene(at: Scene) -> None:
        async with at.sender(on_notice=raising, max_buffered_events=1) as sender:
            enqueue(sender, 0)
            assert sender.enqueue({"n": 1}) is Outcome.FULL
        assert at.accepted() == [0]
        assert at.complete

    play(scene, faults=[FaultRule(fault=Status(status=503), requests=(1,))])
    raised = [record for record in caplog.records if record.message == "on_notice raised"]
    assert len(raised) == 3  # full, retrying, healthy
    assert all(record.exc_info for record in raised)


@pytest.mark.parametrize("depth", [520, 1_020, 100_000])
def test_an_event_too_deep_to_be_read_back_is_told_as_text(depth: int) -> None:
    """The backend refuses it; it is dropped and counted, and those behind it go on (RTY-7)."""
    deep = b"[" * depth + b"]" * depth
    text = f'{{"deep":{deep.decode()}}}'
    try:
        event = json.loads(text)
    except RecursionError:
        event = text

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        assert sender.enqueue({"deep": orjson.Fragment(deep)}) is Outcome.ACCEPTED
        enqueue(sender, 1)
        report = await sender.stop()
        assert (report.delivered, report.undelivered, report.dropped) == (2, 0, {DropReason.REJECTED: 1})
        assert report.completed
        (drop,) = at.drops()
        assert drop.event == event
        assert at.accepted() == [0, 1]

    play(scene)


def test_a_callback_that_enqueues_while_the_buffer_is_full_is_not_called_by_itself() -> None:
    """It is told of the event that was refused, and counted is also the one that it tried itself."""
    calls = []

    async def scene(at: Scene) -> None:
        def callback(notice: Notice) -> None:
            calls.append(notice)
            assert sender.enqueue({"n": "mine"}) is Outcome.FULL

        sender = at.sender(on_notice=callback, max_buffered_events=1)
        enqueue(sender, 0)
        assert sender.enqueue({"n": 1}) is Outcome.FULL
        assert len(calls) == 1
        assert sender.stats().dropped == {DropReason.FULL: 2}
        assert sender.enqueue({"n": 2}) is Outcome.FULL
        assert len(calls) == 2
        assert (await sender.stop()).delivered == 1

    play(scene)


class _Awaited:
    async def __call__(self, notice: Notice) -> None:
        """Nobody awaits it."""


@pytest.mark.parametrize("callback", [_Awaited(), _Awaited().__call__, "print", 5])
def test_a_callback_that_nobody_would_await_is_refused(callback: Any) -> None:
    """When the sender is made, and not by a notice that never comes."""
    with pytest.raises(ConfigError, match=r"on_notice=.*expected an ordinary function that takes a Notice"):
        EventStreamSender(settings(), on_notice=callback)


def test_a_coroutine_that_a_callback_returns_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Where it can't be seen beforehand: what it returns is closed, and logged."""

    def callback(notice: Notice) -> Any:
        return _Awaited()(notice)

    async def scene(at: Scene) -> None:
        sender = at.sender(on_notice=callback, max_buffered_events=1)
        enqueue(sender, 0, 1)
        await sender.stop()

    play(scene)
    assert [record.levelname for record in caplog.records if "nobody awaits" in record.message] == ["ERROR"]


def test_a_wait_is_told_with_its_length(caplog: pytest.LogCaptureFixture) -> None:
    """Who reads the log learns that nothing will be tried for ten minutes (RTY-3)."""
    caplog.set_level(logging.INFO)

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert [each.retry_in for each in at.notices if isinstance(each, HealthChanged)] == [600.0, None]
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=503, headers={"Retry-After": "600"}), requests=(1,))])
    assert "the next attempt is in 600 s" in caplog.text


def test_what_holds_up_the_rest_is_told_with_the_event(caplog: pytest.LogCaptureFixture) -> None:
    """As the caller knows it, and how many wait for it."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1, 2)
        await asyncio.sleep(120)
        held_up = [each for each in at.notices if isinstance(each, EventHeldUp)]
        assert [(each.event, each.behind) for each in held_up] == [({"n": 0}, 2)]
        await sender.stop(timeout=0)

    play(scene, faults=[FaultRule(fault=Status(status=500), of="data")])
    assert "2 events wait behind it" in caplog.text


def test_two_senders_on_one_run_are_told_of_each_other(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever lost events learns of it, and how many they are."""

    async def scene(at: Scene) -> None:
        one, other = at.sender(), at.sender()
        for number in range(10):
            enqueue(one, number)
            enqueue(other, number)
            await asyncio.sleep(0.5)
        reports = [await each.stop(complete=False) for each in (one, other)]
        assert sum(report.delivered for report in reports) == 20
        assert sum(report.contested for report in reports) == 20 - len(at.accepted())
        assert any(isinstance(each, AnotherWriter) for each in at.notices)

    play(scene)
    assert "another writer is on this run" in caplog.text


def test_a_position_that_went_back_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The run expired in a quiet night."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        await sender.flush()
        at.backend.set_run("run", last_accepted_seq=0, why="it expired")
        enqueue(sender, 2)
        await sender.flush()
        assert at.notices == [PositionLost(before=2, now=0)]
        await sender.stop()

    play(scene)
    assert "went back from 2 to 0" in caplog.text


# Who goes on with a run.


def test_the_position_can_be_asked_for() -> None:
    """Before anything is enqueued; then the sender goes on from there."""

    async def scene(at: Scene) -> None:
        at.backend.set_run("run", last_accepted_seq=42, why="a sender before this one")
        sender = at.sender()
        assert await sender.ask_position() == 42
        enqueue(sender, 0)
        await sender.stop()
        assert at.numbers() == [43]

    play(scene)


def test_a_backend_that_is_down_is_waited_for_by_who_asks() -> None:
    """As for an event."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        assert await sender.ask_position() == 0
        assert len(at.requests()) == 5
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=503), requests=(1, 2, 3))])


def test_a_position_that_will_never_be_known_is_an_error() -> None:
    """With the backend's words."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        with pytest.raises(NotDeliveredError, match="401"):
            await sender.ask_position()
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=401))])


# What is never shown.


@pytest.mark.parametrize(
    "fault",
    [
        Status(status=401, body=f'{{"error": "bad token {TOKEN}"}}'),
        Status(status=502, body=f"<html>Authorization: Bearer {TOKEN}</html>"),
        Status(status=502, body="x" * (200 - len(TOKEN) // 2) + TOKEN),
        Status(status=200, body=f"you are {TOKEN}"),
        Status(status=302, headers={"Location": f"http://elsewhere.example/?token={TOKEN}"}),
        Stall(),
    ],
)
def test_the_token_is_in_no_log_notice_or_report(fault: Status | Stall, caplog: pytest.LogCaptureFixture) -> None:
    """At the finest level of every logger, also where a proxy repeats the request in its answer (AUTH-1)."""
    caplog.set_level(logging.DEBUG)

    async def scene(at: Scene) -> None:
        sender = at.sender(request_timeout=1.0)
        enqueue(sender, 0)
        report = await sender.stop(timeout=5.0)
        assert report.why is not None
        assert not report.completed
        assert TOKEN not in repr(report)
        assert TOKEN[: len(TOKEN) // 2] not in repr(at.notices)
        assert at.health()

    play(scene, faults=[FaultRule(fault=fault)])
    assert caplog.records
    assert TOKEN not in caplog.text
    assert all(TOKEN not in record.getMessage() for record in caplog.records)


def test_a_short_token_is_not_looked_for_in_words() -> None:
    """Such a one is no secret, and its letters may be the answer's own."""

    async def scene(at: Scene) -> None:
        sender = at.sender(token="token")
        enqueue(sender, 0)
        report = await sender.stop(timeout=5.0)
        assert report.why == "401 Invalid event ingest token"

    play(scene, tokens={"another": None})


# Bugs of ours.


@pytest.mark.parametrize("method", ["next_command", "handle", "fill"])
def test_a_bug_in_the_core_ends_in_a_report_and_not_in_a_hang(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is buffered is reported as undelivered, whoever waits hears of it, and the log has the traceback."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(method)

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        monkeypatch.setattr(SenderCore, method, broken)
        if method != "fill":
            with pytest.raises(NotDeliveredError, match="the sending task broke"):
                await sender.flush()
            assert sender.enqueue({"n": 2}) is Outcome.CLOSED
        report = await sender.stop(timeout=3.0)
        assert report.undelivered == 2
        assert not report.completed
        assert report.why is not None
        assert at.accepted() == []
        assert at.sim.time() < 4.0

    play(scene)
    broke = [record for record in caplog.records if record.exc_info]
    assert broke
    assert all(record.levelno == logging.ERROR for record in broke)
    assert {record.exc_info[0] for record in broke if record.exc_info} >= {ZeroDivisionError}
