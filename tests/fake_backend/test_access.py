"""Who may send, and where to: tokens, runs, methods and paths."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fake_backend import FakeBackend
from fake_backend.protocol.access import decode_id
from fake_backend.records import RequestStarted
from tests.fake_backend.wire import Client, client_of, connected, event_line, request_bytes


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a backend that takes any token."""
    async with FakeBackend() as backend, client_of(backend) as opened:
        yield opened


def taken(accepted: int, duplicate: int, last: int) -> tuple[int, dict[str, Any]]:
    """Write the answer of a body that was taken."""
    return 200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last}


TOKENS = {"any-run": None, "one-run": "run"}
NO_TOKEN = (401, {"error": "Missing authorization bearer token"})
BAD_TOKEN = (401, {"error": "Invalid event ingest token", "code": "InvalidTokenError"})
NO_RUN = (404, {"error": "Task run not found"})


@pytest.mark.parametrize(
    ("authorization", "run", "expected"),
    [
        ("Bearer any-run", "run", taken(0, 0, 0)),
        ("Bearer any-run", "other", taken(0, 0, 0)),
        ("Bearer one-run", "run", taken(0, 0, 0)),
        ("Bearer one-run", "other", (403, {"error": "Token does not match run"})),
        ("Bearer one-run", "unknown", (403, {"error": "Token does not match run"})),
        ("Bearer any-run", "unknown", NO_RUN),
        ("Bearer wrong", "run", BAD_TOKEN),
        ("Bearer wrong", "unknown", BAD_TOKEN),
        ("Bearer ", "run", NO_TOKEN),
        ("Basic any-run", "run", NO_TOKEN),
        ("any-run", "run", NO_TOKEN),
    ],
)
async def test_a_token_opens_its_runs_and_no_other(
    authorization: str, run: str, expected: tuple[int, dict[str, Any]]
) -> None:
    """No token, a bad one, one of another run and a run that doesn't exist each have their answer."""
    async with (
        FakeBackend(tokens=TOKENS, known_runs=["run", "other"]) as backend,
        client_of(backend, Authorization=authorization) as client,
    ):
        assert await client.post(run=run) == expected


async def test_without_tokens_given_any_token_will_do_but_one_must_be_there(client: Client) -> None:
    """The default takes every token, and still asks for one."""
    assert await client.post(headers={"Authorization": "Bearer whatever"}) == taken(0, 0, 0)
    assert await client.post(headers={"Authorization": ""}) == NO_TOKEN


async def test_a_head_is_refused_before_any_of_the_body_arrives() -> None:
    """A bad token is answered on the strength of the head; the body isn't waited for."""
    async with FakeBackend(tokens={}) as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b"", "Expect: 100-continue").replace(b": 0", b": 999"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_a_method(client: Client, method: str) -> None:
    """Another method is a 405 that names the right one."""
    async with client.session.request(method, client.backend.ingest_url("run")) as response:
        assert (response.status, await response.json()) == (405, {"error": "Method not allowed"})
        assert response.headers["Allow"] == "POST"


async def test_an_answer_to_head_has_no_body(client: Client) -> None:
    """HEAD is refused as other methods are, without the body that HTTP forbids."""
    async with client.session.head(client.backend.ingest_url("run")) as response:
        assert (response.status, await response.read()) == (405, b"")


@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("/v1/runs/r1/ingest", "r1"),
        ("/api/projects/p/tasks/t/runs/r2/event_stream", "r2"),
        ("/api/projects/p/tasks/t/runs/r3/event_stream/", "r3"),
        ("/v1/runs/a%2Fb%20c/ingest?x=1", "a/b c"),
        ("/api/projects/p%2F/tasks/t/runs/%C3%BC/event_stream", "ü"),
    ],
)
async def test_both_routes_name_a_run(client: Client, path: str, run: str) -> None:
    """Both forms of the URL mean the same; ids are decoded, and a slash within one divides nothing."""
    raw = request_bytes(client.backend, event_line(1)).replace(b"/v1/runs/run/ingest", path.encode())
    async with connected(client.backend) as (reader, writer):
        writer.write(raw)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    assert client.backend.run(run).last_accepted_seq == 1


@pytest.mark.parametrize("run", ["a/b", "a b?c#d%", "ü", "."])
async def test_the_url_of_a_run_leads_to_it(client: Client, run: str) -> None:
    """Whatever the id, `ingest_url` encodes it so that it arrives."""
    async with connected(client.backend) as (reader, writer):
        writer.write(request_bytes(client.backend, event_line(1), run=run))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    assert client.backend.run(run).last_accepted_seq == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/runs/%ff/ingest",
        "/v1/runs/%ED%A0%80/ingest",
        "/api/projects/%fc/tasks/t/runs/r/event_stream/",
        "/api/projects/p/tasks/t/runs/%fc/event_stream",
    ],
)
async def test_an_id_that_is_no_utf8_names_no_run(client: Client, path: str) -> None:
    """Decoded all the same, different ids would become one run."""
    async with connected(client.backend) as (reader, writer):
        writer.write(request_bytes(client.backend, event_line(1)).replace(b"/v1/runs/run/ingest", path.encode()))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
    started = client.backend.history[0]
    assert isinstance(started, RequestStarted)
    assert started.run_id is None


def test_an_id_without_percent_is_utf8_too() -> None:
    """Aiohttp's parser in Python lets such a path through, with surrogates for what is no UTF-8."""
    assert decode_id("ü") == "ü"
    with pytest.raises(UnicodeDecodeError):
        decode_id("\udcff")


@pytest.mark.parametrize("path", ["/", "/v1/runs/run", "/v1/runs//ingest", "/v1/runs/a/b/ingest", "/v2/runs/a/ingest"])
async def test_a_path_that_names_no_run_is_a_404(client: Client, path: str) -> None:
    """There is no run where the path isn't one of the two."""
    async with client.session.post(client.backend.url + path) as response:
        assert (response.status, await response.json()) == NO_RUN
    started = client.backend.history[0]
    assert isinstance(started, RequestStarted)
    assert started.run_id is None
