"""Plugging in a sender: whatever differs from the contract is said, with what came and what was expected."""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.errors import AdapterError
from conformance.evidence.history import Report
from conformance.evidence.settings import Settings
from conformance.harness.in_process import InProcessSender, make_sender

SETTINGS = Settings(url="http://127.0.0.1:1/v1/runs/run-1/ingest", token="token", run_id="run-1")
GOOD_REPORT = {"delivered": 2, "undelivered": 1, "completed": True}


class Word(str, Enum):  # noqa: UP042 - the older form of such an enum, whose str() is another word
    """The outcomes, as an enum of strings."""

    ACCEPTED = "accepted"


class Sender:
    """A sender that answers as it is told."""

    def __init__(self, *, outcome: Any = "accepted", report: Any = None, capabilities: Any = frozenset()) -> None:
        self.outcome = outcome
        self.report = report
        self.capabilities = capabilities

    def enqueue(self, _event: Any) -> Any:
        """Give the outcome, or raise it."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def stop(self, *, complete: bool = True) -> Any:
        """Give the report, or raise it."""
        assert complete
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


async def plugged(factory: Any) -> InProcessSender:
    """What comes of a factory."""
    return await make_sender(factory, SETTINGS)


HOSTILE = OSError("\x1b[2J")


def _raises_it(_settings: Any) -> Any:
    raise HOSTILE


async def test_what_a_sender_raises_drives_no_terminal() -> None:
    """Control characters in its message are escaped, wherever it is raised."""
    escaped = r"OSError: \\u001b\[2J"
    with pytest.raises(AdapterError, match=escaped):
        await plugged(_raises_it)
    sender = await plugged(lambda _: Sender(outcome=HOSTILE, report=HOSTILE))
    assert re.search(escaped, sender.call_enqueue({})[0])
    with pytest.raises(AdapterError, match=escaped):
        await sender.stop(complete=True)


def stopped(report: Any) -> Report | None:
    """What comes of the report of a sender's stop."""
    return asyncio.run(InProcessSender(Sender(report=report)).stop(complete=True))


async def test_a_factory_may_be_a_coroutine_function() -> None:
    """What it gives is awaited."""

    async def make(_settings: Settings) -> Sender:
        await asyncio.sleep(0)
        return Sender(capabilities={"handoff"})

    assert (await plugged(make)).capabilities == {"handoff"}


def _raise(_settings: Settings) -> Sender:
    raise KeyError("token")


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        (_raise, "the factory raised KeyError: 'token'"),
        (lambda: None, "the factory raised TypeError"),
        (lambda _: None, "capabilities are None; expected a frozenset of strings"),
        (lambda _: Sender(capabilities="handoff"), "capabilities are 'handoff'; expected a frozenset of strings"),
        (lambda _: Sender(capabilities={"magic", "handoff"}), "claims magic; known capabilities are drain-report, han"),
        (lambda _: SimpleNamespace(capabilities=()), "gave a SimpleNamespace, which has no method 'enqueue'"),
        (lambda _: SimpleNamespace(capabilities=(), enqueue=print), "which has no method 'stop'"),
    ],
)
async def test_a_factory_that_gives_no_sender_is_refused(factory: Any, says: str) -> None:
    """The message says what the factory gave, and what a sender is."""
    with pytest.raises(AdapterError) as raised:
        await plugged(factory)
    assert says in str(raised.value)


async def _accepted() -> str:
    return "accepted"


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (
            None,
            "expected one of accepted, closed, full, oversized, unserializable; where the sender's own returns nothing",
        ),
        ("ok", "enqueue returned 'ok'; expected one of"),
        (True, "enqueue returned True; expected one of"),
        (["accepted"], "enqueue returned ['accepted']; expected one of"),
    ],
)
def test_an_outcome_is_one_of_five_words(outcome: Any, says: str) -> None:
    """Whatever else `enqueue` returns is refused."""
    with pytest.raises(AdapterError) as raised:
        InProcessSender(Sender(outcome=outcome)).call_enqueue({})
    assert says in str(raised.value)


async def test_an_outcome_comes_at_once() -> None:
    """An `enqueue` that is a coroutine function, or gives a future, is refused."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for awaitable in (_accepted(), future):
        with pytest.raises(AdapterError, match="must return its outcome at once, and it returned an awaitable"):
            InProcessSender(Sender(outcome=awaitable)).call_enqueue({})


def test_an_outcome_may_be_a_member_of_an_enum_of_strings() -> None:
    """It is taken for its word, whatever its str() is."""
    outcome, _ = InProcessSender(Sender(outcome=Word.ACCEPTED)).call_enqueue({})
    assert (outcome, type(outcome)) == ("accepted", str)


def test_what_enqueue_raises_is_an_outcome() -> None:
    """For an event that JSON can't carry, raising is judged; it doesn't end the scenario."""
    sender = InProcessSender(Sender(outcome=TypeError("no JSON")))
    assert sender.call_enqueue({}) == ("raised TypeError: no JSON", 0.0)


def test_stop_that_raises_is_refused() -> None:
    """The message says what it raised."""
    with pytest.raises(AdapterError, match="stop raised ValueError: no"):
        stopped(ValueError("no"))


def test_stop_is_async() -> None:
    """A `stop` that returns at once can't have drained."""
    sender = SimpleNamespace(capabilities=(), enqueue=print, stop=lambda complete: complete)
    with pytest.raises(AdapterError, match="stop must be async, and it returned True"):
        asyncio.run(InProcessSender(sender).stop(complete=True))


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (None, None),
        (GOOD_REPORT, Report(delivered=2, undelivered=1, completed=True)),
        (SimpleNamespace(**GOOD_REPORT), Report(delivered=2, undelivered=1, completed=True)),
        (
            {**GOOD_REPORT, "dropped": {"poison": 3}, "unconfirmed": 4, "took": 1.5},
            Report(delivered=2, undelivered=1, completed=True, dropped={"poison": 3}, unconfirmed=4),
        ),
    ],
)
def test_a_report_is_a_mapping_or_an_object_or_none(report: Any, expected: Report | None) -> None:
    """Both forms are read alike, and what the suite doesn't know in them is ignored."""
    assert stopped(report) == expected


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"delivered": None}, "which lacks 'delivered'"),
        ({"completed": None}, "which lacks 'completed'"),
        ({"undelivered": -1}, "the report's undelivered is -1; expected a count"),
        ({"delivered": True}, "the report's delivered is True; expected a count"),
        ({"delivered": 2.0}, "the report's delivered is 2.0; expected a count"),
        ({"unconfirmed": "1"}, "the report's unconfirmed is '1'; expected a count"),
        ({"completed": 1}, "the report's completed is 1; expected True or False"),
        ({"dropped": 3}, "the report's dropped is 3; expected counts by reason"),
        ({"dropped": {"full": "many"}}, "the report's dropped as full is 'many'; expected a count"),
    ],
)
def test_a_report_that_is_none_is_refused(changed: dict[str, Any], says: str) -> None:
    """The message says which part is wrong, and what it is expected to be."""
    with pytest.raises(AdapterError) as raised:
        stopped({**GOOD_REPORT, **changed})
    assert says in str(raised.value)
