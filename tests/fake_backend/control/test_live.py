"""What happens is told as it happens; who is slow, or was away, learns what it missed, and holds nothing up."""

import asyncio
import itertools

import aiohttp
import pytest

from fake_backend import FakeBackend, FaultRule, Status
from fake_backend.control import live
from tests.fake_backend.control.asking import Frame, asking, reading
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import connected, event_line, event_lines, request_head


def _told(frames: list[Frame]) -> list[tuple[str, str | None]]:
    return [(frame.event, frame.id) for frame in frames]


@in_virtual_time
async def test_a_stream_begins_with_the_states_and_what_is_kept() -> None:
    """All runs, the faults, then each record under its id, and what follows as it comes."""
    async with asking(FakeBackend(control=True, faults=[FaultRule(fault=Status(status=503), run_id="x")])) as ask:
        await ask.post("run", event_line(1))
        async with reading(ask, "/_fake/stream") as stream:
            runs, faults = await stream.next(), await stream.next()
            assert _told([runs, faults]) == [("runs", None), ("faults", None)]
            assert [run["run_id"] for run in runs.data["runs"]] == ["run"]
            assert faults.data == (await ask("GET", "/_fake/faults"))[1]
            records = [await stream.next() for _ in range(4)]
            assert _told(records) == [("record", str(number)) for number in range(1, 5)]
            assert [frame.data["type"] for frame in records] == [
                "RequestStarted",
                "LineReceived",
                "BodyEnded",
                "AnswerSent",
            ]
            began = now()
            await ask.post("run", event_line(2))
            following = await stream.until("record")
            assert following[-1].id == "5"
            assert following[-1].time - began < 0.1


@in_virtual_time
async def test_a_reader_goes_on_where_it_was() -> None:
    """By the header, or by `since`; the header counts, as a browser sends it with the address it once was given."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, 5))
        for path, headers, first in (
            ("/_fake/stream?since=6", {}, "7"),
            ("/_fake/stream", {"Last-Event-ID": "7"}, "8"),
            ("/_fake/stream?since=1", {"Last-Event-ID": "3"}, "4"),
            ("/_fake/stream?since=0", {}, "1"),
        ):
            async with reading(ask, path, **headers) as stream:
                assert _told(await stream.until("record"))[2:] == [("record", first)], path


@in_virtual_time
async def test_a_reader_may_leave_out_what_is_old() -> None:
    """With `last` it is told what it skipped, and then the newest; who goes on from somewhere skips nothing."""
    async with asking(FakeBackend(control=True, keep_last=7)) as ask:
        await ask.post("a", event_lines(1, 5))
        for query, headers, told in (
            ("last=2", {}, [("skipped", "6"), ("record", "7")]),
            ("last=2&since=4", {}, [("record", "5")]),
            ("last=2", {"Last-Event-ID": "5"}, [("record", "6")]),
            ("last=8", {}, [("record", "2")]),
        ):
            async with reading(ask, f"/_fake/stream?{query}", **headers) as stream:
                frames = [frame for frame in await stream.until("record") if frame.event not in {"runs", "faults"}]
                assert _told(frames) == told, query
        async with reading(ask, "/_fake/stream?last=2") as stream:
            assert (await stream.until("skipped"))[-1].data == {"missed_from": 2, "missed_to": 6}


@pytest.mark.parametrize("said", ["x", "", "-1", "٣", "1" * 30])
async def test_an_id_that_never_was_is_refused(said: str) -> None:
    """The error names it."""
    async with asking(FakeBackend(control=True)) as ask:
        status, answer = await ask("GET", "/_fake/stream", headers={"Last-Event-ID": said})
        assert status == 400
        assert answer["error"].startswith("Last-Event-ID is ")


@in_virtual_time
async def test_who_was_away_for_too_long_is_told_the_gap() -> None:
    """With the first and the last id that it missed; who asks for what there is has missed nothing."""
    async with asking(FakeBackend(control=True, keep_last=3)) as ask:
        await ask.post("a", event_lines(1, 2))
        await ask.post("b", b"")
        async with reading(ask, "/_fake/stream", **{"Last-Event-ID": "2"}) as stream:
            [*_, gap] = await stream.until("gap")
            assert (gap.id, gap.data) == ("5", {"missed_from": 3, "missed_to": 5})
            assert (await stream.next()).id == "6"
        async with reading(ask, "/_fake/stream") as stream:
            assert _told(await stream.until("record"))[2:] == [("record", "6")]
        async with reading(ask, "/_fake/runs/a/stream?since=1") as stream:
            [*_, gap] = await stream.until("gap")
            assert gap.data == {"missed_from": 2, "missed_to": 5}


@in_virtual_time
async def test_a_slow_reader_is_held_by_nobody_and_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it reads nothing, requests are answered as ever; then it is told what it missed, and goes on."""
    monkeypatch.setattr(live, "_BATCH", 10)
    async with asking(FakeBackend(control=True, keep_last=20)) as ask:
        async with connected(ask.backend) as (reader, writer):
            writer.write(request_head(ask.backend).replace(b"POST /v1/runs/run/ingest", b"GET /_fake/stream"))
            await reader.readuntil(b"event: faults")
            for seq in range(1, 101):
                assert await ask.post("run", event_line(seq, text="x" * 100_000)) == 200
            received = b""
            while b"event: gap" not in received:
                received += await reader.read(100_000)
        records = received.count(b"event: record")
        assert 0 < records < 400, "some were on their way, and the others forgotten"


@in_virtual_time
async def test_a_reset_is_told() -> None:
    """To who reads, to who was away, and to who comes from another life of the backend."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_line(1))
        async with reading(ask, "/_fake/stream?since=4") as stream:
            await stream.until("faults")
            ask.backend.reset()
            reset = await stream.next()
            assert (reset.event, reset.id, reset.data) == ("reset", "5", {})
            assert (await stream.next()).data == {"runs": []}
            await ask.post("run", event_line(1))
            assert (await stream.until("record"))[-1].id == "6"
        for since in ("4", "99"):
            async with reading(ask, "/_fake/stream", **{"Last-Event-ID": since}) as stream:
                assert _told(await stream.until("record"))[0] == ("reset", "5")


@in_virtual_time
async def test_changes_are_told_together() -> None:
    """However much happens, runs are told five times a second at the most, and only those that changed."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("still", event_line(1))
        async with reading(ask, "/_fake/stream") as stream:
            await stream.until("record")
            told: list[Frame] = []

            async def read_until_it_stands_still() -> None:
                while not told or told[-1].data["runs"][-1]["rate"] > 0:
                    told.append((await stream.until("runs"))[-1])

            reader = asyncio.ensure_future(read_until_it_stands_still())
            for seq in range(1, 201):
                await ask.post("run", event_line(seq))
            sent = now()
            await reader
            moved = {run["run_id"] for frame in told for run in frame.data["runs"]}
            assert moved == {"run", "still"}, "the rate of the one that stands still falls, too"
            assert told[-1].data["runs"][-1]["accepted"] == 200
            assert min(b.time - a.time for a, b in itertools.pairwise(told)) > live.STATES_SECONDS * 0.9
            assert 4.5 < told[-1].time - sent < 6, "until no run has a rate"
            await asyncio.sleep(10)
            ask.backend.add_fault(FaultRule(fault=Status(status=503)))
            frame = await stream.next()
            assert (frame.event, len(frame.data["faults"])) == ("faults", 1), "while nothing happens nothing is told"
            assert frame.time == now()


@in_virtual_time
async def test_faults_are_told_when_they_change_and_when_they_strike() -> None:
    """Each time with how many requests each has struck."""
    async with asking(FakeBackend(control=True)) as ask, reading(ask, "/_fake/stream") as stream:

        async def told() -> list[tuple[int, int]]:
            [*_, frame] = await stream.until("faults")
            return [(entry["id"], entry["struck"]) for entry in frame.data["faults"]]

        assert await told() == []
        number = ask.backend.add_fault(FaultRule(fault=Status(status=503)))
        assert await told() == [(1, 0)]
        await ask.post("run", b"")
        assert await told() == [(1, 1)]
        ask.backend.remove_fault(number)
        assert await told() == []


@in_virtual_time
async def test_the_stream_of_a_run_is_about_that_run() -> None:
    """Its records, its state; it may begin before the run does."""
    async with asking(FakeBackend(control=True)) as ask, reading(ask, "/_fake/runs/a%2Fb/stream") as stream:
        assert (await stream.next()).data == {"runs": []}
        await ask.post("other", event_line(1))
        await ask.post("a/b", event_line(1))
        frames = await stream.until("record")
        while frames[-1].data.get("type") != "AnswerSent":
            frames.append(await stream.next())
        assert {frame.id for frame in frames if frame.event == "record"} == {"5", "6", "7", "8"}
        runs = (await stream.until("runs"))[-1].data["runs"]
        assert [run["run_id"] for run in runs] == ["a/b"]


@in_virtual_time
async def test_a_stream_ends_with_its_backend() -> None:
    """At once when it drains; and no reader keeps a backend from ending."""
    backend = FakeBackend(control=True)
    async with asking(backend) as ask:
        async with reading(ask, "/_fake/stream") as drained:
            await drained.until("faults")
            began = now()
            await backend.drain(100.0)
            assert await drained.to_the_end() == []
            assert now() - began < 1
        await backend.come_up()
        async with reading(ask, "/_fake/stream") as cut:
            await cut.until("faults")
            await backend.go_down()
            with pytest.raises(aiohttp.ClientError):
                await cut.to_the_end()


@in_virtual_time
async def test_a_silent_stream_is_kept_alive_by_comments() -> None:
    """So that a reader, or a proxy, can tell it from one that is dead."""
    backend = FakeBackend(control=True)
    async with asking(backend) as ask, ask.session.get(ask.backend.url + "/_fake/stream") as response:
        received = b""
        while b": ping" not in received:
            received += await response.content.readany()
        assert now() < 20


@in_virtual_time
async def test_a_reset_cuts_short_what_a_slow_reader_is_being_told() -> None:
    """It isn't told the rest of what is gone, but the reset."""
    async with asking(FakeBackend(control=True)) as ask:
        for seq in range(1, 101):
            await ask.post("run", event_line(seq, text="x" * 100_000))
        async with connected(ask.backend) as (reader, writer):
            writer.write(request_head(ask.backend).replace(b"POST /v1/runs/run/ingest", b"GET /_fake/stream"))
            received = await reader.readuntil(b"event: record")
            await asyncio.sleep(1.0)
            ask.backend.reset()
            while b"event: reset" not in received:
                received += await reader.read(100_000)
        assert 0 < received.count(b"event: record") < 300


@in_virtual_time
async def test_a_reader_that_leaves_in_the_midst_breaks_nothing() -> None:
    """Neither while it is told something, nor before its stream has begun."""
    async with asking(FakeBackend(control=True)) as ask:
        for seq in range(1, 101):
            await ask.post("run", event_line(seq, text="x" * 100_000))
        head = request_head(ask.backend).replace(b"POST /v1/runs/run/ingest", b"GET /_fake/stream")
        for patience in (0.1, 0.0):
            async with connected(ask.backend) as (_, writer):
                writer.write(head)
                await asyncio.sleep(patience)
        await asyncio.sleep(1.0)
        assert (await ask("GET", "/_fake/health"))[0] == 200
