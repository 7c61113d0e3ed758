"""Answers over the network: of proxies, cut off, late, or none."""

from __future__ import annotations

import asyncio
import itertools
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from fake_backend import FaultRule, Limits, ResetPeer, Status
from fake_backend.records import LineReceived, RequestBroken, RequestStarted
from reference.sender import DropReason
from tests.reference.sender.scene import Scene, enqueue, play

if TYPE_CHECKING:
    from fake_backend.faults import RequestKind, Stall


def once(fault: Stall | Status | ResetPeer, of: RequestKind = "data") -> list[FaultRule]:
    """A fault of the first request of its kind."""
    return [FaultRule(fault=fault, of=of, requests=(1,))]


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


@pytest.mark.parametrize(
    "event", [{"n": 10**400}, {"n": 2, "raw": orjson.Fragment(b'"\\ud800"')}], ids=["huge", "surrogate"]
)
def test_a_poison_event_that_orjson_cannot_read_back_is_told_too(event: dict[str, Any]) -> None:
    """What can be sent can be told: an integer past all floats, a lone surrogate; and the rest goes on (RTY-7)."""
    poison = {**event, "p": "x" * 500}

    async def scene(at: Scene) -> None:
        sender = at.sender()
        sender.enqueue(poison)
        enqueue(sender, 3, 4)
        report = await sender.stop()
        assert report.dropped == {DropReason.REJECTED: 1}
        assert at.accepted() == [3, 4]
        (drop,) = at.drops()
        assert drop.event["n"] == event["n"]

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

        monkeypatch.setattr("reference.sender.answers.read_retry_after", broken)
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        assert at.notices[0].detail == "ZeroDivisionError: unforeseen"
        assert at.accepted() == [0]
        await sender.stop()

    play(scene)
    assert "an attempt broke in an unexpected way" in caplog.text


def test_a_window_that_met_no_connection_was_not_sent() -> None:
    """Another writer's numbers then don't count as delivery of what was in it."""

    async def scene(at: Scene) -> None:
        sender = at.sender(max_window_events=2)
        enqueue(sender, 0)
        await sender.flush()
        await at.backend.go_down()
        await asyncio.sleep(0.5)  # until the sender's side knows that its connection is gone
        enqueue(sender, 1, 2)
        await asyncio.sleep(0.5)
        at.backend.set_run("run", last_accepted_seq=9, why="another writer")
        await at.backend.come_up()
        await sender.stop()
        assert at.accepted() == [0, 1, 2]

    play(scene)
