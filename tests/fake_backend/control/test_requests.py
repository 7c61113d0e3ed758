"""What is asked badly is answered clearly; and asking leaves no trace."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp.http_parser import HttpRequestParserPy

from fake_backend import FakeBackend, FaultRule, Status
from fake_backend.control import call
from tests.fake_backend.control.asking import Asker, asking
from tests.fake_backend.silent_transport import connect_silently
from tests.fake_backend.virtual_time import no_complaints
from tests.fake_backend.wire import connected, event_lines, request_head

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    """A backend with a control API, and one run that has two events."""
    with no_complaints():
        async with asking(FakeBackend(control=True)) as asker:
            await asker.post("run", event_lines(1, 2))
            yield asker


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/_fake/nothing", 404, "there is nothing at '/_fake/nothing'; /_fake/openapi.json says what there is"),
        ("GET", "/_fake", 404, "there is nothing at '/_fake'; /_fake/openapi.json says what there is"),
        ("GET", "/workspaces/x", 404, "there is nothing at '/workspaces/x'; /_fake/openapi.json says what there is"),
        ("PUT", "/_fake/runs/run", 405, "the method is PUT; it must be GET, PATCH"),
        ("POST", "/v1/runs/run/stream", 405, "the method is POST; it must be GET"),
        ("GET", "/_fake/runs/other", 404, "no request has reached a run 'other'"),
        ("GET", "/_fake/runs/other/events", 404, "no request has reached a run 'other'"),
        ("GET", "/_fake/runs/other/history", 404, "no request has reached a run 'other'"),
        ("GET", "/_fake/history?limt=1", 400, "unknown key 'limt'; there are: since, limit"),
        ("GET", "/_fake/health?a=1", 400, "unknown key 'a'; there are: none"),
        ("GET", "/_fake/history?limit=1001", 400, "limit is '1001'; expected `int` <= 1000"),
        ("GET", "/_fake/history?since=x", 400, "since is 'x'; expected `int`, got `str`"),
        ("GET", "/_fake/history?since=1&since=2", 400, "since is given more than once"),
        ("GET", "/_fake/runs/%ff", 400, "the path is '/_fake/runs/%FF'; the ids in it are UTF-8, percent-encoded"),
        ("DELETE", "/_fake/faults/0", 400, "id is '0'; expected `int` >= 1"),
        ("DELETE", "/_fake/faults/7", 404, "there is no fault 7; there are: none"),
    ],
)
async def test_what_cannot_be_answered_is_told(ask: Asker, method: str, path: str, status: int, error: str) -> None:
    """Each error names the value that is wrong, and what would be right."""
    assert await ask(method, path) == (status, {"error": error})


async def test_a_wrong_method_is_told_the_right_ones(ask: Asker) -> None:
    """As HTTP has it, in `Allow`."""
    async with ask.session.put(ask.backend.url + "/_fake/faults") as response:
        assert response.headers["Allow"] == "GET, POST, DELETE"


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"{", JSON, 400, "The body is not JSON: Input data was truncated"),
        (b"\xff", JSON, 400, "The body is not JSON: JSON is malformed: invalid character (byte 0)"),
        (b"[" * 10_000, JSON, 400, "The body is nested too deeply"),
        (b"[]", JSON, 400, "Expected `object`, got `array`"),
        (b'{"why": 1}', JSON, 400, "why is 1; expected `str`, got `int`"),
        (b'{"complete": "yes"}', JSON, 400, "complete is 'yes'; expected `bool`, got `str`"),
        (b'{"last_accepted_seq": -1}', JSON, 400, "last_accepted_seq is -1; expected `int` >= 0"),
        (b'{"seq": 1}', JSON, 400, "unknown key 'seq'; there are: last_accepted_seq, complete, why"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "Content-Type is text/plain; it must be application/json"),
        (b" " * 65_537, JSON, 413, "The body is larger than 65536 bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_body_that_cannot_be_used_is_told(
    ask: Asker, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    """Whatever is wrong with it, and no more of it is read than is needed to tell."""
    assert await ask("PATCH", "/_fake/runs/run", body=body, headers=headers) == (status, {"error": error})
    assert ask.backend.run("run").last_accepted_seq == 2


async def test_a_body_that_does_not_come_is_waited_for_in_bounds(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a head and no body is answered 408."""
    monkeypatch.setattr(call, "BODY_TIMEOUT", 0.01)
    async with connected(ask.backend) as (reader, writer):
        writer.write(_reset_head(ask, "Content-Length: 10"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"Connection: close" in head
        assert b"The body took longer than 0.01 s to arrive" in await reader.read(1_000)


async def test_a_body_whose_framing_is_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk without a length ends the request, with an answer, where aiohttp's parser tells of it."""
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", HttpRequestParserPy)
    async with asking(FakeBackend(control=True)) as ask, connected(ask.backend) as (reader, writer):
        writer.write(_reset_head(ask, "Transfer-Encoding: chunked"))
        await asyncio.sleep(0.01)
        writer.write(b"nonsense\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        assert b"The body broke off" in await reader.read(1_000)


async def test_a_client_that_leaves_in_the_midst_of_its_body_breaks_nothing(ask: Asker) -> None:
    """Its order isn't carried out, and the next one is answered."""
    async with connected(ask.backend) as (_, writer):
        writer.write(_reset_head(ask, "Content-Length: 10") + b"{")
        await asyncio.sleep(0.01)
    assert (await ask("GET", "/_fake/runs/run"))[1]["last_accepted_seq"] == 2


async def test_an_order_is_read_whole_though_its_client_has_left_meanwhile() -> None:
    """What was lost of `{"faults": false}` would make it another order."""
    body = b'{"faults": false}'
    async with asking(FakeBackend(control=True, faults=[FaultRule(fault=Status(status=503))])) as ask:
        backend = ask.backend
        connection = await connect_silently(backend)
        head = _reset_head(ask, f"Content-Length: {len(body)}", "Content-Type: application/json")
        connection.data_received(head)
        for _ in range(3):
            await asyncio.sleep(0)  # now it waits for the body
        connection.data_received(body)
        connection.connection_lost(None)
        await backend.drain(1.0)
        assert len(backend.faults) == 1


def _reset_head(ask: Asker, *headers: str) -> bytes:
    return request_head(ask.backend, *headers).replace(b"POST /v1/runs/run/ingest", b"POST /_fake/reset")


async def test_asking_leaves_no_trace() -> None:
    """No record, no count, and no fault: a request to the control API isn't one of a sender."""
    rule = FaultRule(fault=Status(status=503))
    async with asking(FakeBackend(control=True, faults=[rule])) as ask:
        for _ in range(3):
            status, health = await ask("GET", "/_fake/health")
            assert (status, health["requests"], health["runs"]) == (200, 0, 0)
        assert ask.backend.history == []
        assert [active.struck for active in ask.backend.faults] == [0]


async def test_without_control_nothing_is_served() -> None:
    """A backend of a test has the ingest routes alone."""
    async with asking(FakeBackend()) as ask:
        for path in ("/", "/_fake/health", "/v1/runs/run/stream", "/workspaces/default/activity"):
            assert await ask("GET", path) == (404, {"error": "Task run not found"})
