"""Every row of the protocol's table of answers, as a client sees it."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fake_backend import FakeBackend, Limits
from fake_backend.records import CompletionReceived, LineReceived, RequestStarted
from tests.fake_backend.wire import (
    Client,
    Watch,
    client_of,
    completion_line,
    event_line,
    event_lines,
)


@pytest.fixture
async def backend() -> AsyncIterator[FakeBackend]:
    """A backend that does all it should."""
    async with FakeBackend() as running:
        yield running


@pytest.fixture
async def client(backend: FakeBackend) -> AsyncIterator[Client]:
    """A client of it."""
    async with client_of(backend) as opened:
        yield opened


@pytest.fixture
async def legacy_client() -> AsyncIterator[Client]:
    """A client of a backend that knows completion by headers."""
    async with FakeBackend(legacy_completion=True) as running, client_of(running) as opened:
        yield opened


def taken(accepted: int, duplicate: int, last: int) -> tuple[int, dict[str, Any]]:
    """Write the answer of a body that was taken."""
    return 200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last}


async def test_a_whole_body_is_taken_and_counted(client: Client) -> None:
    """200 says how many lines were new, how many were not, and the last number."""
    assert await client.post(event_lines(1, 3)) == taken(3, 0, 3)
    assert await client.post(event_lines(2, 5)) == taken(2, 2, 5)
    assert client.backend.run("run").events == tuple({"n": seq} for seq in range(1, 6))


async def test_an_empty_body_asks_and_changes_nothing(client: Client) -> None:
    """A sync tells the last number, be it before the first event."""
    assert await client.post() == taken(0, 0, 0)
    await client.post(event_lines(1, 2))
    assert await client.post(b" \n\t\r\n") == taken(0, 0, 2)


async def test_the_content_of_a_duplicate_is_not_compared(client: Client) -> None:
    """A known number is ignored, whatever comes under it."""
    await client.post(event_line(1, first=True))
    assert await client.post(event_line(1, first=False)) == taken(0, 1, 1)
    assert client.backend.run("run").events == ({"first": True},)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"\xff", "Invalid UTF-8 in event stream"),
        (b"nonsense", "Invalid JSON line"),
        (b'{"seq": 3, "event": {"a": 1e999}}', "Invalid JSON line"),
        (b"[" * 50_000, "Invalid JSON line"),
        (b"[1]", "Each event line must be a JSON object"),
        (b'{"seq": true, "event": {}}', "Event sequence must be a positive integer"),
        (b'{"something": "else"}', "Event sequence must be a positive integer"),
        (b'{"seq": 3, "event": "text"}', "Event payload must be an object"),
        (completion_line(-1), "Completion final sequence must be a non-negative integer"),
        (completion_line(2) + event_line(3), "Completion line must be the final event stream line"),
        (completion_line(2) + completion_line(2), "Completion line must be the final event stream line"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_a_bad_line_is_a_400_and_the_lines_before_it_stay(client: Client, line: bytes, text: str) -> None:
    """Each 400 has its text and no number; what was taken before it stays taken, what comes after isn't read."""
    assert await client.post(event_lines(1, 2) + line + b"\n" + event_lines(3, 4)) == (400, {"error": text})
    run = client.backend.run("run")
    assert (run.last_accepted_seq, run.complete) == (2, False)


async def test_a_gap_is_a_409_and_the_lines_before_it_stay(client: Client) -> None:
    """A number past the next one is refused, with the one that is expected."""
    body = event_lines(1, 44) + event_line(47) + event_line(45)
    answer = {"error": "Expected sequence 45, got 47", "last_accepted_seq": 44}
    assert await client.post(body) == (409, answer)
    assert client.backend.run("run").last_accepted_seq == 44


@pytest.mark.parametrize("seq", [1, 2, 3, 9])
async def test_a_complete_run_takes_no_event(client: Client, seq: int) -> None:
    """After completion any event is a 409, also one that is known, while a sync is still answered."""
    await client.post(event_lines(1, 2) + completion_line(2))
    answer = {"error": "Task run stream is already complete", "last_accepted_seq": 2}
    assert await client.post(event_line(seq)) == (409, answer)
    assert await client.post() == taken(0, 0, 2)


def by_headers(final_seq: str | None, complete: str = "true") -> dict[str, str]:
    """Write the headers of a completion."""
    headers = {"X-PostHog-Event-Stream-Complete": complete}
    return headers if final_seq is None else headers | {"X-PostHog-Event-Stream-Final-Seq": final_seq}


async def complete(client: Client, form: str, final_seq: int) -> tuple[int, dict[str, Any]]:
    """Complete the run in one of the two forms."""
    if form == "line":
        return await client.post(completion_line(final_seq))
    return await client.post(headers=by_headers(str(final_seq)))


@pytest.mark.parametrize("form", ["line", "headers"])
async def test_completion_is_for_good(legacy_client: Client, form: str) -> None:
    """Both forms complete at the last number, say so again for any number, and are refused at another one."""
    await legacy_client.post(event_lines(1, 2))
    mismatch = "Cannot complete stream at sequence 3; last accepted sequence is 2"
    assert await complete(legacy_client, form, 3) == (409, {"error": mismatch, "last_accepted_seq": 2})
    assert not legacy_client.backend.run("run").complete
    assert await complete(legacy_client, form, 2) == taken(0, 0, 2)
    assert legacy_client.backend.run("run").complete
    assert await complete(legacy_client, form, 99) == taken(0, 0, 2)
    decisions = [record.decision for record in legacy_client.backend.history if isinstance(record, CompletionReceived)]
    assert decisions == ["mismatch", "completed", "already-complete"]


async def test_an_empty_run_completes_at_0(client: Client) -> None:
    """A run without events has a last number too."""
    assert await client.post(completion_line(0)) == taken(0, 0, 0)
    assert client.backend.run("run").complete


@pytest.mark.parametrize(
    ("final_seq", "text"),
    [
        (None, "Completion request must include X-PostHog-Event-Stream-Final-Seq"),
        ("-1", "Completion final sequence must be a non-negative integer"),
        ("x", "Completion final sequence must be a non-negative integer"),
    ],
)
async def test_bad_completion_headers_are_a_400(legacy_client: Client, final_seq: str | None, text: str) -> None:
    """Headers that can't be understood are refused before anything of the body is taken."""
    assert await legacy_client.post(event_line(1), headers=by_headers(final_seq)) == (400, {"error": text})
    assert legacy_client.backend.run("run").last_accepted_seq == 0


@pytest.mark.parametrize(
    ("body", "final_seq", "status", "done"),
    [
        (event_lines(1, 2), "2", 200, True),
        (event_lines(1, 2), "1", 409, False),
        (event_lines(1, 2) + completion_line(2), "9", 200, True),
    ],
)
async def test_completion_headers_beside_lines_come_after_them(
    legacy_client: Client, body: bytes, final_seq: str, status: int, *, done: bool
) -> None:
    """The lines of such a body are taken, then the run is completed; a completion line outweighs the headers."""
    assert (await legacy_client.post(body, headers=by_headers(final_seq)))[0] == status
    run = legacy_client.backend.run("run")
    assert (run.last_accepted_seq, run.complete) == (2, done)


@pytest.mark.parametrize("said", ["True", "1", "false"])
async def test_only_true_asks_for_completion(legacy_client: Client, said: str) -> None:
    """Any other value of the header is a header like others."""
    assert await legacy_client.post(headers=by_headers("0", complete=said)) == taken(0, 0, 0)
    assert not legacy_client.backend.run("run").complete


@pytest.mark.parametrize("final_seq", ["2", "9", "x", None])
async def test_headers_complete_nothing_today(client: Client, final_seq: str | None) -> None:
    """Backends of today take such a request for a sync, whose 200 looks like success, and leave the run open."""
    await client.post(event_lines(1, 2))
    assert await client.post(headers=by_headers(final_seq)) == taken(0, 0, 2)
    assert await client.post(event_line(3), headers=by_headers(final_seq)) == taken(1, 0, 3)
    assert not client.backend.run("run").complete
    records = client.backend.history
    assert not [record for record in records if isinstance(record, CompletionReceived)]
    assert not any(record.completion_header for record in records if isinstance(record, RequestStarted))


LIMITS = Limits(max_line_bytes=40, max_request_bytes=120, max_request_events=3)


@pytest.mark.parametrize(
    ("body", "status", "error", "last"),
    [
        (event_line(1).rstrip() + b" " * 11 + b"\n", 200, None, 1),
        (event_line(1) + event_line(2).rstrip() + b" " * 12 + b"\n", 413, "Event line is too large", 1),
        (event_line(1) + b"x" * 41, 413, "Event line is too large", 1),
        (event_lines(1, 2) + b" \n" * 30, 200, None, 2),
        (event_lines(1, 2) + b" \n" * 30 + b" ", 413, "Event ingest request is too large", 2),
        (event_lines(1, 3), 200, None, 3),
        (event_lines(1, 3) + b'{"seq":4,"event":{}}', 413, "Too many events in request", 3),
        (event_lines(1, 2) + b'{"seq":2,"event":{}}', 200, None, 2),
    ],
)
async def test_limits_bite_to_the_byte(body: bytes, status: int, error: str | None, last: int) -> None:
    """What is exactly at a limit passes, one more is a 413, and the lines before the limit stay accepted."""
    assert len(event_line(1)) == 30
    async with FakeBackend(limits=LIMITS) as backend, client_of(backend) as client:
        answer = await client.post(body)
    assert answer[0] == status
    assert answer[1]["last_accepted_seq"] == backend.run("run").last_accepted_seq == last
    assert answer[1].get("error") == error


async def test_the_limits_are_those_of_the_protocol_unless_told_otherwise() -> None:
    """By default a line has 1,000,000 bytes, a request 5,000,000 and 1,000 events, a completion beside them."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert await client.post(event_lines(1, 1_000) + completion_line(1_000), run="a") == taken(1_000, 0, 1_000)
        many = await client.post(event_lines(1, 1_001), run="b")
        padded = b'{"seq": 1, "event": {}}' + b" " * (1_000_000 - 23)
        assert await client.post(padded + b"\n", run="c") == taken(1, 0, 1)
        wide = await client.post(padded + b" \n", run="d")
        blank = (b" " * 999_999 + b"\n") * 5
        assert await client.post(io.BytesIO(blank), run="e") == taken(0, 0, 0)
        large = await client.post(io.BytesIO(blank + b" "), run="e")
    assert many == (413, {"error": "Too many events in request", "last_accepted_seq": 1_000})
    assert wide == (413, {"error": "Event line is too large", "last_accepted_seq": 0})
    assert large == (413, {"error": "Event ingest request is too large", "last_accepted_seq": 0})


async def test_a_line_is_taken_when_it_arrives_not_when_its_request_ends() -> None:
    """A streamed body is decided line by line, long before its end."""
    watch = Watch()
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield event_lines(1, 2) + b'{"seq": 3'
        await go_on.wait()
        yield b', "event": {}}'

    async with FakeBackend(on_record=watch) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(body()))
        await watch.until(LineReceived, count=2)
        assert backend.run("run").last_accepted_seq == 2
        assert not posting.done()
        go_on.set()
        assert await posting == taken(3, 0, 3)


async def test_two_requests_of_a_run_take_turns_line_by_line() -> None:
    """Requests of one run at one time are decided by arrival, each line against the run as it is then."""
    watch = Watch()
    turn = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield event_line(1)
        await turn.wait()
        yield event_lines(2, 3)

    async with FakeBackend(on_record=watch) as backend, client_of(backend) as client:
        slow = asyncio.ensure_future(client.post(body()))
        await watch.until(LineReceived)
        assert await client.post(event_line(2)) == taken(1, 0, 2)
        turn.set()
        assert await slow == taken(2, 1, 3)


async def test_runs_do_not_know_of_each_other(client: Client) -> None:
    """Each run has its own numbers."""
    assert await client.post(event_lines(1, 3), run="a") == taken(3, 0, 3)
    assert await client.post(event_line(1), run="b") == taken(1, 0, 1)
