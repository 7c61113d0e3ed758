"""The drain: what `stop` delivers, when it returns, and what it reports."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from conformance.simulation import Side
from fake_backend import FaultRule, ResetPeer, Status
from fake_backend.faults import Stall
from fake_backend.records import CompletionReceived, RequestStarted
from reference.sender import ConfigError, DropReason, HealthChanged, Notice, Outcome
from tests.reference.sender.scene import Scene, enqueue, play

if TYPE_CHECKING:
    from fake_backend.faults import Phase


def test_stop_delivers_completes_and_reports_it() -> None:
    """What it says is what the backend saw (DRN-1, DRN-4)."""

    async def scene(at: Scene) -> None:
        sender = at.sender(max_window_events=2)
        enqueue(sender, *range(5))
        report = await sender.stop()
        assert (report.delivered, report.undelivered, report.unconfirmed) == (5, 0, 0)
        assert (report.completed, report.why, report.dropped) == (True, None, {})
        assert report.all_delivered
        assert at.accepted() == [0, 1, 2, 3, 4]
        assert [each.final_seq for each in at.of(CompletionReceived)] == [5]
        assert at.complete

    play(scene)


def test_a_run_is_completed_by_a_line() -> None:
    """Today's backends take the older form, a pair of headers, for a question."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        assert (await sender.stop()).completed
        (completion,) = at.of(CompletionReceived)
        assert (completion.by, completion.final_seq, completion.decision) == ("line", 2, "completed")

    play(scene)


@pytest.mark.parametrize("last", [0, 42])
def test_a_sender_that_never_sent_completes_at_the_backends_number(last: int) -> None:
    """And leaves nothing running (DRN-8)."""

    async def scene(at: Scene) -> None:
        at.backend.set_run("run", last_accepted_seq=last, why="a sender before this one")
        assert (await at.sender().stop()).completed
        assert [each.final_seq for each in at.of(CompletionReceived)] == [last]
        assert len(asyncio.all_tasks()) <= 2

    play(scene)


def test_stop_without_completing_leaves_the_run_to_a_successor() -> None:
    """Who goes on with the next number (DRN-12)."""

    async def scene(at: Scene) -> None:
        first = at.sender()
        enqueue(first, 0, 1)
        report = await first.stop(complete=False)
        assert (report.delivered, report.completed, report.why) == (2, False, None)
        async with at.sender() as second:
            enqueue(second, 2)
        assert at.accepted() == [0, 1, 2]
        assert at.complete

    play(scene)


def test_as_a_context_manager_it_completes() -> None:
    """On the way out."""

    async def scene(at: Scene) -> None:
        async with at.sender() as sender:
            enqueue(sender, 0)
        assert at.complete

    play(scene)


def test_a_body_that_raises_leaves_the_run_open() -> None:
    """What was enqueued is delivered, so that a successor can go on; the error comes out."""

    async def scene(at: Scene) -> None:
        async def use() -> None:
            async with at.sender() as sender:
                enqueue(sender, 0)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await use()
        assert at.accepted() == [0]
        assert not at.complete

    play(scene)


def test_callers_at_the_same_time_get_the_same_report() -> None:
    """There is one drain, and the first call's arguments count (DRN-7)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        reports = await asyncio.gather(sender.stop(), sender.stop(timeout=0), sender.stop(complete=False))
        again = await sender.stop()
        assert all(report is reports[0] for report in [*reports, again])
        assert at.complete
        assert len(at.of(CompletionReceived)) == 1

    play(scene)


def test_a_caller_who_is_cancelled_does_not_end_the_drain() -> None:
    """The next who asks gets its report."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        caller = asyncio.create_task(sender.stop())
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        report = await sender.stop()
        assert (report.delivered, report.completed) == (1, True)

    play(scene)


TROUBLES = {
    "before-read": Stall(phase="before-read"),
    "before-accept": Stall(phase="before-accept"),
    "after-lines": Stall(phase="after-lines", lines=1),
    "after-accept": Stall(phase="after-accept"),
    "in-answer": Stall(phase="in-answer"),
    "resets": ResetPeer(phase="before-accept"),
    "fails": Status(status=503),
    "asks to wait": Status(status=503, headers={"Retry-After": "3600"}),
}


@pytest.mark.parametrize("seconds", [0.0, 0.5, 7.0])
@pytest.mark.parametrize("of", ["sync", "data", "completion"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_stop_returns_by_its_deadline_whatever_the_backend_does(trouble: str, of: str, seconds: float) -> None:
    """Stalled at any phase of any request, failing, or asking to wait; and then it is silent (DRN-3, DRN-5)."""
    if (trouble, of) == ("after-lines", "sync"):
        of = "data"

    async def scene(at: Scene) -> None:
        at.backend.add_fault(FaultRule(fault=TROUBLES[trouble], of=of))  # type: ignore[arg-type]  # one of its literals
        sender = at.sender(request_timeout=3.0)
        enqueue(sender, 0)
        began = at.sim.time()
        report = await sender.stop(timeout=seconds)
        assert at.sim.time() - began <= seconds + 0.25
        assert len(asyncio.all_tasks()) <= 3  # this, and the backend's connection and request
        assert report.delivered + report.undelivered == 1
        assert report.delivered <= len(at.accepted()) <= report.delivered + report.unconfirmed
        if report.completed:
            assert at.complete
        else:
            assert report.why is not None
            asked = trouble == "asks to wait" and seconds
            expected = "the backend asked to wait" if asked else f"the deadline of {seconds:g} s passed"
            assert report.why.startswith(expected)
        await asyncio.sleep(0.05)  # what was sent just before it returned arrives
        before = len(at.requests())
        taken = list(at.accepted())
        await asyncio.sleep(100)
        assert len(at.requests()) == before
        assert at.accepted() == taken

    play(scene)


def test_a_backend_that_is_down_is_waited_for_until_the_deadline() -> None:
    """What is buffered is reported as undelivered, and why."""

    async def scene(at: Scene) -> None:
        await at.backend.go_down()
        sender = at.sender()
        enqueue(sender, 0, 1, 2)
        report = await sender.stop(timeout=20.0)
        assert at.sim.time() == pytest.approx(20.0, abs=0.25)
        assert (report.delivered, report.undelivered, report.unconfirmed, report.completed) == (0, 3, 0, False)
        assert report.why is not None
        assert "ClientConnectorError" in report.why
        await at.backend.come_up()
        await asyncio.sleep(100)
        assert at.requests() == []

    play(scene)


def test_a_backend_that_comes_up_in_time_gets_everything() -> None:
    """It was down when the sender started, for many times the retry delay (RTY-9)."""

    async def scene(at: Scene) -> None:
        await at.backend.go_down()
        sender = at.sender(max_retry_delay=2.0)
        enqueue(sender, *range(5))
        await asyncio.sleep(60)
        await at.backend.come_up()
        report = await sender.stop()
        assert report.all_delivered
        assert at.accepted() == [0, 1, 2, 3, 4]

    play(scene)


def test_stop_at_once_sends_nothing_more() -> None:
    """Also where the sending had not begun yet (DRN-5)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        report = await sender.stop(timeout=0)
        assert (report.delivered, report.undelivered, report.completed) == (0, 1, False)
        assert at.sim.time() == 0.0
        await asyncio.sleep(100)
        assert at.requests() == []

    play(scene)


@pytest.mark.parametrize("timeout", [-1.0, math.nan, math.inf, True, "5"])
def test_a_deadline_that_is_no_time_is_refused(timeout: Any) -> None:
    """Nothing has happened then, and the sender goes on."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        with pytest.raises(ConfigError, match=r"timeout=.*expected seconds as a finite number, 0 or more"):
            await sender.stop(timeout)
        enqueue(sender, 1)
        assert (await sender.stop()).all_delivered
        assert at.accepted() == [0, 1]

    play(scene)


def test_the_configured_deadline_is_the_default() -> None:
    """Without an argument."""

    async def scene(at: Scene) -> None:
        sender = at.sender(stop_timeout=4.0)
        enqueue(sender, 0)
        report = await sender.stop()
        assert at.sim.time() == pytest.approx(4.0, abs=0.25)
        assert report.why is not None
        assert report.why.startswith("the deadline of 4 s passed")

    play(scene, faults=[FaultRule(fault=Stall())])


def test_what_is_on_its_way_at_the_deadline_is_unconfirmed() -> None:
    """The backend may have it: here it has (DRN-4)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        report = await sender.stop(timeout=2.0)
        assert (report.delivered, report.undelivered, report.unconfirmed) == (0, 2, 2)
        assert at.accepted() == [0, 1]

    play(scene, faults=[FaultRule(fault=Stall(phase="after-accept"), of="data")])


def test_what_a_full_send_buffer_holds_at_the_deadline_never_goes_out() -> None:
    """The connection is aborted, not closed: a stalled peer that wakes up gets nothing of it (DRN-5)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        for number in range(40):
            sender.enqueue({"n": number, "p": "x" * 50_000})
        await asyncio.sleep(0.012)  # the connection stands
        at.link.stall(toward=Side.SERVER)
        report = await sender.stop(timeout=2.0)
        assert report.delivered == 0
        taken = len(at.accepted())
        at.link.release()
        await asyncio.sleep(100)
        assert len(at.accepted()) == taken
        assert not at.complete

    play(scene)


@pytest.mark.parametrize("phase", ["after-accept", "before-accept", "in-answer"])
def test_a_completion_whose_answer_was_lost_settles(phase: Phase) -> None:
    """It is asked for again, and completes once (DRN-9)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        report = await sender.stop()
        assert report.completed
        assert report.why is None
        decisions = [each.decision for each in at.of(CompletionReceived)]
        assert decisions.count("completed") == 1
        assert at.complete

    play(scene, faults=[FaultRule(fault=ResetPeer(phase=phase), of="completion", requests=(1,))])


def test_a_run_that_is_complete_already_is_final() -> None:
    """It doesn't spin until the deadline, and says so (DRN-11)."""

    async def scene(at: Scene) -> None:
        at.backend.set_run("run", last_accepted_seq=7, complete=True, why="another sender")
        sender = at.sender()
        enqueue(sender, 0)
        report = await sender.stop()
        assert at.sim.time() < 1.0
        assert (report.undelivered, report.unconfirmed, report.completed) == (1, 0, False)
        assert report.why is not None
        assert report.why.startswith("the run is complete already; use another run id")
        assert len(at.of(RequestStarted)) == 2

    play(scene)


def test_a_completion_that_does_not_match_is_put_right() -> None:
    """Another writer got in between (DRN-10)."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await sender.flush()
        at.backend.set_run("run", last_accepted_seq=9, why="another writer")
        assert (await sender.stop()).completed
        assert [(each.final_seq, each.decision) for each in at.of(CompletionReceived)] == [
            (1, "mismatch"),
            (9, "completed"),
        ]

    play(scene)


def test_the_report_counts_what_was_dropped() -> None:
    """By reason; then not all was delivered."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        sender.enqueue({"n": math.nan})
        report = await sender.stop()
        assert report.dropped == {DropReason.UNSERIALIZABLE: 1}
        assert not report.all_delivered
        assert report.why is None

    play(scene)


def test_a_sending_task_that_is_cancelled_from_outside_is_reported() -> None:
    """Who cancels every task of the loop and then stops hears what was left, and why."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0, 1)
        await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            if task.get_name() == "sendproof-sender":
                task.cancel()
        report = await sender.stop()
        assert report.undelivered == 2
        assert not report.completed
        assert report.why == "the sending task was cancelled"
        assert sender.enqueue({"n": 2}) is Outcome.CLOSED

    play(scene)


def test_no_event_is_taken_on_credit_once_the_run_is_closed() -> None:
    """Not even by a caller who enqueues while being told so."""

    async def scene(at: Scene) -> None:
        outcomes: list[Outcome] = []

        def on_notice(notice: Notice) -> None:
            if isinstance(notice, HealthChanged):
                outcomes.append(sender.enqueue({"n": 9}))

        sender = at.sender(on_notice=on_notice)
        enqueue(sender, 0)
        await asyncio.sleep(0.001)
        enqueue(sender, 1, 2)
        await asyncio.sleep(1)
        assert outcomes == [Outcome.CLOSED]
        assert sender.stats().undelivered == 3

    play(scene, faults=[FaultRule(fault=Status(status=401))])


def test_no_event_is_taken_on_credit_once_the_sending_task_is_cancelled() -> None:
    """It would never be sent."""

    async def scene(at: Scene) -> None:
        sender = at.sender()
        enqueue(sender, 0)
        await asyncio.sleep(0.001)
        enqueue(sender, 1, 2)
        for task in asyncio.all_tasks():
            if task.get_name() == "sendproof-sender":
                task.cancel()
        await asyncio.sleep(1)
        assert sender.enqueue({"n": 3}) is Outcome.CLOSED

    play(scene)
