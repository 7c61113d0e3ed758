"""The client for tests in other processes: the control API, typed, with errors that say what the backend said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web

from fake_backend import ActiveFault, AnswerSent, FakeBackend, FakeBackendError, FaultRule, Status
from fake_backend.client import ControlClient
from fake_backend.faults import LateAccept
from fake_backend.records import RequestStarted
from tests.fake_backend.control.asking import Asker, asking
from tests.fake_backend.wire import event_line, event_lines


@asynccontextmanager
async def controlled(**arguments: int) -> AsyncIterator[tuple[Asker, ControlClient]]:
    """A backend, someone who sends to it, and a client that controls it."""
    backend = FakeBackend(control=True, keep_last=arguments.get("keep_last"))
    async with asking(backend) as ask, ControlClient(f"{backend.url}/") as control:
        yield ask, control


async def test_faults_are_switched() -> None:
    """By a rule, or by its table in a file; they come back as they were given."""
    async with controlled() as (ask, control):
        rule = FaultRule(fault=LateAccept(seconds=1.0, status=None), of="data", requests=(7,), run_id="x")
        assert await control.add_fault(rule) == 1
        assert await control.add_fault({"kind": "status", "status": 503, "times": 1}) == 2
        assert [await ask.post("run", event_line(1)) for _ in range(2)] == [503, 200]
        assert await control.faults() == (
            ActiveFault(number=1, rule=rule, struck=0),
            ActiveFault(number=2, rule=FaultRule(fault=Status(status=503), times=1), struck=1),
        )
        await control.remove_fault(1)
        assert [active.number for active in await control.faults()] == [2]
        await control.clear_faults()
        assert await control.faults() == ()


async def test_runs_and_their_events_are_told() -> None:
    """State, and all events that are kept, however many pages that takes; and a reset."""
    async with controlled() as (ask, control):
        for first in (1, 1001):
            await ask.post("a/b", event_lines(first, first + 999))
        await ask.post("other", event_line(1, text="\ud800"))
        assert [run.run_id for run in await control.runs()] == ["a/b", "other"]
        assert (await control.run("a/b")).last_accepted_seq == 2000
        assert await control.events("a/b") == [{"n": seq} for seq in range(1, 2001)]
        assert await control.events("other") == [{"text": "\ud800"}]
        assert await control.history() == ask.backend.history
        history = await control.history("other")
        assert [type(record).__name__ for record in history] == [
            "RequestStarted",
            "LineReceived",
            "BodyEnded",
            "AnswerSent",
        ]
        changed = await control.set_run("other", last_accepted_seq=0, complete=True, why="a test")
        assert (changed.last_accepted_seq, changed.complete) == (0, True)
        assert (await control.set_run("other", complete=False, why="a test")).complete is False
        assert (await control.health()).runs == 2
        await control.add_fault({"kind": "status", "status": 503, "of": "sync"})
        await control.reset(faults=False)
        assert (await control.runs(), len(await control.faults())) == ([], 1)
        await control.reset()
        assert await control.faults() == ()


async def test_records_come_as_they_happen() -> None:
    """Those that are kept first, of all that happens or of one run, also where one is larger than any buffer."""
    async with controlled() as (ask, control):
        await ask.post("run", event_line(1, text="x" * 900_000))
        async with aclosing(control.records()) as records:
            seen = [await anext(records) for _ in range(4)]
            assert seen == ask.backend.history
            coming = asyncio.ensure_future(anext(records))
            await ask.post("other", b"")
            assert isinstance(await coming, RequestStarted)
        async with aclosing(control.records("other")) as records:
            assert [type(await anext(records)).__name__ for _ in range(3)] == [
                "RequestStarted",
                "BodyEnded",
                "AnswerSent",
            ]


async def test_records_end_with_the_backend() -> None:
    """So that a loop over them does, too."""
    async with controlled() as (ask, control):
        await ask.post("run", event_line(1))
        seen = []
        async with aclosing(control.records()) as records:
            async for record in records:
                seen.append(record)
                if isinstance(record, AnswerSent):
                    await ask.backend.drain(5.0)
        assert seen == ask.backend.history


async def test_records_that_were_forgotten_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is too slow isn't given a history with a hole."""
    monkeypatch.setattr("fake_backend.control.live._BATCH", 1)
    async with controlled(keep_last=3) as (ask, control):
        await ask.post("run", event_line(1))
        async with aclosing(control.records()) as records:
            await anext(records)
            for _ in range(50):
                await ask.post("run", event_line(1, text="x" * 500_000))
            with pytest.raises(FakeBackendError, match=r"records \d+ to \d+ were forgotten .* \(--keep\)"):
                _ = [record async for record in records]


async def test_what_the_backend_refuses_is_an_error_with_its_words() -> None:
    """Each names the method and the address, too."""
    async with controlled() as (ask, control):
        with pytest.raises(
            FakeBackendError, match=r"GET http://\S+/_fake/runs/a%2Fb: no request has reached a run 'a/b'"
        ):
            await control.run("a/b")
        with pytest.raises(FakeBackendError, match=r"POST .*: kind is 'latncy'; it is one of"):
            await control.add_fault({"kind": "latncy"})
        with pytest.raises(FakeBackendError, match=r"DELETE .*: there is no fault 9; there are: none"):
            await control.remove_fault(9)
        assert ask.backend.history == []


async def test_what_is_no_fake_backend_is_an_error() -> None:
    """Nobody there; a server that says other things; and one that says nothing in time."""

    async def other(request: web.BaseRequest) -> web.Response:
        if request.path == "/_fake/faults":
            await asyncio.sleep(10)
        return web.Response(status=502, text="<html>")

    server = await asyncio.get_running_loop().create_server(web.Server(other), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with ControlClient(url, timeout=0.1) as control:
        with pytest.raises(FakeBackendError, match="502 <html>"):
            await control.health()
        with pytest.raises(FakeBackendError, match=r"TimeoutError|timeout"):
            await control.faults()
        server.close()
    async with ControlClient(url) as control:
        with pytest.raises(FakeBackendError, match=r"GET .*/_fake/runs: Cannot connect"):
            await control.runs()
    with pytest.raises(FakeBackendError, match="inside of `async with`"):
        await ControlClient(url).runs()
