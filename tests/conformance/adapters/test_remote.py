"""What is asked of an adapter, what is made of its answers, and how each way to get it wrong is told."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapters import Adapter, RemoteSender
from conformance.errors import AdapterError
from conformance.evidence.history import Report
from conformance.evidence.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = Settings(url="http://127.0.0.1:1/v1/runs/r/ingest", token="t", run_id="r", retry_delay=0.0125)
HELLO = {"id": 1, "protocol": 1, "name": "mine", "version": "2", "language": "Go", "capabilities": ["handoff"]}
REPORT = {"delivered": 1, "undelivered": 0, "completed": True}


class Scripted:
    """A line to an adapter that answers each request at once, by a function of it."""

    def __init__(self, answer: Callable[[dict[str, Any]], list[Any]]) -> None:
        self.answer = answer
        self.sent: list[dict[str, Any]] = []
        self.is_ended = False

    def listen(self, on_line: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        """Remember who is to be told."""
        self.on_line, self.on_end = on_line, on_end

    def send(self, line: bytes) -> None:
        """Answer a request: with lines, objects, or the end."""
        request = json.loads(line)
        self.sent.append(request)
        for answer in self.answer(request):
            if answer is None:
                self.on_end()
            else:
                self.on_line(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def end(self) -> None:
        """Note it."""
        self.is_ended = True

    def complaints(self) -> list[str]:
        """What the adapter complains of."""
        return []

    def last_words(self) -> str:
        """What the adapter left behind."""
        return "the adapter ended with exit status 3\nits standard error:\n  oh dear"


def faithful(request: dict[str, Any]) -> list[Any]:
    """Answer as was agreed."""
    number = request["id"]
    match request["type"]:
        case "hello":
            return [HELLO | {"id": number}]
        case "enqueue":
            return [{"id": number, "outcomes": ["accepted"] * len(request["events"])}]
        case "enqueue-unserializable":
            return [{"id": number, "outcomes": ["unserializable"]}]
        case "stop":
            return [{"id": number, "report": REPORT}]
        case _:
            return [{"id": number}]


def but(kind: str, *answers: Any) -> Callable[[dict[str, Any]], list[Any]]:
    """Answer as was agreed, but for one kind of requests; an answer's id is that of the request, unless it has one."""

    def answer(request: dict[str, Any]) -> list[Any]:
        if request["type"] != kind:
            return faithful(request)
        return [{"id": request["id"], **each} if isinstance(each, dict) else each for each in answers]

    return answer


class NoCalls:
    """Writes no calls down."""

    def called(self, _event: Any, _unserializable: str | None = None) -> int:
        """Give a place, which there is not."""
        return 0

    def returned(self, _place: int, outcome: str, _blocked_for: float = 0.0) -> str:
        """Give the outcome."""
        return outcome


async def used(channel: Scripted) -> RemoteSender:
    """What an adapter goes through in the simplest scenario."""
    adapter = Adapter(channel, time_to_start=0.05, time_to_answer=0.05)
    await adapter.introduce()
    sender = await adapter.open(SETTINGS)
    await sender.enqueue([{"n": 1}], NoCalls())
    await sender.enqueue_unserializable(object(), "", NoCalls())
    await sender.stop(complete=True)
    return sender


def failure(answer: Callable[[dict[str, Any]], list[Any]]) -> str:
    """How it is told that an adapter got it wrong."""
    with pytest.raises(AdapterError) as raised:
        asyncio.run(used(Scripted(answer)))
    return str(raised.value)


def test_requests_are_as_documented() -> None:
    """In order, each with an id, with times in milliseconds, and with events as they are."""
    channel = Scripted(faithful)
    asyncio.run(used(channel))
    hello, opened, enqueued, unserializable, stopped = channel.sent
    assert hello == {"type": "hello", "id": 1, "protocol": 1}
    assert (opened["type"], opened["id"], opened["sender"]) == ("open", 2, 1)
    assert opened["settings"]["url"] == SETTINGS.url
    assert opened["settings"]["retry_delay_ms"] == 12.5
    assert opened["settings"]["stop_timeout_ms"] == 30_000.0
    assert enqueued == {"type": "enqueue", "id": 3, "sender": 1, "events": [{"n": 1}]}
    assert unserializable == {"type": "enqueue-unserializable", "id": 4, "sender": 1}
    assert stopped == {"type": "stop", "id": 5, "sender": 1, "deadline_ms": 30_000.0, "complete": True}


async def test_answers_are_given_as_they_came() -> None:
    """Who it is, the outcomes, and the report; without one there is None."""
    adapter = Adapter(Scripted(faithful))
    await adapter.introduce()
    assert (adapter.title, set(adapter.capabilities), set(adapter.abilities)) == ("mine 2 (Go)", {"handoff"}, set())
    sender = await adapter.open(SETTINGS)
    assert await sender.enqueue([{}, {}], NoCalls()) == ["accepted", "accepted"]
    assert await sender.stop(complete=True) == Report(delivered=1, undelivered=0, completed=True)
    silent = Adapter(Scripted(but("stop", {})))
    await silent.introduce()
    assert await (await silent.open(SETTINGS)).stop(complete=False) is None


async def test_an_adapter_is_fresh_until_a_sender_is_left_open() -> None:
    """And again when it was stopped, but never after something went wrong."""
    channel = Scripted(faithful)
    adapter = Adapter(channel)
    await adapter.introduce()
    fresh = [adapter.is_fresh]
    sender = await adapter.open(SETTINGS)
    fresh.append(adapter.is_fresh)
    await sender.stop(complete=True)
    fresh.append(adapter.is_fresh)
    channel.on_line(b"a word")
    fresh.append(adapter.is_fresh)
    assert fresh == [True, False, True, False]
    with pytest.raises(AdapterError, match="a line that is not JSON"):
        await adapter.open(SETTINGS)


async def test_answers_may_come_in_any_order_and_too_late() -> None:
    """A stop that nobody waits for any more may be answered, or not; others go on meanwhile."""
    late: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> list[Any]:
        if request["type"] == "stop" and not late:
            late.append(request)
            return []
        return faithful(request)

    channel = Scripted(answer)
    adapter = Adapter(channel)
    await adapter.introduce()
    sender = await adapter.open(SETTINGS)
    leaving = asyncio.ensure_future(sender.stop(complete=True))
    await asyncio.sleep(0)
    assert await sender.enqueue([{}], NoCalls()) == ["accepted"]
    leaving.cancel()
    await asyncio.wait({leaving})
    channel.on_line(json.dumps({"id": late[0]["id"], "report": REPORT}).encode())
    assert await sender.stop(complete=True) == Report(delivered=1, undelivered=0, completed=True)
    assert adapter.is_fresh


async def test_it_is_asked_to_exit_and_then_ended() -> None:
    """Its end is no failure then, whether it answers or not."""
    for answer in (faithful, but("exit", None)):
        channel = Scripted(answer)
        adapter = Adapter(channel)
        await adapter.introduce()
        await adapter.exit()
        assert channel.sent[-1]["type"] == "exit"
        assert channel.is_ended


@pytest.mark.parametrize(
    ("kind", "answers", "says"),
    [
        ("hello", [], "hello was not answered within 0.05 s; does the adapter flush after each answer?"),
        ("hello", [b"Hello!"], "the adapter wrote a line that is not JSON; its standard output is for answers alone"),
        ("hello", [{"protocol": 2}], "Object missing required field `name`"),
        ("hello", [HELLO | {"protocol": 2}], "the adapter speaks version 2 of the protocol; this is version 1"),
        (
            "hello",
            [HELLO | {"capabilities": ["drain"]}],
            "the adapter claims drain; known capabilities are big",
        ),
        ("open", [{"error": "no such host"}], "open was answered with an error: no such host"),
        ("open", [{"error": "\x1b[2J"}], "open was answered with an error: \\u001b[2J"),
        ("open", [b"\x1b[2J"], "got       \\u001b[2J"),
        ("open", [{"sender": 1}], "the answer to open is wrong: Object contains unknown field `sender`"),
        ("open", [b"[1]"], "a line that answers nothing: an answer is an object with the id of its request"),
        ("open", [b'{"ok": true}'], "a line that answers nothing: an answer is an object with the id of its request"),
        ("open", [{"id": 77}], "the adapter answered request 77, which was not asked, or answered before"),
        ("open", [None], "the adapter went away, while open waited for its answer"),
        ("open", [b"[" * 100_000], "the adapter wrote a line that is not JSON"),
        ("enqueue", [{}], "the answer to enqueue is wrong: Object missing required field `outcomes`"),
        ("enqueue", [{"outcomes": ["taken"]}], "Invalid enum value 'taken' - at `$.outcomes[0]`"),
        ("enqueue", [{"outcomes": []}], "enqueue was given 1 events and answered 0 outcomes"),
        ("stop", [{"report": REPORT | {"delivered": -1}}], "Expected `int` >= 0 - at `$.report.delivered`"),
        ("stop", [{"report": {}}], "Object missing required field `delivered` - at `$.report`"),
    ],
)
def test_each_way_to_get_it_wrong_is_told(kind: str, answers: list[Any], says: str) -> None:
    """With a sentence that says what was wrong."""
    assert says in failure(but(kind, *answers))


def test_a_wrong_answer_is_shown_beside_what_was_expected() -> None:
    """What was sent, expected and got, and what the adapter left behind: enough to fix it."""
    assert failure(but("enqueue", {"outcome": "accepted"})).splitlines() == [
        "the answer to enqueue is wrong: Object contains unknown field `outcome`",
        '  sent      {"type":"enqueue","id":3,"sender":1,"events":[{"n":1}]}',
        '  expected  {"id": …, "outcomes": ["accepted" | "full" | "oversized" | "unserializable" | "closed", …]}',
        '  got       {"id": 3, "outcome": "accepted"}',
        "  the adapter ended with exit status 3",
        "  its standard error:",
        "    oh dear",
    ]


def test_what_is_long_is_shown_from_its_beginning() -> None:
    """A line of a million characters doesn't bury the message."""
    message = failure(but("enqueue", {"outcomes": ["x" * 1_000_000]}))
    assert len(message) < 2_000
    assert "(1,000,02" in message
