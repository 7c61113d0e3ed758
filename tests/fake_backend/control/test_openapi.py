"""The OpenAPI document tells what is served, and nothing that is asked by it breaks the backend (show 5 of issue 5)."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from fake_backend import FakeBackend
from fake_backend.control.codec import encode
from fake_backend.control.openapi import document
from fake_backend.control.routes import EVENT_STREAM, ROUTES
from tests.fake_backend.control.asking import asking

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

DOCUMENT: dict[str, Any] = json.loads(encode(document(ROUTES, version="test")))

# A stream has no end, and its frames no schema: tests of their own read them.
ASKED = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex="/stream$")

# To JSON Schema 2.0 is an integer, and to us it isn't; and a rule may be well-formed and make no sense.
_REFUSED_WITH_REASON = {"PATCH /_fake/runs/{run_id}", "POST /_fake/faults"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A backend on a loop of its own, in a thread: schemathesis asks as ordinary programs do, and blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    backend = FakeBackend(control=True, keep_last=100, tokens={"token": None})
    try:
        asyncio.run_coroutine_threadsafe(backend.__aenter__(), loop).result()
        yield backend.url
        asyncio.run_coroutine_threadsafe(backend.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@ASKED.parametrize()
@settings(
    max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)
def test_whatever_is_asked_is_answered_as_described(case: schemathesis.Case[Any], url: str) -> None:
    """No 5xx; each status, type and body is one that the document names; what doesn't fit it is refused."""
    case.call_and_validate(
        base_url=url,
        headers={"Authorization": "Bearer token"},
        excluded_checks=[positive_data_acceptance] if case.operation.label in _REFUSED_WITH_REASON else [],
        timeout=10.0,
    )


def test_every_route_is_described() -> None:
    """By its method, with what its path names, and with a sentence."""
    described = {
        (method.upper(), path): operation
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == {(route.method, route.path) for route in ROUTES}
    for (_, path), operation in described.items():
        assert operation["summary"]
        in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_what_needs_a_token_says_so() -> None:
    """Reading back does, and the control API doesn't."""
    secured = {
        path
        for path, operations in DOCUMENT["paths"].items()
        for operation in operations.values()
        if "security" in operation
    }
    assert secured == {"/v1/runs/{run_id}/stream", "/workspaces/{workspace_id}/activity"}


def test_streams_are_streams() -> None:
    """They are described by their type."""
    streams = {path for path in DOCUMENT["paths"] if path.endswith("/stream")}
    assert streams == {route.path for route in ROUTES if route.content_type == EVENT_STREAM}


async def test_the_document_is_served() -> None:
    """As it is, with the version of what serves it."""
    async with asking(FakeBackend(control=True)) as ask:
        status, said = await ask("GET", "/_fake/openapi.json")
    assert status == 200
    assert said == {**DOCUMENT, "info": {**DOCUMENT["info"], "version": said["info"]["version"]}}
