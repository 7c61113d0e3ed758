"""What was accepted is read back: a run as a stream, a workspace by cursor (docs/protocol.md, "Reading back")."""

import asyncio
import gc
import time
import tracemalloc

import pytest

from fake_backend import FakeBackend
from fake_backend.control import event_logs
from fake_backend.control.event_logs import Accepted, EventLogs
from fake_backend.control.readback import KEEPALIVE_SECONDS
from fake_backend.records import LineReceived, encode_record
from tests.fake_backend.control.asking import TOKEN, Frame, asking, reading
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import completion_line, event_line, event_lines

STREAM = "/v1/runs/run/stream"
LONG = "/api/projects/{}/tasks/t/runs/{}/event_stream/"


def _told(frames: list[Frame]) -> list[tuple[str, str | None, object]]:
    return [(frame.event, frame.id, frame.data) for frame in frames]


@in_virtual_time
async def test_a_run_is_streamed_until_it_is_complete() -> None:
    """History, `caught-up`, what follows as it comes, and `stream-end`, after which the stream ends."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, 2))
        async with reading(ask, STREAM) as stream:
            assert _told([await stream.next() for _ in range(3)]) == [
                ("message", "1", {"n": 1}),
                ("message", "2", {"n": 2}),
                ("caught-up", None, {"last_id": 2}),
            ]
            await ask.post("other", event_line(1))
            await ask.post("run", event_line(3) + completion_line(3))
            assert _told(await stream.to_the_end()) == [
                ("message", "3", {"n": 3}),
                ("stream-end", "3", {"status": "complete"}),
            ]
        async with reading(ask, STREAM) as stream:
            assert [frame.event for frame in await stream.to_the_end()][-2:] == ["caught-up", "stream-end"]


@pytest.mark.parametrize("events", [0, 3])
@pytest.mark.parametrize("query", ["", "?start=latest"])
@in_virtual_time
async def test_who_comes_again_after_the_end_is_told_to_stay_away(events: int, query: str) -> None:
    """An `EventSource` comes again when a stream ends, with the last id, until it is answered 204."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, events) + completion_line(events))
        async with reading(ask, STREAM + query) as stream:
            last = (await stream.to_the_end())[-1]
        assert (last.event, last.id) == ("stream-end", str(events))
        again = TOKEN | {"Last-Event-ID": str(events)}
        assert await ask("GET", STREAM + query, headers=again) == (204, None)
        await ask("PATCH", "/_fake/runs/run", {"complete": False})
        async with reading(ask, STREAM + query, **again) as stream:
            assert (await stream.next()).event == "caught-up", "a run that is open again has more to tell"


@in_virtual_time
async def test_who_has_not_read_all_of_a_complete_run_reads_the_rest() -> None:
    """What is missing of it, and what was evicted, is told as ever."""
    async with asking(FakeBackend(control=True, keep_last=2)) as ask:
        await ask.post("run", event_lines(1, 4) + completion_line(4))
        for since, told in (("3", ["message", "caught-up", "stream-end"]), ("1", ["gap", "message", "message"])):
            async with reading(ask, STREAM, **{"Last-Event-ID": since}) as stream:
                assert [frame.event for frame in await stream.to_the_end()][:3] == told


@in_virtual_time
async def test_a_reader_may_be_there_before_the_run() -> None:
    """It is caught up with nothing, and hears of the first event."""
    async with asking(FakeBackend(control=True)) as ask, reading(ask, STREAM) as stream:
        assert _told([await stream.next()]) == [("caught-up", None, {"last_id": 0})]
        await ask.post("run", event_line(1, text="\ud800\n"))
        assert _told([await stream.next()]) == [("message", "1", {"text": "\ud800\n"})]


@in_virtual_time
async def test_where_a_reader_begins() -> None:
    """After Last-Event-ID, or with `start=latest` after what is there; the header counts more."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, 4))
        for query, headers, ids in (
            ("", {}, ["1", "2", "3", "4"]),
            ("", {"Last-Event-ID": "2"}, ["3", "4"]),
            ("", {"Last-Event-ID": "4"}, []),
            ("?start=latest", {}, []),
            ("?start=latest", {"Last-Event-ID": "3"}, ["4"]),
            ("", {"Last-Event-ID": "99"}, ["1", "2", "3", "4"]),
        ):
            async with reading(ask, STREAM + query, **headers) as stream:
                frames = await stream.until("caught-up")
                assert [frame.id for frame in frames[:-1]] == ids, (query, headers)


@in_virtual_time
async def test_silence_is_kept_alive() -> None:
    """Every 20 s without an event, and nothing else is sent meanwhile."""
    async with asking(FakeBackend(control=True)) as ask, reading(ask, STREAM) as stream:
        began = (await stream.next()).time
        kept = [await stream.next() for _ in range(3)]
        assert [(frame.event, frame.data) for frame in kept] == [("keepalive", {})] * 3
        assert [round(frame.time - began, 1) for frame in kept] == [20.0, 40.0, 60.0]
        await asyncio.sleep(15)
        await ask.post("run", event_line(1))
        event = await stream.next()
        assert (await stream.next()).time == pytest.approx(event.time + KEEPALIVE_SECONDS, abs=0.1)


@in_virtual_time
async def test_a_reader_that_was_away_for_too_long_is_told_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of events as by their age; theirs goes on in silence."""
    monkeypatch.setattr(event_logs, "LOG_ENTRIES", 3)
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, 5))
        async with reading(ask, STREAM, **{"Last-Event-ID": "1"}) as stream:
            assert _told([await stream.next() for _ in range(2)]) == [
                ("gap", None, {"missed_from": 2, "missed_to": 2}),
                ("message", "3", {"n": 3}),
            ]
        async with reading(ask, STREAM) as stream:
            assert (await stream.next()).id == "3", "who claims nothing has missed nothing"
        await asyncio.sleep(event_logs.LOG_SECONDS + 1)
        async with reading(ask, STREAM, **{"Last-Event-ID": "3"}) as stream:
            assert _told([await stream.next() for _ in range(2)]) == [
                ("gap", None, {"missed_from": 4, "missed_to": 5}),
                ("caught-up", None, {"last_id": 5}),
            ]


@in_virtual_time
async def test_a_backend_that_drains_says_so() -> None:
    """`error` is the last that its readers hear."""
    async with asking(FakeBackend(control=True)) as ask, reading(ask, STREAM) as stream:
        await stream.until("caught-up")
        began = now()
        await ask.backend.drain(100.0)
        assert now() - began < 1
        assert _told(await stream.to_the_end()) == [("error", None, {"error": "The backend is shutting down"})]


@pytest.mark.parametrize(
    ("authorization", "run", "stream", "activity"),
    [
        (None, "run", 401, 401),
        ("Basic x", "run", 401, 401),
        ("Bearer bad", "run", 401, 401),
        ("Bearer all", "run", 200, 200),
        ("Bearer one", "run", 200, 403),
        ("Bearer one", "other", 403, 403),
        ("Bearer all", "unknown", 404, 200),
    ],
)
async def test_reading_needs_the_token_of_the_writer(
    authorization: str | None, run: str, stream: int, activity: int
) -> None:
    """With the answers that a writer gets; a workspace needs a token for all runs."""
    backend = FakeBackend(control=True, tokens={"all": None, "one": "run"}, known_runs=["run", "other"])
    async with asking(backend) as ask:
        backend.set_run("run", complete=True, why="so that the stream ends")
        headers = {} if authorization is None else {"Authorization": authorization}
        async with ask.session.get(f"{backend.url}/v1/runs/{run}/stream", headers=headers) as response:
            assert response.status == stream
        status, said = await ask("GET", "/workspaces/default/activity", headers=headers)
        assert status == activity
        if status == 401 and authorization == "Bearer bad":
            assert said == {"error": "Invalid event ingest token", "code": "InvalidTokenError"}


@in_virtual_time
async def test_a_workspace_tells_what_was_accepted_in_all_its_runs() -> None:
    """In the order of acceptance; duplicates, gaps and other workspaces are left out."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("short", event_lines(1, 2))
        await ask.post("short", event_lines(2, 2) + event_line(9))
        for project, run_id in (("p", "a"), ("p%2Fq", "b"), ("p", "c")):
            await ask("POST", LONG.format(project, run_id), body=event_line(1, kind="turn.started"), headers=TOKEN)
        _, said = await ask("GET", "/workspaces/default/activity", headers=TOKEN)
        assert [(event["payload"]["run_id"], event["payload"]["seq"]) for event in said["events"]] == [
            ("short", 1),
            ("short", 2),
        ]
        _, said = await ask("GET", "/workspaces/p/activity?since=1", headers=TOKEN)
        assert said["events"] == [
            {
                "id": 2,
                "timestamp": pytest.approx(time.time(), abs=1),
                "kind": "turn.started",
                "payload": {"run_id": "c", "seq": 1, "event": {"kind": "turn.started"}},
            }
        ]
        assert (said["missed"], said["cursor"]) == (0, 2)
        _, said = await ask("GET", "/workspaces/p%2Fq/activity?limit=0", headers=TOKEN)
        assert (said["events"], said["cursor"]) == ([], 0)
        _, said = await ask("GET", "/workspaces/none/activity?since=7", headers=TOKEN)
        assert (said["events"], said["missed"], said["cursor"]) == ([], 0, 0)


async def test_all_logs_together_are_bounded() -> None:
    """The log that was appended to the longest ago is cleared first; its readers learn what they missed."""
    logs = EventLogs(most=5)
    for name in ("a", "a", "b", "c", "b", "a"):
        logs.append(name, accepted())
    assert [len(logs.read(name).events) for name in "abc"] == [3, 2, 0]
    assert logs.read("c", 0).missed == 1
    for _ in range(7):
        logs.append("c", accepted())
    assert [len(logs.read(name).events) for name in "abc"] == [0, 0, 5]
    assert [event.id for event in logs.read("c").events] == [4, 5, 6, 7, 8]
    logs.clear()
    assert [logs.read(name, 0).missed for name in "abcd"] == [3, 2, 8, 0]
    logs.append("a", accepted())
    assert [event.id for event in logs.read("a").events] == [4]


async def test_large_events_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all logs hold is bounded by bytes, too; the newest event is always there."""
    monkeypatch.setattr(event_logs, "MOST_BYTES", 1_000)
    logs = EventLogs(most=1_000)
    for name, size in (("a", 500), ("b", 400), ("b", 200), ("b", 300), ("b", 900), ("b", 10_000)):
        logs.append(name, accepted(size))
    assert [event.id for event in logs.read("a").events] == []
    assert [event.id for event in logs.read("b").events] == [5]


@in_virtual_time
async def test_what_is_too_old_leaves_room() -> None:
    """An event that its log has forgotten for its age makes no other log forget."""
    logs = EventLogs(most=3)
    logs.append("old", accepted())
    logs.append("young", accepted())
    await asyncio.sleep(event_logs.LOG_SECONDS / 2)
    logs.append("young", accepted())
    await asyncio.sleep(event_logs.LOG_SECONDS / 2 + 1)
    assert [len(logs.read(name).events) for name in ("old", "young")] == [0, 1]
    for _ in range(2):
        logs.append("old", accepted())
    assert [len(logs.read(name).events) for name in ("old", "young")] == [2, 1]


@in_virtual_time
async def test_events_are_kept_once() -> None:
    """By the history and all logs together: what is kept of large events weighs about what they do."""
    text = "x" * 500_000
    async with asking(FakeBackend(control=True, keep_last=1_000)) as ask:
        await ask.post("run", event_lines(1, 1))
        tracemalloc.start()
        try:
            for seq in range(2, 12):
                await ask.post("run", b'{"seq": %d, "event": {"text": "%b"}}\n' % (seq, text.encode()))
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        _, said = await ask("GET", "/_fake/events?since=10", headers=TOKEN)
        assert [each["payload"]["event"] for each in said["events"]] == [{"text": text}]
    assert kept < 1.5 * 10 * len(text)


def accepted(size: int = 200) -> Accepted:
    """Make an event that was accepted just now, with a record of that many bytes."""
    line = LineReceived(time=0.0, request=1, run_id="run", size=1, decision="accepted", seq=1, event={})
    return Accepted(written=encode_record(line).ljust(size), time=asyncio.get_running_loop().time(), timestamp=0.0)
