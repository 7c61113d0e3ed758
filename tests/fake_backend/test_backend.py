"""The facade: what a test asks of a backend, and how it begins and ends."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from fake_backend import (
    AnswerSent,
    FakeBackend,
    FakeBackendError,
    FaultRule,
    Latency,
    ListenError,
    Status,
    UnknownRunError,
)
from fake_backend.backend import CLOSE_TIMEOUT
from fake_backend.connection import Connection
from fake_backend.faults import Phase, Stall
from fake_backend.records import FaultStruck, RequestBroken, RequestStarted, StateSet
from tests.fake_backend.wire import Watch, client_of, completion_line, connected, event_line, event_lines, request_bytes


@pytest.mark.parametrize(("complete", "is_complete"), [(None, False), (True, True), (False, False)])
async def test_a_run_that_is_set_to_0_begins_anew(*, complete: bool | None, is_complete: bool) -> None:
    """What a restart or an expiry takes away is the completion, too; at another number it stays."""
    async with FakeBackend() as backend, client_of(backend) as client:
        await client.post(event_lines(1, 2) + completion_line(2))
        backend.set_run("run", last_accepted_seq=1, why="an older state")
        assert backend.run("run").complete
        backend.set_run("run", last_accepted_seq=0, complete=complete, why="a restart")
        assert backend.run("run").complete is is_complete
        assert (await client.post(event_line(1)))[0] == (409 if is_complete else 200)


async def test_state_can_be_set_at_any_moment_and_is_recorded() -> None:
    """A lost state, another writer and someone else's completion take effect with the next line."""
    async with FakeBackend() as backend, client_of(backend) as client:
        run = backend.run("run")
        backend.set_run("run", last_accepted_seq=42, why="another writer")
        assert (await client.post(event_lines(42, 43)))[1] == {"accepted": 1, "duplicate": 1, "last_accepted_seq": 43}
        backend.set_run("run", last_accepted_seq=0, why="lost")
        assert (await client.post(event_line(44)))[1]["error"] == "Expected sequence 1, got 44"
        backend.set_run("run", complete=True, why="completed by someone else")
        assert (await client.post(event_line(1)))[1]["error"] == "Task run stream is already complete"
        backend.set_run("run", complete=False, why="reopened")
        assert (await client.post(event_line(1)))[0] == 200
    states = [record for record in backend.history if isinstance(record, StateSet)]
    assert [(state.last_accepted_seq, state.complete, state.why) for state in states] == [
        (42, False, "another writer"),
        (0, False, "lost"),
        (0, True, "completed by someone else"),
        (0, False, "reopened"),
    ]
    assert (run.run_id, run.last_accepted_seq, run.events) == ("run", 1, ({"n": 43}, {"n": 1}))
    assert repr(run) == "<RunView 'run' last_accepted_seq=1 complete=False events=2>"


async def test_a_negative_number_is_no_state() -> None:
    """A number below 0 is refused, and nothing is recorded."""
    async with FakeBackend() as backend:
        with pytest.raises(ValueError, match="last_accepted_seq is -1"):
            backend.set_run("run", last_accepted_seq=-1, why="nonsense")
        assert backend.history == []


async def test_a_run_that_is_not_known_is_an_error_for_the_test_too() -> None:
    """With `known_runs` a test can't speak of a run that no sender could reach."""
    async with FakeBackend(known_runs=["run"]) as backend:
        assert backend.run("run").last_accepted_seq == 0
        with pytest.raises(UnknownRunError, match="'other' is none of the known_runs"):
            backend.run("other")
        with pytest.raises(UnknownRunError):
            backend.set_run("other", complete=True, why="nonsense")


async def test_history_is_in_order_and_the_same_as_the_callback_saw() -> None:
    """Every record goes to the history and to the callback, in order of happening."""
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend, client_of(backend) as client:
        await client.post(event_lines(1, 2) + completion_line(2))
    assert backend.history == watch.records
    assert [type(record).__name__ for record in backend.history] == [
        "RequestStarted",
        "LineReceived",
        "LineReceived",
        "BodyEnded",
        "CompletionReceived",
        "AnswerSent",
    ]
    assert [record.time for record in watch.records] == sorted(record.time for record in watch.records)


async def test_without_history_nothing_is_kept() -> None:
    """A backend that runs for long keeps neither records nor events, and its state all the same."""
    watch = Watch()
    async with FakeBackend(on_record=watch, keep_history=False) as backend, client_of(backend) as client:
        await client.post(event_lines(1, 2))
    assert backend.history == []
    assert backend.run("run").events == ()
    assert backend.run("run").last_accepted_seq == 2
    assert watch.records


async def test_a_fault_can_be_added_while_the_backend_runs() -> None:
    """A rule that comes later counts the requests that came before it."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert (await client.post())[0] == 200
        backend.add_fault(FaultRule(fault=Status(status=503), requests=(2,)))
        assert (await client.post())[0] == 503
        assert (await client.post())[0] == 200


async def test_a_fault_can_be_taken_away_while_the_backend_runs() -> None:
    """A rule strikes no more once it is gone, and can't be taken away twice."""
    rule = FaultRule(fault=Status(status=503))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post())[0] == 503
        backend.remove_fault(rule)
        assert (await client.post())[0] == 200
        with pytest.raises(ValueError, match="there is no such fault as FaultRule"):
            backend.remove_fault(rule)


async def test_a_backend_that_is_down_refuses_and_keeps_its_state() -> None:
    """Going down resets what is open and refuses what is new; coming up is on the same port, with the same runs."""
    watch = Watch()
    rule = FaultRule(fault=Stall(phase="after-accept"), requests=(1,))
    async with FakeBackend(faults=[rule], on_record=watch) as backend, client_of(backend) as client:
        url = backend.url
        posting = asyncio.ensure_future(client.post(event_line(1)))
        await watch.until(FaultStruck)
        await backend.go_down()
        assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]
        with pytest.raises(aiohttp.ClientError):
            await posting
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.post()
        await backend.go_down()
        await backend.come_up()
        await backend.come_up()
        assert backend.url == url
        assert (await client.post(event_lines(1, 2)))[1] == {"accepted": 1, "duplicate": 1, "last_accepted_seq": 2}


async def test_a_backend_that_is_down_keeps_its_port() -> None:
    """No other server gets it meanwhile, which would hear requests that are for this one; and then it is let go."""
    loop = asyncio.get_running_loop()
    async with FakeBackend() as backend:
        port = urlsplit(backend.url).port
        await backend.go_down()
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", port, reuse_address=False)
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", port)
    server.close()


async def test_an_idle_connection_is_reset_when_the_backend_goes_down() -> None:
    """A kept-alive connection without a request ends too."""
    async with FakeBackend() as backend, connected(backend) as (reader, writer):
        writer.write(request_bytes(backend, b""))
        await reader.readuntil(b"\r\n\r\n")
        await backend.go_down()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_connection_that_comes_too_late_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system accepted in the moment in which the backend stopped to listen gets no answer."""

    def too_late(server: web.Server, *, number: int, is_welcome: Callable[[], bool]) -> Connection:
        assert is_welcome()
        return Connection(server, number=number, is_welcome=lambda: False)

    monkeypatch.setattr("fake_backend.backend.Connection", too_late)
    async with FakeBackend() as backend, connected(backend) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()
    assert not backend.history


@pytest.mark.parametrize("phase", ["before-read", "before-accept", "after-accept", "in-answer"])
@pytest.mark.parametrize("kind", [Stall, Latency])
async def test_going_down_does_not_wait_for_a_held_request(phase: Phase, kind: type[Stall | Latency]) -> None:
    """Every open request ends at once, wherever it is held."""
    watch = Watch()
    rule = FaultRule(fault=kind(phase=phase, seconds=1_000.0))
    loop = asyncio.get_running_loop()
    async with FakeBackend(faults=[rule], on_record=watch) as backend, client_of(backend) as client:
        posting = asyncio.ensure_future(client.post(event_line(1)))
        await watch.until(FaultStruck)
        began = loop.time()
        await backend.go_down()
        assert loop.time() - began < CLOSE_TIMEOUT / 2
        with pytest.raises(aiohttp.ClientError):
            await posting
    assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]
    assert not watch.of(AnswerSent)


async def test_closing_ends_a_body_that_never_ends() -> None:
    """A request whose body is under way ends with the backend."""
    watch = Watch()
    async with FakeBackend(on_record=watch) as backend, connected(backend) as (_, writer):
        writer.write(request_bytes(backend, event_line(1)).replace(b": 30", b": 99"))
        await watch.until(RequestStarted)
    assert [record.cause for record in watch.of(RequestBroken)] == ["shutdown"]


async def test_a_port_in_use_is_named() -> None:
    """An address that can't be had is an error with the address and the reason."""
    async with FakeBackend() as backend:
        port = int(backend.url.rpartition(":")[2])
        with pytest.raises(ListenError, match=f"can't listen on 127.0.0.1 port {port}: Address already in use"):
            await FakeBackend(port=port).__aenter__()


async def test_a_host_that_is_not_ours_is_named() -> None:
    """A name that resolves to nothing is told as it is."""
    with pytest.raises(ListenError, match=r"can't listen on nowhere\.invalid port 1: "):
        await FakeBackend(host="nowhere.invalid", port=1).__aenter__()


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")],  # noqa: S104
)
async def test_the_url_is_one_that_a_client_on_this_machine_can_use(host: str, shown: str) -> None:
    """A wildcard address is shown as the loopback one, and an IPv6 address in brackets."""
    assert FakeBackend(host=host, port=8787).url == f"http://{shown}:8787"


async def test_a_backend_is_used_inside_of_its_block_and_once() -> None:
    """Before it listened it has no URL and can't come up; after, it can't be entered again."""
    backend = FakeBackend()
    with pytest.raises(FakeBackendError, match="no URL yet"):
        backend.ingest_url("run")
    with pytest.raises(FakeBackendError, match="inside of `async with`"):
        await backend.come_up()
    await backend.go_down()
    async with backend:
        pass
    with pytest.raises(FakeBackendError, match="entered once"):
        await backend.__aenter__()
