"""Scenarios that vary in a known product: what a request meets, at which point, of which kind, and what comes next.

Each row of the table is performed with each of its faults, and gives them names and stories. A test lists the whole
product: each combination is attacked, or isn't for a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from conformance.scenarios.rows import Row
from conformance.scenarios.scripts import (
    a_burst_of_large_events,
    a_burst_then_stop_in_the_middle,
    a_trickle_into_an_open_window,
    delivered_then_stop,
    delivered_then_stopped_twice,
    events_before_and_after_the_position_is_known,
    on_first_sync,
    two_bursts_whatever_is_answered,
)
from fake_backend.faults import ResetPeer, Stall, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault, RequestKind

_TRANSIENT: Final = (408, 429, 500, 502, 503, 504)
_FINAL: Final = (401, 403, 404, 410)
_PAGE: Final = "<html><body><h1>No route to the backend</h1></body></html>"
_STALE: Final = '{"accepted": 8, "duplicate": 0, "last_accepted_seq": 3}'
_LARGE: Final = {"max_window_bytes": 2_000_000, "max_buffered_bytes": 4_000_000}

_NO_ANSWER_AT_ALL: Final = {
    "an-empty-200": "",
    "a-page-of-html": "<html><body>Welcome to nginx!</body></html>",
    "json-that-is-cut-off": '{"accepted": 8, "duplicate": 0, "last_acc',
    "an-empty-object": "{}",
    "a-list": "[8]",
    "last-as-a-string": '{"accepted": 8, "duplicate": 0, "last_accepted_seq": "8"}',
    "last-as-a-float": '{"accepted": 8, "duplicate": 0, "last_accepted_seq": 8.0}',
    "last-as-null": '{"accepted": 8, "duplicate": 0, "last_accepted_seq": null}',
    "last-as-a-boolean": '{"accepted": 8, "duplicate": 0, "last_accepted_seq": true}',
    "lists-in-lists-a-hundred-thousand-deep": "[" * 100_000,
    "last-below-zero": '{"accepted": 8, "duplicate": 0, "last_accepted_seq": -1}',
}
_NO_POSITION: Final = {"a-page-of-html": "<html>OK</html>", "an-empty-object": "{}", "a-list": "[]"}
_NO_COMPLETION: Final = {"a-page-of-html": "<html>OK</html>", "an-empty-object": "{}", "nothing": ""}

_RESETS: Final[dict[str, Fault]] = {
    "before-anything-is-read": ResetPeer(phase="before-read"),
    "before-anything-is-taken": ResetPeer(phase="before-accept"),
    "after-three-lines": ResetPeer(phase="after-lines", lines=3),
    "after-all-was-taken": ResetPeer(phase="after-accept"),
    "in-the-middle-of-the-answer": ResetPeer(phase="in-answer"),
}
_STALLS: Final[dict[str, Fault]] = {
    "while-the-upload-is-not-read": Stall(phase="before-read"),
    "before-anything-is-taken": Stall(phase="before-accept"),
    "after-three-lines": Stall(phase="after-lines", lines=3),
    "before-the-head-of-the-answer": Stall(phase="after-accept"),
    "in-the-body-of-the-answer": Stall(phase="in-answer"),
}
_LOST: Final[dict[str, Fault]] = {
    "is-lost": ResetPeer(phase="after-accept"),
    "is-cut-off": ResetPeer(phase="in-answer"),
    "is-replaced-by-a-502": Status(status=502, phase="after-accept"),
    "never-comes": Stall(phase="after-accept"),
}
_PAST_THE_DEADLINE: Final[dict[str, Fault]] = {
    "an-upload-that-is-not-read": Stall(phase="before-read"),
    "an-answer-that-never-comes": Stall(phase="after-accept"),
    "an-answer-that-never-ends": Stall(phase="in-answer"),
    "a-backend-that-fails-for-ever": Status(status=503),
    "a-retry-after-of-an-hour": Status(status=429, headers={"Retry-After": "3600"}),
    "answers-that-mean-nothing": Status(status=200, body="ok"),
}
_AIMS: Final[tuple[tuple[str, str, RequestKind, Callable[[Stage], Awaitable[None]]], ...]] = (
    ("", "request", "any", a_burst_then_stop_in_the_middle),
    ("-for-windows", "window", "data", a_burst_then_stop_in_the_middle),
    ("-for-completions", "completion", "completion", delivered_then_stop),
)


def _statuses(*statuses: int, **fields: Any) -> dict[str, Fault]:
    return {str(status): Status(status=status, **fields) for status in statuses}


def _bodies(bodies: Mapping[str, str]) -> dict[str, Fault]:
    return {name: Status(status=200, body=body) for name, body in bodies.items()}


TABLE: Final = (
    # The position is asked for.
    Row(
        name="a-sync-answered-with-{what}",
        story="A proxy answers the first question with a 200 of its own: {what}.",
        rules=("DLV-1", "DLV-2", "DRN-1"),
        faults=_bodies(_NO_POSITION),
        strikes=(("sync", (1,)),),
        script=events_before_and_after_the_position_is_known,
        stands_at=42,
    ),
    # A window is sent, and more come after it.
    Row(
        name="{what}-for-a-window",
        story="A proxy answers a window with a 200 of its own ({what}), and the backend never saw the window.",
        rules=("DLV-6", "DLV-1", "DLV-2"),
        faults=_bodies(_NO_ANSWER_AT_ALL),
        strikes=(("data", (1,)),),
    ),
    Row(
        name="a-{what}-without-a-word-for-a-window",
        story="A gateway answers a window with {what} and nothing else, and the backend never saw the window.",
        rules=("DLV-6", "DLV-1", "DLV-2"),
        faults=_statuses(201, 202, 204, 206, body=""),
        strikes=(("data", (1,)),),
    ),
    Row(
        name="a-stale-replica-answers-{what}",
        story="A 200 to the second window reports a lower number than the answer before it, {what}.",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        faults={
            "before-anything-is-taken": Status(status=200, body=_STALE),
            "after-all-was-taken": Status(status=200, body=_STALE, phase="after-accept"),
        },
        strikes=(("data", (2,)),),
    ),
    Row(
        name="a-{what}-after-three-lines",
        story="The request is too large after three lines, and the {what} says how far it got.",
        rules=("DLV-4", "DLV-1", "DLV-2"),
        faults=_statuses(413, phase="after-lines", lines=3),
        strikes=(("data", (1,)),),
        beside=(on_first_sync(0.4),),
    ),
    Row(
        name="a-{what}-after-three-lines",
        story="A line is garbled on the way, after three that were taken; the {what} does not say how far it got.",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        faults=_statuses(400, phase="after-lines", lines=3),
        strikes=(("data", (1,)),),
        beside=(on_first_sync(0.4),),
    ),
    Row(
        name="reset-{what}",
        story="The connection of the second window is reset {what}.",
        rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        faults=_RESETS,
        strikes=(("data", (2,)),),
    ),
    Row(
        name="{what}-before-a-window-is-taken",
        story="The second window is answered {what}, and nothing of it was taken.",
        rules=("RTY-1", "DLV-1", "DLV-3"),
        faults=_statuses(*_TRANSIENT),
        strikes=(("data", (2,)),),
    ),
    Row(
        name="{what}-after-a-window-is-taken",
        story="The second window is taken, and a proxy answers {what}.",
        rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        faults=_statuses(*_TRANSIENT, phase="after-accept"),
        strikes=(("data", (2,)),),
    ),
    Row(
        name="{what}-asks-to-wait-for-seconds",
        story="The second window is answered {what} with Retry-After: 2, ten times the retry delay.",
        rules=("RTY-3", "DLV-1"),
        faults=_statuses(*_TRANSIENT, headers={"Retry-After": "2"}),
        strikes=(("data", (2,)),),
    ),
    Row(
        name="{what}-of-a-proxy",
        story="A load balancer answers the first question and the second window with {what} and a page of HTML.",
        rules=("RTY-1", "DLV-1", "DLV-2"),
        faults=_statuses(*_FINAL, body=_PAGE),
        strikes=(("sync", (1,)), ("data", (2,))),
    ),
    Row(
        name="{what}-from-the-start",
        story="Every request is answered {what}.",
        rules=("RTY-6", "DRN-3"),
        faults=_statuses(*_FINAL),
        strikes=(("any", ()),),
        script=two_bursts_whatever_is_answered,
    ),
    Row(
        name="stalls-{what}",
        story="The first window stalls {what}, and the connection stays open.",
        rules=("RTY-8", "RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        faults=_STALLS,
        strikes=(("data", (1,)),),
        script=a_burst_of_large_events,
        settings=_LARGE,
        beside=(on_first_sync(0.4),),
    ),
    # Windows stay open, and events keep coming.
    Row(
        name="a-stream-that-is-reset-{what}",
        story="An open window is reset {what}, and events keep coming.",
        rules=("DLV-1", "DLV-2", "DLV-3"),
        faults=_RESETS,
        strikes=(("data", (1, 3)),),
        next="streams",
        script=a_trickle_into_an_open_window,
        settings={"window_age": 3.0},
    ),
    Row(
        name="a-stream-that-ends-in-a-{what}",
        story="Open windows are taken, and a proxy answers {what}.",
        rules=("RTY-1", "DLV-1", "DLV-2", "DLV-3"),
        faults=_statuses(504, phase="after-accept"),
        strikes=(("data", (1, 3)),),
        next="streams",
        script=a_trickle_into_an_open_window,
        settings={"window_age": 1.0},
    ),
    # Stop is called.
    *(
        Row(
            name=f"stopped-with-{{what}}{where}",
            story=f"Every {struck} meets {{what}}, for longer than the deadline.",
            rules=("DRN-3", "DRN-4", "DRN-5"),
            faults=_PAST_THE_DEADLINE,
            strikes=((of, ()),),
            next="stops",
            script=script,
            settings={"stop_timeout": 3.0},
        )
        for where, struck, of, script in _AIMS
    ),
    Row(
        name="the-answer-to-the-completion-{what}",
        story="The run is complete, and its sender can't know: the answer to the completion {what}.",
        rules=("DRN-9", "DRN-1", "DRN-4"),
        faults=_LOST,
        strikes=(("completion", (1,)),),
        next="stops",
        script=delivered_then_stop,
    ),
    Row(
        name="a-completion-answered-with-{what}",
        story="A proxy answers the completion with a 200 of its own ({what}), and the backend never saw it.",
        rules=("DRN-1", "DRN-4", "DLV-6"),
        faults=_bodies(_NO_COMPLETION),
        strikes=(("completion", (1,)),),
        next="stops",
        script=delivered_then_stop,
    ),
    Row(
        name="a-completion-answered-{what}-without-a-word",
        story="A gateway answers the completion with {what} and nothing else, and the backend never saw it.",
        rules=("DRN-1", "DRN-4", "DLV-6"),
        faults=_statuses(202, 204, body=""),
        strikes=(("completion", (1,)),),
        next="stops",
        script=delivered_then_stop,
    ),
    Row(
        name="completions-answered-{what}",
        story="Everything is delivered, and every completion is answered {what}; stop is called twice.",
        rules=("RTY-6", "DRN-3", "DRN-4"),
        faults=_statuses(*_FINAL),
        strikes=(("completion", ()),),
        next="stops",
        script=delivered_then_stopped_twice,
    ),
)

SCENARIOS: Final = tuple(scenario for row in TABLE for scenario in row.scenarios())
