"""The core against a model of it, written a second time from the wire protocol."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_backend import BackendRecord, Limits
from fake_backend.protocol.completion_headers import CompletionHeaders, read_completion_headers
from fake_backend.protocol.ingest import RequestIngest, Run
from fake_backend.records import CompletionReceived, LineReceived
from tests.fake_backend.wire import completion_line, event_line

BAD = b"nonsense"
MAX_EVENTS = 4


@dataclass
class Model:
    """A run by the rules of the protocol, without a thought for speed or records."""

    last: int = 0
    complete: bool = False
    taken: list[int] = field(default_factory=list)

    def request(self, lines: list[int | tuple[int] | None]) -> tuple[int, dict[str, Any]]:
        """Answer a request; an int is an event, a tuple a completion, None a line that is no JSON."""
        accepted = duplicate = events = 0
        final: int | None = None
        for line in lines:
            if line is None:
                return 400, {"error": "Invalid JSON line"}
            if final is not None:
                return 400, {"error": "Completion line must be the final event stream line"}
            if isinstance(line, tuple):
                (final,) = line
                continue
            events += 1
            if events > MAX_EVENTS:
                return 413, {"error": "Too many events in request", "last_accepted_seq": self.last}
            if self.complete:
                return 409, {"error": "Task run stream is already complete", "last_accepted_seq": self.last}
            if line > self.last + 1:
                text = f"Expected sequence {self.last + 1}, got {line}"
                return 409, {"error": text, "last_accepted_seq": self.last}
            if line <= self.last:
                duplicate += 1
            else:
                accepted += 1
                self.last = line
                self.taken.append(line)
        if final is not None and not self.complete:
            if final != self.last:
                text = f"Cannot complete stream at sequence {final}; last accepted sequence is {self.last}"
                return 409, {"error": text, "last_accepted_seq": self.last}
            self.complete = True
        return 200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": self.last}


def as_bytes(line: int | tuple[int] | None) -> bytes:
    """Write a line of the model."""
    if line is None:
        return BAD
    return completion_line(line[0]) if isinstance(line, tuple) else event_line(line)


lines_of_requests = st.lists(
    st.lists(
        st.one_of(st.integers(1, 8), st.integers(1, 8), st.integers(0, 8).map(lambda n: (n,)), st.none()), max_size=6
    ),
    max_size=8,
)


@given(requests=lines_of_requests, at_once=st.integers(1, 6))
def test_every_answer_and_state_is_that_of_the_model(
    requests: list[list[int | tuple[int] | None]], at_once: int
) -> None:
    """For any sequence of requests the core answers, and leaves the run, as the protocol says."""
    run, model, records = Run("run"), Model(), list[BackendRecord]()
    for number, lines in enumerate(requests, start=1):
        ingest = RequestIngest(run, request=number, write=records.append, limits=Limits(max_request_events=MAX_EVENTS))
        answer = None
        for start in range(0, len(lines), at_once):
            answer = ingest.take([as_bytes(line) for line in lines[start : start + at_once]], time=0.0)
            if answer is not None:
                break
        answer = answer or ingest.finish(time=0.0)
        assert (answer.status, json.loads(answer.body)) == model.request(lines)
        assert (run.last_accepted_seq, run.complete) == (model.last, model.complete)
    accepted = [record.seq for record in records if isinstance(record, LineReceived) and record.decision == "accepted"]
    assert accepted == model.taken


def take(*lines: bytes, ignoring: bool = False) -> tuple[int, list[BackendRecord]]:
    """Send the lines of one request to a fresh run; give the status and the records."""
    records = list[BackendRecord]()
    ingest = RequestIngest(Run("run"), request=1, write=records.append, limits=Limits())
    ingest.ignoring = ignoring
    answer = ingest.take(lines, time=2.5) or ingest.finish(time=2.5)
    return answer.status, records


def line_record(**fields: Any) -> LineReceived:
    """Write the record of a line of the run."""
    return LineReceived(time=2.5, request=1, run_id="run", **fields)


def completion_record(**fields: Any) -> CompletionReceived:
    """Write the record of a completion by line."""
    return CompletionReceived(time=2.5, request=1, run_id="run", by="line", **fields)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b'{"seq":1,"event":{}}'], [line_record(size=20, decision="accepted", seq=1, event={})]),
        ([b'{"seq":2,"event":{}}'], [line_record(size=20, decision="gap", seq=2, event={})]),
        (
            [b'{"seq":1,"event":{},"x":1}'],
            [
                line_record(
                    size=26,
                    decision="accepted",
                    seq=1,
                    event={},
                    raw='{"seq":1,"event":{},"x":1}',
                    well_formed=False,
                )
            ],
        ),
        ([b"\xff" * 1_500], [line_record(size=1_500, decision="invalid", raw="\ufffd" * 1_000, well_formed=False)]),
        ([completion_line(0)], [completion_record(final_seq=0, decision="completed")]),
        ([completion_line(1)], [completion_record(final_seq=1, decision="mismatch")]),
        ([completion_line(True)], [completion_record(final_seq=None, decision="invalid")]),  # noqa: FBT003
        (
            [completion_line(0), completion_line(0)],
            [completion_record(final_seq=0, decision="invalid"), completion_record(final_seq=0, decision="invalid")],
        ),
        (
            [completion_line(0), b'{"seq":1,"event":{}}'],
            [
                completion_record(final_seq=0, decision="invalid"),
                line_record(size=20, decision="invalid", seq=1, event={}),
            ],
        ),
    ],
)
def test_a_record_says_what_was_decided_and_on_what_grounds(lines: list[bytes], expected: list[BackendRecord]) -> None:
    """Each line leaves a record of itself and of its decision."""
    assert take(*lines)[1] == expected


def test_an_ignored_line_is_recorded_and_changes_nothing() -> None:
    """What a fault leaves unread, be it a completion or nonsense, is seen in the records alone."""
    status, records = take(b'{"seq":1,"event":{}}', completion_line(0), BAD, ignoring=True)
    assert status == 200
    assert [(type(record), record.decision) for record in records if isinstance(record, LineReceived)] == [
        (LineReceived, "ignored")
    ] * 3


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ({}, None),
        ({"X-PostHog-Event-Stream-Complete": "false", "X-PostHog-Event-Stream-Final-Seq": "1"}, None),
        ({"X-PostHog-Event-Stream-Final-Seq": "1"}, None),
        (
            {"X-PostHog-Event-Stream-Complete": "true"},
            CompletionHeaders(problem="Completion request must include X-PostHog-Event-Stream-Final-Seq"),
        ),
        *(
            (
                {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": said},
                CompletionHeaders(final_seq=final_seq)
                if final_seq is not None
                else CompletionHeaders(problem="Completion final sequence must be a non-negative integer"),
            )
            for said, final_seq in [
                ("0", 0),
                (" 44 ", 44),
                ("-1", None),
                ("+1", None),
                ("1_0", None),
                ("1.0", None),
                ("", None),
                ("true", None),
                ("\u0663", None),
                ("1" * 5_000, None),
            ]
        ),
    ],
)
def test_the_older_form_of_completion_is_read(headers: dict[str, str], read: CompletionHeaders | None) -> None:
    """Exactly `true` asks for completion, and its number is digits and nothing else."""
    assert read_completion_headers(headers) == read


@pytest.mark.parametrize("name", ["max_line_bytes", "max_request_bytes", "max_request_events"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    """A limit below 1 would refuse everything; it is named."""
    with pytest.raises(ValueError, match=f"{name} is 0; a limit is an integer from 1"):
        Limits(**{name: 0})
