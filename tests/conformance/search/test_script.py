"""A schedule is printed as a script that a person can follow."""

from __future__ import annotations

from conformance.search import Schedule, as_script
from conformance.search.schedule import (
    Burst,
    Down,
    HalfClose,
    Pause,
    Refuse,
    Reset,
    Settle,
    StallLink,
    Stop,
    Trickle,
    Unreachable,
    Unserializable,
    Wire,
)
from fake_backend import FaultRule, Limits, ResetPeer


def test_everything_in_a_schedule_is_said() -> None:
    """Each step, each fault, each event and each value that isn't as usual has its line."""
    schedule = Schedule(
        runs=(
            (Burst(events=1), Burst(events=2, size=1_000, text="two-bytes"), Settle(), Stop(complete=False)),
            (Trickle(events=3, every=0.5), Unserializable(), Pause(seconds=1.5)),
        ),
        faults=(
            FaultRule(fault=ResetPeer(phase="after-lines", lines=2), of="data", requests=(1, 2)),
            FaultRule(fault=ResetPeer(), every=3, run_id="run-1"),
            FaultRule(fault=ResetPeer(phase="before-read"), of="completion"),
            FaultRule(fault=ResetPeer(), requests=(2,), events=(4, 5), times=1),
            FaultRule(fault=ResetPeer(), requests=(2, 3), every=2),
            FaultRule(fault=ResetPeer(), probability=0.25, seed=7, between=(1.0, 2.5)),
        ),
        network=(
            Reset(at=1.0, seen_by="sender"),
            StallLink(at=2.0, seconds=0.5),
            Refuse(at=3.0, seconds=1.0),
            Down(at=4.0, seconds=1.0),
            HalfClose(at=5.0),
            Unreachable(at=6.0, seconds=1.0),
        ),
        wire=Wire(latency=0.1),
        settings={"window_age": 1.0},
        limits=Limits(max_request_events=3),
        stands_at=41,
    )
    assert as_script(schedule) == [
        ("run-1", "enqueue 1 event"),
        ("run-1", "enqueue 2 events, each with a text of 1,000 characters of two bytes"),
        ("run-1", "wait until all is delivered, at most 20 s"),
        ("run-1", "stop, and leave the run open"),
        ("run-2", "enqueue 3 events, one every 0.5 s"),
        ("run-2", "enqueue what JSON can't carry"),
        ("run-2", "wait 1.5 s"),
        ("run-2", "stop"),
        ("backend", "request 1, 2 with events: reset_peer(phase='after-lines', lines=2)"),
        ("backend", "every request number 3 of run-1: reset_peer(phase='after-accept')"),
        ("backend", "every request that is a completion: reset_peer(phase='before-read')"),
        ("backend", "request 2, if it carries event 4 or 5, at most 1 time: reset_peer(phase='after-accept')"),
        ("backend", "request 2, 3, if its number is divisible by 2: reset_peer(phase='after-accept')"),
        (
            "backend",
            "every request, with the chance 0.25 of seed 7, from 1 s to 2.5 s: reset_peer(phase='after-accept')",
        ),
        ("network", "at 1 s connections are reset, as the sender sees it"),
        ("network", "at 2 s, for 0.5 s, nothing arrives at either end"),
        ("network", "at 3 s, for 1 s, new connections are refused"),
        ("network", "at 4 s, for 1 s, the backend is down"),
        ("network", "at 5 s the sender sees the end of what the other side sends"),
        ("network", "at 6 s, for 1 s, the backend's host is gone"),
        ("backend", "has accepted 41 of each run before"),
        ("backend", "max_request_events=3"),
        ("network", "latency=0.1"),
        ("settings", "window_age=1.0"),
    ]
