"""The checkers of WIRE, on histories made by hand."""

from __future__ import annotations

import msgspec
import pytest

from conformance.evidence.history import StrayRequest
from fake_backend.records import LineReceived
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import Story, event

GARBLED = LineReceived(time=1.0, request=1, run_id="run-1", size=3, decision="invalid", raw='{"seq"', well_formed=False)
SECOND = LineReceived(time=1.0, request=1, run_id="run-1", size=9, decision="gap", seq=2, event=event(2))
TOO_LARGE = LineReceived(time=1.0, request=1, run_id="run-1", size=99, decision="too-large", well_formed=False)
COMPLETION = LineReceived(
    time=1.0,
    request=1,
    run_id="run-1",
    size=52,
    decision="ignored",
    raw='{"type":"_posthog/stream_complete","final_seq":3}',
    well_formed=False,
)
STRAY = StrayRequest(time=1.0, origin="elsewhere:80", path="/", authorization="Bearer token")


def told() -> Story:
    """A sender is opened and given three events."""
    return Story().open().enqueue(event(1), event(2), event(3))


CASES = [
    keeps("WIRE-1", "a line of seq and event", told().request((1, event(1)), last=1)),
    breaks("WIRE-1", "a garbled line", told().request(last=1).write(GARBLED), "'{\"seq\"'", "LineReceived"),
    is_silent_on("WIRE-1", "a line that was not read to its end", told().request(last=1).write(TOO_LARGE)),
    is_silent_on("WIRE-1", "a completion that was left unread", told().request(last=1).write(COMPLETION)),
    keeps(
        "WIRE-2", "both headers", told().request((1, event(1)), last=1, content_type="application/x-ndjson; charset=x")
    ),
    breaks("WIRE-2", "another token", told().request(authorization="Bearer x"), "(sync) says Auth", "RequestStarted"),
    breaks("WIRE-2", "no type", told().request((1, event(1)), content_type=None), "(data) says Cont", "RequestStarted"),
    breaks("WIRE-2", "another's path", told().request(run_id="run-9"), "no run of the senders", "RequestStarted"),
    keeps("WIRE-3", "numbers in a row", told().request((1, event(1)), (2, event(2)), last=2)),
    breaks(
        "WIRE-3",
        "a hole",
        told().request((1, event(1)), (3, event(2), "gap"), status=409, last=1),
        "number 1 is followed by 3",
        "LineReceived",
        "LineReceived",
    ),
    is_silent_on("WIRE-3", "windows of one", told().request((1, event(1)), last=1)),
    is_silent_on(
        "WIRE-3",
        "a line without a number in between",
        told().request((1, event(1)), status=400).write(GARBLED, msgspec.structs.replace(SECOND, seq=3)),
    ),
    keeps(
        "WIRE-4", "1.0 is 1", Story().open().enqueue({"n": 1, "l": [2.0]}).request((1, {"l": [2], "n": 1.0}), last=1)
    ),
    breaks("WIRE-4", "out of nowhere", Story().open().request((1, event(1)), last=1), "in this form", "LineReceived"),
    breaks(
        "WIRE-4",
        "true is not 1",
        told().request((1, {"n": True}), last=1),
        "the nearest that was differs: at event.n 1 was enqueued, and true arrived",
        "EnqueueCalled",
        "LineReceived",
    ),
    breaks(
        "WIRE-4",
        "the nearest is the one with most in common, in depth",
        Story()
        .open()
        .enqueue({"n": 1, "l": [0.5]}, {"n": 2, "l": [0.1, {"deep": "a"}]}, {"n": 3})
        .request((1, {"n": 2, "l": [0.1, {"deep": "b", "more": 1}]}), (2, {"n": 3}), last=2),
        'at event.l[1].deep "a" was enqueued, and "b" arrived',
        "EnqueueCalled",
        "LineReceived",
    ),
    breaks(
        "WIRE-4",
        "the end of a long text",
        Story().open().enqueue({"t": 90 * "x" + "end"}).request((1, {"t": 90 * "x"}), last=1),
        f'at event.t …"{20 * "x"}end" was enqueued, and …"{20 * "x"}" arrived',
        "EnqueueCalled",
        "LineReceived",
    ),
    breaks(
        "WIRE-4",
        "what is missing",
        Story().open().enqueue({"n": 1, "l": [1, 2]}).request((1, {"n": 1, "l": [1]}), last=1),
        "at event.l[1] 2 was enqueued, and nothing arrived",
        "EnqueueCalled",
        "LineReceived",
    ),
    keeps(
        "WIRE-4",
        "another run's is for DLV-8",
        told().open(2, run_id="run-2").enqueue(event(9), sender=2).request((1, event(9)), last=1),
    ),
    keeps("WIRE-5", "a redirect that isn't followed", told().request(status=307)),
    breaks(
        "WIRE-5", "one that is", told().request(status=307).write(STRAY), "with the token", "AnswerSent", "StrayRequest"
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_wire_blames_what_it_should(case: Case) -> None:
    """What goes out is held against WIRE, and the records that contradict it are named."""
    hold(case)
