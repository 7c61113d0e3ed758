"""A backend that does nothing wrong: what a sender must get right before anything fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_data, two_bursts
from fake_backend.faults import FaultRule, Latency, ResetPeer, Status

if TYPE_CHECKING:
    from conformance.scenario import Stage


_PAST_A_DOUBLE = 2**53 + 1
_LARGE = 40_000


async def _a_large_event_is_changed(stage: Stage) -> None:
    sender = await stage.open()
    event = {"n": 1, "text": "x" * _LARGE}
    await sender.enqueue(event)
    event["text"] = "changed"
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _half_a_pair(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue({"n": 1, "text": "half of a pair: \ud800"}, {"n": 2, "text": "behind it"})
    await sender.stop()


async def _bursts_and_a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(60))
    for number in range(61, 71):
        await stage.pause(0.05)
        await sender.enqueue(*numbered(1, first=number))
    await sender.enqueue(*numbered(30, first=71))
    await sender.delivered()
    await stage.pause(0.1)
    await sender.stop()


async def _a_burst_and_another(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(30))
    await stage.pause(0.5)
    await sender.enqueue(*numbered(10, first=31))
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


async def _a_trickle(stage: Stage) -> None:
    sender = await stage.open()
    for number in range(1, 41):
        await sender.enqueue(*numbered(1, first=number))
        await stage.pause(0.05)
    await sender.delivered()
    await stage.pause(0.5)
    await sender.stop()


async def _odd_but_legal(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(
        {"n": 1, "text": "Zoë 🦔 日本語 \u2028 \u2029 \x7f"},
        {"n": 2, "text": 'line one\nline two\r\n\ttab "quoted" \\ back \x00 nul'},
        {"n": 4, "floats": [0.1, -1.5e-300, 1e22, 5e-324, 123456.789]},
        {"n": 5, "nested": {"null": None, "list": [None, [], {}, [[None]]]}, "true": True, "one": 1},
        {"n": 6, "empty": {}, "": "the empty key", " ": "a space"},
        {"z": 1, "a": 2, "n": 7},
        {},
    )
    await sender.delivered()
    await sender.stop()


async def _large_integers(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue({"n": 1, "large": 2**53 + 1, "larger": -(2**63), "largest": 2**64 - 1})
    await sender.delivered()
    await sender.stop()


async def _reuses_its_dict(stage: Stage) -> None:
    sender = await stage.open()
    tags: list[str] = []
    event: dict[str, object] = {"type": "state", "tags": tags}
    for number in range(1, 9):
        event["n"] = number
        tags.append(f"tag {number}")
        await sender.enqueue(event)
    tags.append("after enqueue")
    event["n"] = "changed"
    await sender.delivered(8)
    await stage.pause(0.5)
    await sender.stop()


async def _restarted(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*numbered(5))
    await stage.pause(0.2)
    await sender.enqueue(*numbered(5, first=6))
    await sender.delivered()
    await sender.stop()


async def _two_runs(stage: Stage) -> None:
    one, other = await stage.open("run-1"), await stage.open("run-2")
    for number in range(1, 21):
        await one.enqueue({"run": 1, "n": number})
        await other.enqueue({"run": 2, "n": number})
        await stage.pause(0.01)
    await one.delivered()
    await other.delivered()
    await one.stop()
    await other.stop()


SCENARIOS = (
    Scenario(
        name="numbers-past-what-a-double-holds",
        rules=("SEQ-1", "DLV-1", "DRN-1"),
        story="The backend stands at 2**53 + 1, which floating point can't tell from its neighbours.",
        script=two_bursts,
        stands_at=_PAST_A_DOUBLE,
        ability="big-integers",
    ),
    Scenario(
        name="integers-past-what-a-double-holds",
        rules=("WIRE-4", "DLV-1"),
        story="Integers of up to 64 bits, which floating point can't tell from their neighbours.",
        script=_large_integers,
        ability="big-integers",
    ),
    Scenario(
        name="a-large-event-is-changed-by-its-caller",
        rules=("WIRE-4",),
        story="An event of 40,000 bytes is changed right after it was enqueued.",
        script=_a_large_event_is_changed,
        settings={"max_event_bytes": 90_000},
    ),
    Scenario(
        name="half-of-a-surrogate-pair",
        rules=("WIRE-4",),
        story="A text holds half of a surrogate pair: it is refused, or escaped, and never turned into something else.",
        script=_half_a_pair,
        ability="lone-surrogates",
    ),
    Scenario(
        name="a-backend-that-does-nothing-wrong",
        rules=(
            *("WIRE-1", "WIRE-2", "WIRE-3", "WIRE-4", "SEQ-1", "SEQ-4", "SEQ-5", "DLV-1", "DLV-2", "DLV-3"),
            *("WIN-1", "LIV-1", "DRN-1", "DRN-2", "DRN-3", "DRN-4", "DRN-5"),
        ),
        story="A hundred events in bursts and in a trickle; all is well.",
        script=_bursts_and_a_trickle,
    ),
    Scenario(
        name="a-window-that-streams",
        rules=("WIRE-1", "WIRE-3", "WIRE-4", "SEQ-4", "DLV-1", "DLV-2", "DLV-3", "WIN-1", "DRN-1", "DRN-2"),
        story="The same, with windows that may stay open for five seconds.",
        script=_bursts_and_a_trickle,
        settings={"window_age": 5.0},
    ),
    Scenario(
        name="answers-that-take-their-time",
        rules=("SEQ-4", "SEQ-5", "DLV-2", "DLV-3"),
        story="Forty events in windows of five, and each answer takes 0.3 seconds.",
        script=_a_burst_and_another,
        settings={"max_window_events": 5},
        faults=(on_data(Latency(seconds=0.3)),),
    ),
    Scenario(
        name="a-trickle-past-slow-answers",
        rules=("SEQ-4", "DLV-1", "DLV-2", "DLV-3"),
        story="An event every 0.05 seconds, while each answer takes 0.12: some come just as a window closes.",
        script=_a_trickle,
        faults=(on_data(Latency(seconds=0.12)),),
    ),
    Scenario(
        name="events-that-are-odd-but-legal",
        rules=("WIRE-1", "WIRE-4"),
        story="Non-ASCII text, line ends in strings, floats, nested nulls, the empty key.",
        script=_odd_but_legal,
    ),
    Scenario(
        name="the-caller-reuses-its-dict",
        rules=("WIRE-4", "DLV-1"),
        story="The caller changes an event after `enqueue`, and the first attempt is reset before it is taken.",
        script=_reuses_its_dict,
        faults=(on_data(ResetPeer(phase="before-accept"), 1),),
    ),
    Scenario(
        name="a-run-that-stands-at-42",
        rules=("SEQ-1", "SEQ-5", "DLV-1", "DLV-2", "DRN-1"),
        story="A restarted sender, and its first answer takes so long that events are enqueued before it.",
        script=_restarted,
        stands_at=42,
        faults=(FaultRule(fault=Latency(seconds=0.5, phase="after-accept"), requests=(1,)),),
    ),
    Scenario(
        name="a-run-that-stands-at-42-and-does-not-say-so",
        rules=("SEQ-1", "DLV-1", "DLV-2"),
        story="A restarted sender, and its first three questions are answered 503.",
        script=_restarted,
        stands_at=42,
        faults=(FaultRule(fault=Status(status=503), of="sync", requests=(1, 2, 3)),),
    ),
    *(
        Scenario(
            name=f"a-sync-answered-with-{name}",
            rules=("DLV-1", "DLV-2", "DRN-1"),
            story="A proxy answers the first question with a 200 of its own.",
            script=_restarted,
            stands_at=42,
            faults=(FaultRule(fault=Status(status=200, body=body), of="sync", requests=(1,)),),
        )
        for name, body in {"a-page-of-html": "<html>OK</html>", "an-empty-object": "{}", "a-list": "[]"}.items()
    ),
    Scenario(
        name="two-runs-in-one-process",
        rules=("DLV-8", "DLV-1", "DLV-3"),
        story="Two senders for two runs are fed in turn, and each loses an answer.",
        script=_two_runs,
        faults=(on_data(ResetPeer(phase="after-accept"), 2),),
    ),
    Scenario(
        name="every-third-answer-is-lost",
        rules=("DLV-1", "DLV-2", "DLV-3", "SEQ-3", "RTY-1"),
        story="Windows of two events, and the answer to every third of them is lost after it was taken.",
        script=two_bursts,
        settings={"max_window_events": 2},
        faults=(FaultRule(fault=ResetPeer(phase="after-accept"), of="data", every=3),),
    ),
)
