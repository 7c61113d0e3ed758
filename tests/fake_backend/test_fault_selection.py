"""Which requests are struck: by kind, by count, by run."""

import json

import pytest

from fake_backend import FakeBackend, FaultRule, Phase, RequestKind, Status
from tests.fake_backend.wire import client_of, completion_line, event_line

BODIES: dict[RequestKind, bytes] = {"sync": b"", "data": event_line(1), "completion": completion_line(0)}


@pytest.mark.parametrize("of", ["sync", "data", "completion"])
@pytest.mark.parametrize("phase", ["before-read", "before-accept", "after-accept"])
async def test_a_rule_of_a_kind_strikes_that_kind_alone(of: RequestKind, phase: Phase) -> None:
    """A kind is told by the first line, or by the end of an empty body, for every point of a request."""
    rule = FaultRule(fault=Status(status=503, phase=phase), of=of)
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        for kind, body in BODIES.items():
            status, _ = await client.post(body, run=kind)
            assert status == (503 if kind == of else 200)
            taken_anyway = phase == "after-accept" or kind != of
            assert backend.run(kind).last_accepted_seq == (taken_anyway and kind == "data")


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b"\n \n" + event_line(1), {}, "data"),
        (b"nonsense", {}, "data"),
        (b"x" * 1_000_001, {}, "data"),
        (b" \n", {}, "sync"),
        (completion_line(True), {}, "completion"),  # noqa: FBT003
        (b"", {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "0"}, "completion"),
        (event_line(1), {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "1"}, "data"),
    ],
    ids=repr,
)
async def test_a_kind_is_told_by_the_first_line_that_says_something(
    body: bytes, headers: dict[str, str], kind: str
) -> None:
    """White space says nothing; a bad line is data that went wrong, unless it meant to complete."""
    kinds: list[RequestKind] = ["sync", "data", "completion"]
    rules = [
        FaultRule(fault=Status(status=503, body=json.dumps({"kind": of}), phase="before-read"), of=of) for of in kinds
    ]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        assert await client.post(body, headers=headers) == (503, {"kind": kind})


async def test_requests_are_counted_for_each_run_and_kind() -> None:
    """The second request with events is struck, however many syncs came between, in each run for itself."""
    rule = FaultRule(fault=Status(status=503), of="data", requests=(2,))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        for run in ("a", "b"):
            bodies = [event_line(1), b"", b"", event_line(2), event_line(2)]
            assert [(await client.post(body, run=run))[0] for body in bodies] == [200, 200, 200, 503, 200]


async def test_a_rule_of_a_kind_that_is_added_late_strikes_before_reading_all_the_same() -> None:
    """What the rules ask of a request whose kind isn't known yet is worked out once, and anew when a rule is added."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert (await client.post(event_line(1)))[0] == 200
        backend.add_fault(FaultRule(fault=Status(status=503, phase="before-read"), of="data"))
        assert (await client.post(event_line(2)))[0] == 503


async def test_a_request_that_reaches_no_run_is_neither_counted_nor_struck() -> None:
    """What is turned away by its head alone isn't the first request of the run."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"), requests=(1,))
    async with FakeBackend(faults=[rule], tokens={"good": None}) as backend:
        async with client_of(backend, Authorization="Bearer bad") as client:
            assert (await client.post())[0] == 401
        async with client_of(backend, Authorization="Bearer good") as client:
            assert (await client.post())[0] == 503
