"""Events with odd contents: texts that a template, a splitter or a normalizer changes, in trouble too; equal ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from conformance.harness.scenario import Scenario, numbered
from conformance.scenarios.scripts import on_data, on_first_sync
from fake_backend.faults import Partial, ResetPeer, Status

if TYPE_CHECKING:
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault

_LARGE = 40_000


def _odd_events() -> tuple[dict[str, Any], ...]:
    return (
        {"n": 1, "text": "Zoë 🦔 日本語 \u2028 \u2029 \u0085 \x0b \x0c \x1c \x7f"},
        {"n": 2, "text": 'line one\nline two\r\n\ttab "quoted" \\ back \x00 nul'},
        {"n": 3, "text": "100% done, %s of %d %% {0} {} ${x} \\1 \\n </script> &amp; <!-- ' ' ;--"},
        {"n": 4, "floats": [0.1, -1.5e-300, 1e22, 5e-324, 123456.789]},
        {"n": 5, "nested": {"null": None, "list": [None, [], {}, [[None]]]}, "true": True, "one": 1},
        {"n": 6, "empty": {}, "": "the empty key", " ": "a space"},
        {"n": 7, "text": "not normalized: e\u0301 \u212b \uac00 \u1100\u1161 ﬁ ①"},
        {"z": 1, "a": 2, "n": 8},
        {},
    )


async def _odd_but_legal(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue(*_odd_events())
    await sender.delivered()
    await sender.stop()


async def _large_integers(stage: Stage) -> None:
    sender = await stage.open()
    await sender.enqueue({"n": 1, "large": 2**53 + 1, "larger": -(2**63), "largest": 2**64 - 1})
    await sender.delivered()
    await sender.stop()


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


async def _equal_events(stage: Stage, apart: float) -> None:
    """Events equal to their neighbors, and to some before those."""
    sender = await stage.open()
    heartbeat = {"type": "heartbeat"}
    for _ in range(3):
        await sender.enqueue(heartbeat, heartbeat, *numbered(1), heartbeat, *numbered(1), *numbered(1))
        await stage.pause(apart)
    await sender.delivered()
    await sender.stop()


_TROUBLE: dict[str, Fault] = {
    "answered-503": Status(status=503),
    "taken-and-not-confirmed": ResetPeer(phase="after-accept"),
    "taken-in-part": Partial(lines=2),
}

SCENARIOS = (
    Scenario(
        name="events-that-are-odd-but-legal",
        rules=("WIRE-1", "WIRE-4", "DLV-1"),
        story="Non-ASCII text, line ends of all kinds, templates, text that isn't normalized, floats, the empty key.",
        script=_odd_but_legal,
    ),
    *(
        Scenario(
            name=f"events-that-are-odd-but-legal-{name}",
            rules=("WIRE-1", "WIRE-4", "DLV-1", "DLV-2", "DLV-3"),
            story=f"Odd text, line ends, floats and the empty key, in a first window that is {name.replace('-', ' ')}.",
            script=_odd_but_legal,
            faults=(on_data(fault, 1), on_first_sync(0.4)),
        )
        for name, fault in _TROUBLE.items()
    ),
    Scenario(
        name="integers-past-what-a-double-holds",
        rules=("WIRE-4", "DLV-1"),
        story="Integers of up to 64 bits, which floating point can't tell from their neighbors.",
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
        name="the-caller-reuses-its-dict",
        rules=("WIRE-4", "DLV-1"),
        story="The caller changes an event after `enqueue`, and the first attempt is reset before it is taken.",
        script=_reuses_its_dict,
        faults=(on_data(ResetPeer(phase="before-accept"), 1),),
    ),
    Scenario(
        name="equal-events",
        rules=("DLV-1",),
        story="Heartbeats and other events that are equal to their neighbors, or to some before those.",
        script=partial(_equal_events, apart=0.5),
    ),
    Scenario(
        name="equal-events-whose-answers-are-lost",
        rules=("DLV-1", "SEQ-3"),
        story="Events that are equal to their neighbors, in windows of four, and every other answer is lost.",
        script=partial(_equal_events, apart=0.0),
        settings={"max_window_events": 4},
        faults=(on_data(ResetPeer(phase="after-accept"), 2, 4, 6),),
    ),
)
