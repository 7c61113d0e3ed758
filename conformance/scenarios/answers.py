"""Answers that are hard to read: conflicts, prefixes, duplicates, and words that mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import a_burst_and_stop, on_data, on_first_sync, two_bursts
from fake_backend import Limits
from fake_backend.faults import FaultRule, Latency, Partial, Poison, Status

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage


async def _forgets(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await sender.delivered()
    await stage.pause(0.2)
    stage.backend.set_run(sender.run_id, last_accepted_seq=2, why="the backend lost its newest state")
    await sender.enqueue(*numbered(6, first=7))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def _another_writer_refused(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(4))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.enqueue(*numbered(4, first=5))
    await stage.pause(0.5)
    stage.backend.set_run(sender.run_id, last_accepted_seq=20, why="another writer wrote up to 20")
    await sender.delivered()
    await stage.pause(0.2)
    await sender.stop()


async def _taken_by_a_predecessor(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(6))
    await stage.pause(0.5)
    stage.backend.set_run(sender.run_id, last_accepted_seq=2, why="a late request took numbers 1 and 2")
    await sender.delivered(4)
    await stage.pause(0.2)
    await sender.enqueue(*numbered(4, first=7))
    await sender.delivered(8)
    await stage.pause(0.2)
    await sender.stop()


async def _redirected(stage: Stage) -> None:
    location = {"Location": f"{stage.elsewhere.url}/v1/runs/run-1/ingest"}
    for status, request in ((307, 1), (308, 3), (302, 4)):
        stage.backend.add_fault(FaultRule(fault=Status(status=status, headers=location), requests=(request,)))
    await two_bursts(stage)


async def _poison_in_the_middle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5), {"n": 6, "text": "x" * 3_000}, *numbered(10, first=7))
    await sender.delivered(15)
    await sender.stop()


async def _refused_for_what_is_in_it(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5), {"n": 6, "text": "a poison"}, *numbered(10, first=7))
    await sender.delivered(15)
    await sender.stop()


async def _more_than_a_proxy_takes(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(30, text="x" * 100))
    await sender.delivered()
    await sender.stop()


async def _an_event_after_the_end(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(8))
    await sender.delivered()
    await stage.pause(0.2)
    await sender.enqueue(*numbered(8, first=9))
    await stage.pause(5.0)
    for number in range(17, 25):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.1)
    await sender.stop()


_REFUSALS: tuple[Literal[400, 413], ...] = (400, 413)

SCENARIOS = (
    Scenario(
        name="the-backend-forgets",
        rules=("SEQ-2", "DLV-1", "DLV-2", "DLV-3"),
        story="After six events the backend falls back to number 2, and answers the next window with 409.",
        script=_forgets,
    ),
    Scenario(
        name="a-409-that-is-ahead",
        rules=("SEQ-2", "DLV-1", "DLV-2", "DLV-3"),
        story="Another writer moves the run to 20, and the window that was waiting is answered 409.",
        script=_another_writer_refused,
        faults=(on_data(Latency(seconds=1.0, phase="before-accept"), 2), on_data(Status(status=409), 2)),
    ),
    Scenario(
        name="numbers-that-were-taken-already",
        rules=("DLV-5", "SEQ-5"),
        story="While the first window waits, a late request takes its first two numbers; the 200 says `duplicate`.",
        script=_taken_by_a_predecessor,
        faults=(on_data(Latency(seconds=1.0, phase="before-accept"), 1),),
    ),
    Scenario(
        name="redirected-to-another-origin",
        rules=("WIRE-5", "DLV-1"),
        story="A proxy redirects the first, the third and the fourth request to another origin.",
        script=_redirected,
    ),
    Scenario(
        name="a-200-that-falls-short",
        rules=("DLV-4", "DLV-1", "DLV-2"),
        story="Of eight events three are taken, and a 200 says so.",
        script=two_bursts,
        faults=(on_data(Partial(lines=3), 1), on_first_sync(0.4)),
    ),
    Scenario(
        name="an-acknowledgement-beyond-what-was-sent",
        rules=("DLV-7", "DLV-1", "DLV-3"),
        story="Five of twelve events are taken, and the answer says 1,000.",
        script=a_burst_and_stop,
        settings={"max_window_events": 5},
        faults=(
            on_data(
                Status(
                    status=200,
                    body='{"accepted": 5, "duplicate": 0, "last_accepted_seq": 1000}',
                    phase="after-accept",
                ),
                1,
            ),
        ),
    ),
    Scenario(
        name="one-event-that-is-never-taken",
        rules=("RTY-7", "DLV-1", "DLV-2", "DLV-3"),
        story="The sixth of sixteen events is over the backend's limit, which is lower than the sender's.",
        script=_poison_in_the_middle,
        limits=Limits(max_line_bytes=2_000),
    ),
    *(
        Scenario(
            name=f"an-event-that-is-refused-with-{status}-for-what-is-in-it",
            rules=("RTY-7", "DLV-1", "DLV-2", "DLV-3"),
            story=f"The sixth of sixteen events is answered {status} each time it comes, small as it is.",
            script=_refused_for_what_is_in_it,
            faults=(FaultRule(fault=Poison(containing="a poison", status=status)),),
        )
        for status in _REFUSALS
    ),
    Scenario(
        name="a-proxy-that-takes-no-large-request",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        story="A proxy answers every request over 2,000 bytes with 413 and a page of HTML; each event would fit alone.",
        script=_more_than_a_proxy_takes,
        limits=Limits(proxy_request_bytes=2_000),
    ),
    Scenario(
        name="one-event-that-is-more-than-a-proxy-takes",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        story="The sixth of sixteen events is over what a proxy takes, and its 413 says nothing but HTML.",
        script=_poison_in_the_middle,
        limits=Limits(proxy_request_bytes=2_000),
    ),
    Scenario(
        name="events-after-a-final-answer",
        rules=("DLV-1", "DRN-3", "DRN-4"),
        story="From the second window on, every request is answered 403, and events keep coming.",
        script=_an_event_after_the_end,
        faults=(FaultRule(fault=Status(status=403), requests=tuple(range(3, 43))),),
    ),
)
