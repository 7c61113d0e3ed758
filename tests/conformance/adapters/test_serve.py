"""The Python end: it answers what is asked, and survives what makes no sense."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import msgspec
import pytest

from conformance.adapters.messages import RemoteSettings
from conformance.adapters.serve import serve
from conformance.evidence.settings import Settings
from tests.conformance.mutants.plain_sender import PlainSender

SETTINGS = Settings(url="http://127.0.0.1:9/v1/runs/r/ingest", token="t", run_id="r", stop_timeout=0.05)
OPEN = {"type": "open", "sender": 1, "settings": msgspec.to_builtins(RemoteSettings.of(SETTINGS))}


def answers(*requests: dict[str, Any] | bytes, factory: Any = PlainSender) -> list[dict[str, Any]]:
    """What is answered to requests, which are numbered from 1."""
    lines = [
        request if isinstance(request, bytes) else json.dumps({"id": number, **request}).encode()
        for number, request in enumerate(requests, 1)
    ]
    written = io.BytesIO()
    asyncio.run(serve("m:f", factory, io.BytesIO(b"".join(line + b"\n" for line in lines)), written))
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_it_says_who_it_is() -> None:
    """With what the sender claims, and what Python can do."""
    [hello] = answers({"type": "hello", "protocol": 1})
    assert hello["language"].startswith("Python 3.")
    assert hello["name"] == "m:f"
    assert set(hello["capabilities"]) == {
        *("drain-report", "handoff"),
        *("big-integers", "lone-surrogates", "unserializable"),
    }


def test_a_sender_is_opened_used_and_stopped() -> None:
    """Each event has its outcome, and the report is given on."""
    opened, enqueued, odd, *rest = answers(
        OPEN,
        {"type": "enqueue", "sender": 1, "events": [{"n": 1}, {"text": "x" * 20_000}]},
        {"type": "enqueue-unserializable", "sender": 1},
        {"type": "stop", "sender": 1, "deadline_ms": 50, "complete": True},
    )
    assert opened == {"id": 1}
    assert enqueued == {"id": 2, "outcomes": ["accepted", "oversized"]}
    assert odd == {"id": 3, "outcomes": ["unserializable"]}
    assert rest == [], "its input ended while it stopped"


def test_nothing_is_read_after_exit() -> None:
    """It is answered, and that was all."""
    assert answers({"type": "exit"}, OPEN) == [{"id": 1}]


@pytest.mark.parametrize(
    ("request_", "number", "says"),
    [
        (b"not JSON", 0, "not a request: Expecting value"),
        (b'{"id": 7, "type": "open"}', 7, "not a request: Object missing required field `sender`"),
        (b'{"id": 8, "type": "dance"}', 8, "not a request: Invalid value 'dance'"),
        (b"[" * 100_000, 0, "not a request: "),
        ({"type": "enqueue", "sender": 5, "events": [{}]}, 1, "there is no sender 5"),
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error(
    request_: dict[str, Any] | bytes, number: int, says: str
) -> None:
    """And the next request is read."""
    wrong, right = answers(request_, {"type": "exit"})
    assert wrong["id"] == number
    assert says in wrong["error"]
    assert right == {"id": 2}


def test_what_the_sender_raises_is_answered_as_an_error() -> None:
    """Whoever judges it is told, and the adapter goes on."""

    class Raises(PlainSender):
        def enqueue(self, event: Any) -> str:
            raise OSError(event)

    _, wrong, _ = answers(OPEN, {"type": "enqueue", "sender": 1, "events": ["x"]}, {"type": "exit"}, factory=Raises)
    assert wrong == {"id": 2, "error": "enqueue raised OSError: x"}
