"""Windows over the network: streaming, and answers that come early."""

from __future__ import annotations

import asyncio

import pytest

from conformance.simulation import LinkConditions, Side
from fake_backend import AnswerSent, FaultRule, Limits, ResetPeer, Status
from fake_backend.faults import BufferRequest, RequestKind, Stall
from fake_backend.records import LineReceived, RequestStarted
from tests.reference.sender.scene import Scene, enqueue, play


def once(fault: Stall | Status | ResetPeer, of: RequestKind = "data") -> list[FaultRule]:
    """A fault of the first request of its kind."""
    return [FaultRule(fault=fault, of=of, requests=(1,))]


# Streaming.


def test_an_open_window_delivers_while_it_stays_open() -> None:
    """One request carries many events, each as it is enqueued."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        seen = []
        for number in range(10):
            enqueue(sender, number)
            await asyncio.sleep(0.5)
            seen.append(at.accepted())
        assert seen == [list(range(count)) for count in range(1, 11)]
        assert len(at.of(RequestStarted)) == 2  # the sync, and this
        assert sender.stats().delivered == 0  # nobody has said so yet
        report = await sender.stop()
        assert report.all_delivered
        assert len(at.of(RequestStarted)) == 3

    play(scene)


def test_a_window_ends_with_its_age() -> None:
    """Then it is acknowledged, and the next event opens another."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=60.0, request_timeout=100.0)
        enqueue(sender, 0)
        await asyncio.sleep(59.0)
        assert sender.stats().delivered == 0
        await asyncio.sleep(2.0)
        assert sender.stats().delivered == 1
        enqueue(sender, 1)
        await asyncio.sleep(1.0)
        assert at.accepted() == [0, 1]
        assert len(at.of(RequestStarted)) == 3
        await sender.stop()

    play(scene)


def test_a_window_is_never_open_for_longer_than_a_request_may_take() -> None:
    """Nothing confirms its events before it is closed, and a connection may have died in silence (LIV-2)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0, request_timeout=5.0)
        enqueue(sender, 0)
        await asyncio.sleep(4.9)
        assert sender.stats().delivered == 0
        enqueue(sender, 1)
        await asyncio.sleep(0.2)
        assert sender.stats().delivered == 2
        assert at.numbers() == [1, 2]
        await sender.stop()

    play(scene)


def test_the_peers_clock_stands_still_while_a_window_is_idle() -> None:
    """It has the whole time from the end of the window on: until then the peer owes nothing (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0, request_timeout=5.0)
        enqueue(sender, 0)
        await asyncio.sleep(9.0)
        assert sender.stats().failed_requests == 0
        assert sender.stats().delivered == 1
        await sender.stop()

    play(scene, faults=once(Stall(phase="after-accept", seconds=3.0)))


def test_a_peer_that_does_not_answer_a_window_times_out() -> None:
    """From the end of the window on; then it is asked, and goes on (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=20.0, request_timeout=5.0)
        enqueue(sender, 0)
        await asyncio.sleep(9.0)
        assert sender.stats().failed_requests == 0
        await asyncio.sleep(3.0)
        assert sender.stats().failed_requests == 1
        await sender.flush()
        assert at.accepted() == [0]
        await sender.stop()

    play(scene, faults=once(Stall(phase="after-accept")))


def test_an_upload_that_the_peer_does_not_read_times_out() -> None:
    """The clock runs while the send buffer is full (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0, request_timeout=5.0)
        for number in range(60):
            sender.enqueue({"n": number, "p": "x" * 50_000})
        await asyncio.sleep(6.0)
        assert sender.stats().failed_requests == 1
        await sender.flush()
        assert at.accepted() == list(range(60))
        await sender.stop()

    play(scene, faults=once(Stall(phase="before-read")))


@pytest.mark.parametrize("toward", [Side.SERVER, Side.CLIENT])
def test_connecting_and_waiting_for_the_head_are_bounded(toward: Side) -> None:
    """A link that stalls without closing (RTY-8)."""

    async def scene(at: Scene) -> None:
        at.link.stall(toward=toward)
        sender = at.sender(request_timeout=5.0)
        enqueue(sender, 0)
        await asyncio.sleep(5.5)
        assert at.health() == ["retrying"]
        at.link.release()
        await sender.flush()
        assert at.accepted() == [0]
        await sender.stop()

    play(scene)


def test_a_backlog_gets_through_a_slow_link_to_a_proxy_that_holds_bodies_back() -> None:
    """A full window takes longer to send than a request may, and then nothing of it is taken; smaller ones are."""

    async def scene(at: Scene) -> None:
        at.link.conditions = LinkConditions(bandwidth=80_000)
        sender = at.sender()
        for number in range(1_000):
            sender.enqueue({"n": number, "p": "x" * 2_000})
        await sender.flush()
        assert at.accepted() == list(range(1_000))
        assert at.sim.time() < 300.0
        await sender.stop()

    play(scene, faults=[FaultRule(fault=BufferRequest())])


# Early answers.


@pytest.mark.parametrize("limit", [Limits(max_request_events=3), Limits(max_request_bytes=80)])
def test_an_early_413_keeps_what_was_taken_and_sends_the_rest(limit: Limits) -> None:
    """It comes while the window is still open; nothing is lost or doubled (DLV-4)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        for number in range(9):
            enqueue(sender, number)
            await asyncio.sleep(0.5)
        assert (await sender.stop()).all_delivered
        assert at.accepted() == list(range(9))
        assert 413 in {each.status for each in at.of(AnswerSent)}
        assert at.sim.time() < 10.0

    play(scene, limits=limit)


def test_an_early_409_rebases_while_the_window_is_open() -> None:
    """The backend lost its state in the middle of a stream (SEQ-2)."""

    async def scene(at: Scene) -> None:
        at.backend.set_run("run", last_accepted_seq=42, why="a sender before this one")
        sender = at.sender(window_age=300.0)
        enqueue(sender, 0)
        await asyncio.sleep(1.0)
        at.backend.set_run("run", last_accepted_seq=10, why="a restart")
        enqueue(sender, 1)
        await asyncio.sleep(5.0)
        assert at.numbers() == [43, 44, 11, 12]
        report = await sender.stop()
        assert report.completed
        assert at.accepted() == [0, 0, 1]  # it was taken before the state was lost, and again

    play(scene)


@pytest.mark.parametrize("events", [1, 2])
def test_an_early_200_does_not_put_the_sender_to_sleep(events: int) -> None:
    """All is acknowledged while the window still waits; the next event goes out in another, at once (LIV-2)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        enqueue(sender, *range(events))
        await asyncio.sleep(5.0)
        assert sender.stats().delivered == events
        enqueue(sender, events)
        await asyncio.sleep(1.0)
        assert at.accepted() == list(range(events + 1))
        await sender.stop()

    play(scene, faults=once(Status(status=200, phase="after-lines", lines=events)))


def early_answer_that_takes(seconds: float) -> list[FaultRule]:
    """The first window is answered after its first line, and the second half of the answer takes its time."""
    return [
        *once(Status(status=200, phase="after-lines", lines=1)),
        *once(Stall(phase="in-answer", seconds=seconds)),
    ]


def test_once_its_answer_has_begun_a_window_is_given_nothing_more() -> None:
    """What came later would be exposed to a peer that doesn't read it any more."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        enqueue(sender, 0)
        await asyncio.sleep(1.0)
        enqueue(sender, 1)
        await asyncio.sleep(1.0)
        assert sender._core.report().unconfirmed == 1
        await asyncio.sleep(3.0)
        assert at.accepted() == [0, 1]
        assert at.numbers() == [1, 2]
        await sender.stop()

    play(scene, faults=early_answer_that_takes(4.0))


def test_the_peers_clock_runs_once_its_answer_has_begun() -> None:
    """Although the window was idle, and the clock stood still (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0, request_timeout=3.0)
        enqueue(sender, 0)
        await asyncio.sleep(5.0)
        assert sender.stats().failed_requests == 1
        await sender.flush()
        assert at.accepted() == [0]
        await sender.stop()

    play(scene, faults=early_answer_that_takes(1_000.0))


def test_an_attempt_that_was_given_up_sends_nothing_of_what_it_had_buffered() -> None:
    """Its connection is aborted, not closed: when the link is back, nothing of it arrives (DLV-2)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(request_timeout=5.0)
        enqueue(sender, 0)
        await sender.flush()
        for number in range(1, 61):
            sender.enqueue({"n": number, "p": "x" * 3_000})
        at.link.stall(toward=Side.SERVER)
        await asyncio.sleep(5.5)
        at.link.release()
        assert (await sender.stop()).all_delivered
        assert at.accepted() == list(range(61))
        first = at.of(RequestStarted)[0].connection
        given_up = {each.request for each in at.of(RequestStarted) if each.connection == first}
        assert sum(line.request in given_up for line in at.of(LineReceived)) == 1

    play(scene)


def test_a_window_that_broke_while_it_was_idle_is_taken_up_again() -> None:
    """The connection is reset while nobody writes: noticed at once, not at the window's end."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0)
        enqueue(sender, 0)
        await asyncio.sleep(5.0)
        at.link.reset()
        await asyncio.sleep(5.0)
        assert at.health()[0] == "retrying"
        enqueue(sender, 1)
        await asyncio.sleep(1.0)
        assert at.accepted() == [0, 1]
        assert at.numbers() in ([1, 2], [1, 1, 2])
        await sender.stop()

    play(scene)


def test_an_answer_that_stalls_half_way_times_out() -> None:
    """The head has come, and the rest doesn't (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(request_timeout=2.0)
        enqueue(sender, 0)
        await sender.flush()
        assert 2.0 < at.sim.time() < 5.0
        assert at.accepted() == [0]
        assert at.numbers() == [1]
        await sender.stop()

    play(scene, faults=once(Stall(phase="in-answer")))
