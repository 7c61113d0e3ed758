"""Any set of rules on any requests: the backend stays up to its promises, whatever is thrown together."""

import asyncio
import re
from collections import Counter
from typing import Any, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.simulation import Simulation, simulate
from fake_backend import (
    AnswerSent,
    BackendRecord,
    FakeBackend,
    Fault,
    FaultRule,
    Latency,
    Limits,
    ResetPeer,
    RunView,
    Status,
)
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    CompletedElsewhere,
    Down,
    Duplicate,
    ExpireToken,
    Fence,
    ForeignWriter,
    Forget,
    IdleCut,
    LateAccept,
    LimitData,
    Overlap,
    Partial,
    Poison,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
)
from fake_backend.records import (
    BackendCameUp,
    BackendWentDown,
    BodyEnded,
    CompletionReceived,
    FaultStruck,
    LineReceived,
    RequestBroken,
    RequestStarted,
    StateSet,
)
from tests.fake_backend.virtual_time import no_complaints
from tests.fake_backend.wire import completion_line, event_line, request_head

Wire: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE = 15.0
"""Virtual seconds after which the client of these tests gives up."""

A_LONG_TIME = 10_000.0

seconds = st.sampled_from([0.0, 0.003, 0.5, 4.0, 40.0])
points = st.one_of(
    st.fixed_dictionaries({"phase": st.sampled_from(["before-read", "before-accept", "after-accept", "in-answer"])}),
    st.fixed_dictionaries({"phase": st.just("after-lines"), "lines": st.integers(1, 4)}),
)
early_points = points.filter(lambda point: point["phase"] != "in-answer")
streams = st.sampled_from(["upstream", "downstream"])


def at(kind: type[Fault], where: st.SearchStrategy[dict[str, Any]] = points, **fields: Any) -> st.SearchStrategy[Fault]:
    """Build faults of a kind that strikes at a point."""
    return st.builds(lambda point, values: kind(**point, **values), where, st.fixed_dictionaries(fields))


FAULTS: dict[type[Fault], st.SearchStrategy[Fault]] = {
    Latency: at(Latency, seconds=seconds, jitter=seconds),
    Stall: at(Stall, seconds=seconds | st.none()),
    Timeout: at(Timeout, seconds=seconds),
    ResetPeer: at(ResetPeer),
    Down: at(Down, seconds=seconds),
    Status: at(
        Status,
        early_points,
        status=st.sampled_from([200, 204, 307, 409, 503]),
        headers=st.sampled_from([{}, {"Connection": "close"}, {"Retry-After": "1"}, {"Location": "/v1/runs/a/ingest"}]),
        body=st.sampled_from([None, "", "<h1>", '{"last_accepted_seq"']),
    ),
    Forget: at(Forget, last_accepted_seq=st.integers(0, 3)),
    ForeignWriter: at(ForeignWriter, numbers=st.integers(1, 3)),
    CompletedElsewhere: at(CompletedElsewhere),
    ExpireToken: st.just(ExpireToken()),
    Fence: st.builds(Fence, epoch=st.integers(1, 3)),
    Bandwidth: st.builds(Bandwidth, rate=st.sampled_from([30, 100, 100_000]), stream=streams),
    Slicer: st.builds(Slicer, size=st.sampled_from([1, 7, 1_000]), delay=st.sampled_from([0.0, 0.01, 1.0])),
    LimitData: st.builds(LimitData, size=st.integers(0, 300), stream=streams),
    SlowClose: st.builds(SlowClose, seconds=seconds),
    IdleCut: st.builds(IdleCut, seconds=seconds),
    CloseOnReuse: st.just(CloseOnReuse()),
    Partial: st.builds(Partial, lines=st.integers(0, 3)),
    Duplicate: st.just(Duplicate()),
    Poison: st.builds(Poison, containing=st.sampled_from(["3", "poison"]), status=st.sampled_from([400, 413])),
    LateAccept: st.builds(LateAccept, seconds=seconds, status=st.sampled_from([504, None])),
    BufferRequest: st.builds(BufferRequest, seconds=seconds, status=st.sampled_from([408, None])),
    Overlap: st.builds(Overlap, seconds=seconds),
}

rules = st.builds(
    lambda fault, selectors, of, run_id: FaultRule(fault=fault, of=of, run_id=run_id, **selectors),
    st.one_of(*FAULTS.values()),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"every": st.integers(1, 3)}),
        st.fixed_dictionaries({"requests": st.lists(st.integers(1, 4), max_size=2).map(tuple)}),
    ),
    st.sampled_from(["any", "any", "sync", "data", "completion"]),
    st.sampled_from([None, None, "a"]),
)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the test's client, or a thing that it does to the backend."""

    body: bytes
    run_id: str
    chunks: int
    authorization: str
    headers: dict[str, str]
    waits: bool
    aborts: bool
    after: str


bodies = st.one_of(
    st.just(b""),
    st.builds(
        lambda first, count: b"".join(event_line(seq) for seq in range(first, first + count)),
        st.integers(1, 5),
        st.integers(1, 5),
    ),
    st.builds(
        lambda lines, last: b"".join(map(event_line, lines)) + completion_line(last),
        st.lists(st.integers(1, 4), max_size=3),
        st.integers(0, 4),
    ),
    st.sampled_from([b"nonsense\n", event_line(1, text="poison"), event_line(1).rstrip(), b"x" * 2_000, b" \n"]),
)
sent = st.builds(
    Sent,
    body=bodies,
    run_id=st.sampled_from(["a", "a", "b"]),
    chunks=st.integers(0, 3),
    authorization=st.sampled_from(["Bearer token", "Bearer token", "Bearer other", "nonsense"]),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Producer-Epoch": st.sampled_from(["0", "1", "2", "9", "x"]),
            "Expect": st.just("100-continue"),
            "X-PostHog-Event-Stream-Complete": st.just("true"),
            "X-PostHog-Event-Stream-Final-Seq": st.sampled_from(["0", "2", "x"]),
        },
    ),
    waits=st.booleans(),
    aborts=st.booleans(),
    after=st.sampled_from(["", "", "", "", "pause", "down", "up"]),
)


def test_every_kind_of_fault_is_thrown_in() -> None:
    """A new kind can't go without being combined with the others."""
    assert set(FAULTS) == set(get_args(Fault))


@settings(max_examples=250, deadline=None)
@given(
    rules=st.lists(rules, max_size=5),
    requests=st.lists(sent, min_size=1, max_size=8),
    proxy=st.sampled_from([None, 100]),
)
def test_whatever_goes_wrong_the_backend_keeps_its_promises(
    rules: list[FaultRule], requests: list[Sent], proxy: int | None
) -> None:
    """It never raises, never hangs, writes a beginning and an end of each request, and leaves nothing running."""
    with no_complaints():
        simulate(lambda simulation: _play(simulation, rules, requests, proxy), max_time=2 * A_LONG_TIME)


async def _play(simulation: Simulation, rules: list[FaultRule], requests: list[Sent], proxy: int | None) -> None:
    limits = Limits(max_line_bytes=500, max_request_bytes=1_500, max_request_events=4, proxy_request_bytes=proxy)
    backend = FakeBackend(faults=rules, limits=limits, legacy_completion=True)
    kept = list[Wire]()
    async with backend:
        under_way = []
        for request in requests:
            posting = asyncio.ensure_future(_post(backend, request, kept))
            under_way.append(posting)
            if request.waits:
                await posting
            await _do(request.after, backend)
        await asyncio.gather(*under_way)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not simulation.network.listeners
    history = list(backend.history)
    assert simulation.time() < A_LONG_TIME
    await asyncio.sleep(A_LONG_TIME - simulation.time())
    assert backend.history == history, "an ended backend writes nothing more"
    assert [record.time for record in history] == sorted(record.time for record in history)
    _check_requests(history)
    _check_outages(history)
    for run_id in ("a", "b"):
        _check_run(history, backend.run(run_id))


async def _post(backend: FakeBackend, request: Sent, kept: list[Wire]) -> None:
    wire: Wire | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            wire = kept.pop() if kept else await asyncio.open_connection("127.0.0.1", urlsplit(backend.url).port)
            if await _exchange(backend, request, *wire):
                kept.append(wire)
                wire = None
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass
    finally:
        if wire is not None:
            _, writer = wire
            writer.transport.abort() if request.aborts else writer.close()


async def _exchange(
    backend: FakeBackend, request: Sent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Send a request and read its answer; tell whether the connection may be used again."""
    framing = "Transfer-Encoding: chunked" if request.chunks else f"Content-Length: {len(request.body)}"
    headers = [f"{name}: {value}" for name, value in request.headers.items()]
    head = request_head(backend, framing, *headers, run=request.run_id)
    writer.write(head.replace(b"Bearer token", request.authorization.encode()))
    if request.chunks:
        size = -(-len(request.body) // request.chunks) or 1
        for start in range(0, len(request.body), size):
            piece = request.body[start : start + size]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")
    else:
        writer.write(request.body)
    head = await reader.readuntil(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return b"Connection: close" not in head


async def _do(what: str, backend: FakeBackend) -> None:
    match what:
        case "pause":
            await asyncio.sleep(3.0)
        case "down":
            await backend.go_down()
        case "up":
            await backend.come_up()
        case _:
            pass


def _check_requests(history: list[BackendRecord]) -> None:
    begun = [record.request for record in history if isinstance(record, RequestStarted)]
    assert begun == list(range(1, len(begun) + 1))
    ends = Counter(record.request for record in history if isinstance(record, AnswerSent | RequestBroken))
    assert ends == Counter(begun)
    seen = set()
    for record in history:
        if isinstance(record, RequestStarted):
            seen.add(record.request)
        else:
            assert getattr(record, "request", None) in seen | {None}, "nothing comes before the beginning"


def _check_outages(history: list[BackendRecord]) -> None:
    is_up = True
    for record in history:
        if isinstance(record, BackendWentDown | BackendCameUp):
            assert is_up == isinstance(record, BackendWentDown)
            is_up = not is_up
        else:
            # A head that arrived in the very moment is written down, and its end with it.
            assert is_up or not isinstance(record, LineReceived | CompletionReceived | BodyEnded | AnswerSent)


def _check_run(history: list[BackendRecord], run: RunView) -> None:
    last, complete = 0, False
    overlapping = {
        each.request for each in history if isinstance(each, FaultStruck) and isinstance(each.fault, Overlap)
    }
    for record in history:
        match record:
            case StateSet(run_id=run.run_id):
                last, complete = record.last_accepted_seq, record.complete
            case LineReceived(run_id=run.run_id, decision="accepted"):
                assert not complete
                assert record.seq == last + 1 or (record.request in overlapping and (record.seq or 0) <= last)
                last = max(last, record.seq or 0)
            case LineReceived(run_id=run.run_id, decision="duplicate"):
                assert (record.seq or 0) <= last
            case CompletionReceived(run_id=run.run_id, decision="completed"):
                complete = True
            case _:
                pass
    assert (run.last_accepted_seq, run.complete) == (last, complete)
