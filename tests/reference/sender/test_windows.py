"""Windows on the wire: batches, streams that stay open, early answers, timeouts, and what proxies answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from email.utils import formatdate

import pytest

from conformance.simulation import Side
from fake_backend import (
    AnswerSent,
    FaultRule,
    Limits,
    LineReceived,
    RequestBroken,
    RequestKind,
    RequestStarted,
    ResetPeer,
    Stall,
    Status,
)
from reference.sender import DropReason
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
        sender = at.sender(window_age=60.0)
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


def test_the_peers_clock_stands_still_while_a_window_is_idle() -> None:
    """Much longer than a request may take: the peer owes nothing (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=300.0, request_timeout=2.0)
        enqueue(sender, 0)
        await asyncio.sleep(100.0)
        enqueue(sender, 1)
        await asyncio.sleep(100.0)
        await sender.flush()
        assert sender.stats().failed_requests == 0
        assert at.numbers() == [1, 2]
        await sender.stop()

    play(scene)


def test_a_peer_that_does_not_answer_a_window_times_out() -> None:
    """From the end of the window on; then it is asked, and goes on (RTY-8)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(window_age=20.0, request_timeout=5.0)
        enqueue(sender, 0)
        await asyncio.sleep(24.0)
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


# Answers of proxies and others.


def test_redirects_are_not_followed() -> None:
    """Neither there nor with the token; it is told where to, and tried again (WIRE-5)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await asyncio.sleep(0.1)
        assert sender.stats().failed_requests == 1
        await sender.flush()
        assert at.accepted() == [0]
        assert {each.run_id for each in at.of(RequestStarted)} == {"run"}
        notice = at.notices[0]
        assert notice.detail == "307 redirect to /v1/runs/other/ingest, which is not followed"
        await sender.stop()

    play(scene, faults=once(Status(status=307, headers={"Location": "/v1/runs/other/ingest"})))


def test_a_redirect_to_nowhere_is_told_as_such() -> None:
    """Without a Location."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.notices[0].detail == "304 redirect to nowhere, which is not followed"
        await sender.stop()

    play(scene, faults=once(Status(status=304)))


@pytest.mark.parametrize("status", [200, 502])
def test_a_huge_answer_is_cut(status: int) -> None:
    """It is not read to its end; it acknowledges nothing, and what is told of it is a line (DLV-6)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.accepted() == [0]
        assert len(at.notices[0].detail) < 300
        started = at.of(RequestStarted)
        assert started[1].connection != started[2].connection
        await sender.stop()

    huge = '{"last_accepted_seq": 1, "x": "' + "x" * 5_000_000 + '"}'
    play(scene, faults=once(Status(status=status, body=huge, phase="after-accept")))


@pytest.mark.parametrize("body", ["", "<html>OK</html>", '{"last_accepted_seq": "1"}', '{"last_accepted_seq": 1'])
def test_a_200_that_does_not_say_how_far_acknowledges_nothing(body: str) -> None:
    """It is asked about, and told with its words (DLV-6)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert sender.stats().failed_requests == 1
        assert at.accepted() == [0]
        assert at.notices[0].detail == f"200 without a last_accepted_seq: {body!r}"
        await sender.stop()

    play(scene, faults=once(Status(status=200, body=body, phase="before-accept")))


@pytest.mark.parametrize(("status", "detail"), [(502, "502 Bad Gateway"), (204, "204 without a last_accepted_seq: ''")])
def test_an_answer_without_words_is_told_by_its_status(status: int, detail: str) -> None:
    """And the standard's phrase for it."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.notices[0].detail == detail
        await sender.stop()

    play(scene, faults=once(Status(status=status, body="")))


@pytest.mark.parametrize("of", ["sync", "data", "completion"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_to(form: str, of: RequestKind) -> None:
    """In both forms, on any request (RTY-3)."""

    async def scene(at: Scene) -> float:
        header = "30" if form == "seconds" else formatdate(time.time() + 30.9, usegmt=True)
        at.backend.add_fault(once(Status(status=503, headers={"Retry-After": header}), of)[0])
        sender = at.sender()
        enqueue(sender, 0)
        assert (await sender.stop(timeout=100.0)).completed
        times = at.requests()
        return max(after - before for before, after in itertools.pairwise(times))

    assert 29.0 <= play(scene) <= 32.0


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
def test_a_reset_anywhere_loses_and_doubles_nothing(lines: int) -> None:
    """After so many lines were taken; or all, and the answer is lost (DLV-2)."""

    async def scene(at: Scene) -> None:
        async with at.sender() as sender:
            enqueue(sender, 0, 1, 2)
        assert at.accepted() == [0, 1, 2]
        assert [each.cause for each in at.of(RequestBroken)] == ["fault"]

    fault = ResetPeer(phase="after-lines", lines=lines) if lines else ResetPeer(phase="before-accept")
    play(scene, faults=once(fault))


def test_a_poison_event_is_singled_out_and_the_rest_delivered() -> None:
    """The backend's own limit is below the sender's (RTY-7)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        sender.enqueue({"n": 2, "p": "x" * 500})
        enqueue(sender, 3, 4)
        report = await sender.stop()
        assert report.dropped == {DropReason.REJECTED: 1}
        assert at.accepted() == [0, 1, 3, 4]
        (drop,) = at.drops()
        assert drop.event == {"n": 2, "p": "x" * 500}
        assert drop.detail == "413 Event line is too large"

    play(scene, limits=Limits(max_line_bytes=200))


def test_a_window_keeps_to_its_limits_on_the_wire() -> None:
    """A burst goes out in as few windows as fit it (WIN-1, WIN-5)."""

    async def scene(at: Scene) -> None:
        async with at.sender(max_window_events=10) as sender:
            enqueue(sender, *range(95))
        windows: dict[int, int] = {}
        for line in at.of(LineReceived):
            windows[line.request] = windows.get(line.request, 0) + 1
        assert list(windows.values()) == [10] * 9 + [5]
        assert at.accepted() == list(range(95))

    play(scene)


def test_an_attempt_that_breaks_in_an_unforeseen_way_counts_as_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as such, and tried again."""

    async def scene(at: Scene) -> None:
        calls = []

        def broken(value: str | None, *, now: float) -> None:
            calls.append((value, now))
            if len(calls) == 1:
                raise ZeroDivisionError("unforeseen")

        monkeypatch.setattr("reference.sender.http.read_retry_after", broken)
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.notices[0].detail == "ZeroDivisionError: unforeseen"
        assert at.accepted() == [0]
        await sender.stop()

    play(scene)
    assert "an attempt broke in an unexpected way" in caplog.text
