"""What the sender tells: by flush, by notices, and never."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fake_backend import FaultRule, Stall, Status
from reference.sender import (
    DropReason,
    Health,
    HealthChanged,
    NotDeliveredError,
    Notice,
    Outcome,
)
from reference.sender.core import SenderCore
from tests.reference.sender.driving import TOKEN
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
