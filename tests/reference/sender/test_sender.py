"""The sender end to end, in virtual time: delivery, refusals, and holding back."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from fake_backend import FaultRule, Status
from fake_backend.records import RequestStarted
from reference.sender import (
    DropReason,
    EventStreamSender,
    Notice,
    Outcome,
)
from reference.sender.types import Wait
from tests.reference.sender.driving import TOKEN, settings
from tests.reference.sender.peer import LOOPS, run
from tests.reference.sender.scene import Scene, enqueue, play

NO_TOKEN = FaultRule(fault=Status(status=401), of="data")


def test_what_is_enqueued_is_delivered_in_order_and_the_run_completed() -> None:
    """From end to end, with the token and the content type on every request (DLV-1, DLV-3, WIRE-2)."""

    async def scene(at: Scene) -> None:
        async with at.sender() as sender:
            enqueue(sender, *range(5))
        assert at.accepted() == [0, 1, 2, 3, 4]
        assert at.complete
        started = at.of(RequestStarted)
        assert {(each.authorization, each.content_type) for each in started} == {
            (f"Bearer {TOKEN}", "application/x-ndjson")
        }
        assert {each.connection for each in started} == {1}

    play(scene)


def test_a_restarted_sender_goes_on_after_the_backends_last_number() -> None:
    """42 was accepted, then its first event is 43 (SEQ-1)."""

    async def scene(at: Scene) -> None:
        at.backend.set_run("run", last_accepted_seq=42, why="a sender before this one")
        async with at.sender() as sender:
            enqueue(sender, 0, 1)
        assert at.numbers() == [43, 44]

    play(scene)


def test_the_path_goes_out_as_it_is_encoded() -> None:
    """A run's id may hold a slash and a blank."""

    async def scene(at: Scene) -> None:
        async with at.sender(run="a/b c%2F") as sender:
            enqueue(sender, 0)
        assert at.accepted("a/b c%2F") == [0]

    play(scene)


def test_two_senders_for_two_runs_do_not_mix() -> None:
    """In one process, at the same time (DLV-8)."""

    async def scene(at: Scene) -> None:
        async with at.sender(run="even") as even, at.sender(run="odd") as odd:
            for number in range(20):
                enqueue(odd if number % 2 else even, number)
                await asyncio.sleep(0.01)
        assert at.accepted("even") == list(range(0, 20, 2))
        assert at.accepted("odd") == list(range(1, 20, 2))

    play(scene)


def test_a_later_change_of_the_event_does_not_show() -> None:
    """It was serialized when it was enqueued (WIRE-4)."""

    async def scene(at: Scene) -> None:
        event: dict[str, Any] = {"n": 1}
        async with at.sender() as sender:
            sender.enqueue(event)
            event["n"] = 2
        assert at.accepted() == [1]

    play(scene)


def test_what_was_enqueued_before_a_loop_ran_is_delivered_when_one_runs() -> None:
    """It is held until then, and the first call inside a loop starts the sending."""
    notices: list[Notice] = []
    backend_url = "http://127.0.0.1:49152/v1/runs/run/ingest"
    sender = EventStreamSender(settings(url=backend_url), on_notice=notices.append)
    assert sender.enqueue({"n": 0}) is Outcome.ACCEPTED
    assert sender.stats().undelivered == 1

    async def scene(at: Scene) -> None:
        sender.enqueue({"n": 1})
        await asyncio.sleep(1)
        assert at.accepted() == [0, 1]
        await sender.stop()

    play(scene, port=49152)


@pytest.mark.parametrize("call", ["flush", "stop"])
def test_flush_and_stop_start_the_sending_too(call: str) -> None:
    """Whatever comes first inside the loop."""
    sender = EventStreamSender(settings(url="http://127.0.0.1:49152/v1/runs/run/ingest"))
    sender.enqueue({"n": 0})

    async def scene(at: Scene) -> None:
        if call == "flush":
            await sender.flush()
            assert at.accepted() == [0]
        await sender.stop()
        assert at.accepted() == [0]

    play(scene, port=49152)


def test_an_idle_sender_is_silent_and_delivers_the_next_event_at_once() -> None:
    """No polling, and no delay but the network's (LIV-2, LIV-3)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await asyncio.sleep(1_000)
        assert len(at.requests()) == 2
        enqueue(sender, 1)
        await asyncio.sleep(0.1)
        assert at.accepted() == [0, 1]
        await sender.stop()

    play(scene)


def test_a_flush_delay_gathers_company() -> None:
    """Events of half a second go out in one request."""

    async def scene(at: Scene) -> None:
        sender = at.sender(flush_delay=0.5)
        for number in range(4):
            enqueue(sender, number)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert at.accepted() == [0, 1, 2, 3]
        assert len(at.requests()) == 2
        await sender.stop()

    play(scene)


# Refusals.


@pytest.mark.parametrize(
    ("event", "changes", "reason", "detail"),
    [
        ({"n": 2}, {"max_buffered_events": 1}, DropReason.FULL, "max_buffered_events=1, max_buffered_bytes=64000000"),
        ({"n": "x" * 100}, {"max_event_bytes": 100}, DropReason.OVERSIZED, "larger than max_event_bytes=100"),
        ({"n": {1}}, {}, DropReason.UNSERIALIZABLE, "set"),
        ([1], {}, DropReason.UNSERIALIZABLE, "an event must be a JSON object, got list"),
    ],
)
def test_a_refused_event_is_told_and_counted(
    event: object, changes: dict[str, Any], reason: DropReason, detail: str
) -> None:
    """By the outcome, by a notice with the caller's own object, and in the counters; those around it are delivered."""

    async def scene(at: Scene) -> None:
        async with at.sender(**changes) as sender:
            enqueue(sender, 1)
            assert sender.enqueue(event) == reason.value
            stats = sender.stats()
            assert (stats.enqueued, stats.undelivered, stats.dropped) == (2, 1, {reason: 1})
        (drop,) = at.drops()
        assert drop.reason is reason
        assert drop.event is event
        assert detail in drop.detail
        assert at.accepted() == [1]

    play(scene)


@pytest.mark.parametrize("event", [{"n": 1}, {"n": {1}}, "x"])
def test_after_stop_every_event_is_closed(event: object) -> None:
    """Also one that would be refused anyway; and while the drain is under way (DRN-6)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        stopping = asyncio.create_task(sender.stop())
        await asyncio.sleep(0)
        outcomes = [sender.enqueue(event), await sender.enqueue_when_room(event)]
        report = await stopping
        outcomes += [sender.enqueue(event), await sender.enqueue_when_room(event)]
        assert outcomes == [Outcome.CLOSED] * 4
        assert report.dropped == {DropReason.CLOSED: 2}
        assert sender.stats().dropped == {DropReason.CLOSED: 4}
        assert {drop.detail for drop in at.drops()} == {
            "the sender takes no more events: it was stopped, or the run is closed to it"
        }
        assert at.accepted() == [0]

    play(scene)


def test_nobody_needs_to_listen() -> None:
    """Without `on_notice` a refusal is counted and a failure overcome all the same."""

    async def scene(at: Scene) -> None:
        config = settings(url=at.backend.ingest_url("run"), max_buffered_events=1)
        async with EventStreamSender(config) as sender:
            enqueue(sender, 0, 1)
        assert sender.stats().dropped == {DropReason.FULL: 1}
        assert at.accepted() == [0]

    play(scene, faults=[FaultRule(fault=Status(status=503), requests=(1,))])


# Holding back.


@pytest.mark.parametrize("window_age", [0.0, 300.0])
def test_enqueue_when_room_holds_back_and_never_drops(window_age: float) -> None:
    """A source that is much faster than the network; also where a window would stay open for minutes."""

    async def scene(at: Scene) -> float:
        async with at.sender(max_buffered_events=3, window_age=window_age) as sender:
            for number in range(30):
                assert await sender.enqueue_when_room({"n": number}) is Outcome.ACCEPTED
                assert sender.stats().undelivered <= 3
        assert at.accepted() == list(range(30))
        assert at.drops() == []
        return at.sim.time()

    assert play(scene) < 1.0


def test_several_callers_may_be_held_back() -> None:
    """All get through, whoever goes first."""

    async def scene(at: Scene) -> None:
        async with at.sender(max_buffered_events=2) as sender:
            outcomes = await asyncio.gather(*(sender.enqueue_when_room({"n": number}) for number in range(20)))
        assert set(outcomes) == {Outcome.ACCEPTED}
        assert sorted(at.accepted()) == list(range(20))

    play(scene)


def test_bytes_hold_back_as_events_do() -> None:
    """Room is room for this event."""

    async def scene(at: Scene) -> None:
        async with at.sender(max_event_bytes=60, max_buffered_bytes=60, window_age=300.0) as sender:
            for number in range(10, 20):
                assert await sender.enqueue_when_room({"n": number, "p": "x" * 20}) is Outcome.ACCEPTED
        assert at.accepted() == list(range(10, 20))
        assert at.sim.time() < 1.0

    play(scene)


@pytest.mark.parametrize(("event", "outcome"), [({"n": "x" * 100}, "oversized"), ({"n": {1}}, "unserializable")])
def test_an_event_that_never_fits_is_not_waited_with(event: object, outcome: str) -> None:
    """There will be no room for it; it is refused, once there is room to say so."""

    async def scene(at: Scene) -> None:
        async with at.sender(max_event_bytes=60, max_buffered_bytes=60) as sender:
            enqueue(sender, 0)
            assert await sender.enqueue_when_room(event) == outcome
        assert [drop.reason for drop in at.drops()] == [outcome]

    play(scene)


def test_a_caller_who_is_held_back_hears_that_the_run_is_closed() -> None:
    """There will be no room; it doesn't wait for ever."""

    async def scene(at: Scene) -> None:
        sender = at.sender(max_buffered_events=1)
        enqueue(sender, 0)
        assert await sender.enqueue_when_room({"n": 1}) is Outcome.CLOSED
        await sender.stop()

    play(scene, faults=[NO_TOKEN])


def test_a_full_buffer_recovers_by_itself_while_a_window_is_open() -> None:
    """The window that holds the events is answered soon, not when it is aged (WIN-3)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(max_buffered_events=2, window_age=300.0)
        enqueue(sender, 0, 1)
        await asyncio.sleep(1)
        assert sender.enqueue({"n": 2}) is Outcome.FULL
        await asyncio.sleep(1)
        assert sender.enqueue({"n": 3}) is Outcome.ACCEPTED
        await sender.stop()
        assert at.accepted() == [0, 1, 3]

    play(scene)


def test_the_sending_task_keeps_no_context_variables() -> None:
    """Those of whoever enqueued first, or had to do with it later: it outlives them."""
    request: ContextVar[object] = ContextVar("request")
    heard: list[object] = []

    async def scene(at: Scene) -> None:
        token = request.set("the first")
        sender = at.sender(on_notice=lambda _: heard.append(request.get(None)))
        enqueue(sender, 0)
        request.reset(token)
        await sender.flush()
        await sender.stop()

    play(scene, faults=[FaultRule(fault=Status(status=503), times=1)])
    assert heard == [None, None]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_wait_ends_in_one_wake_up(loop: str) -> None:
    """Also on a loop whose clock has milliseconds, and whose timers fire up to half of one early."""

    async def main() -> None:
        sender = EventStreamSender(settings())
        for number in range(100):
            until = asyncio.get_running_loop().time() + 0.001 + number * 1e-5
            assert await sender._park(Wait(until=until, until_buffered=1)) >= until

    run(main(), loop)
