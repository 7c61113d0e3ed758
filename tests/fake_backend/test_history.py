"""The records that a backend keeps: the last so many, by run and by cursor, with the count of what was forgotten."""

import asyncio
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_backend import FakeBackend, FaultRule, Latency, Status
from fake_backend.faults import LateAccept, Overlap
from fake_backend.history import Entry, NumberedHistory
from fake_backend.records import (
    AnswerSent,
    BackendCameUp,
    BackendRecord,
    FaultStruck,
    LineReceived,
    RequestStarted,
    StateSet,
    decode_record,
    encode_record,
)
from tests.fake_backend.virtual_time import in_virtual_time
from tests.fake_backend.wire import Watch, client_of, connected, event_line, event_lines, request_bytes

RUNS = ("a", "b", None)


def _record(run_id: str | None) -> BackendRecord:
    if run_id is None:
        return BackendCameUp(time=0.0)
    return StateSet(time=0.0, run_id=run_id, last_accepted_seq=0, complete=False, why="")


def _head(path: str, authorization: str | None = None, content_type: str | None = None) -> BackendRecord:
    return RequestStarted(
        time=0.0,
        request=1,
        connection=1,
        method="POST",
        path=path,
        host="",
        run_id="a",
        authorization=authorization,
        content_type=content_type,
    )


def _line(event: dict[str, Any]) -> BackendRecord:
    return LineReceived(time=0.0, request=1, run_id="a", size=1, decision="accepted", seq=1, event=event)


@given(
    keep=st.integers(1, 6) | st.none(),
    runs=st.lists(st.sampled_from(RUNS), max_size=30),
    since=st.integers(-1, 35),
    limit=st.integers(0, 5) | st.none(),
    run_id=st.sampled_from(RUNS),
)
def test_a_cursor_finds_what_is_after_it(
    keep: int | None, runs: list[str | None], since: int, limit: int | None, run_id: str | None
) -> None:
    """As a list would that is cut at its old end; what was cut is counted, for each run too."""
    history = NumberedHistory(keep)
    entries = [history.append(_record(run)) for run in runs]
    assert [entry.id for entry in entries] == [*range(1, len(runs) + 1)]
    kept = entries if keep is None else entries[-keep:]
    gone = entries[: len(entries) - len(kept)]

    def wanted(entry: Entry) -> bool:
        return run_id is None or entry.run_id == run_id

    assert len(history) == len(kept)
    assert history.after(since, limit, run_id=run_id) == [e for e in kept if wanted(e) and e.id > since][:limit]
    forgotten = [entry.id for entry in gone if wanted(entry)]
    assert history.forgotten(run_id) == len(forgotten)
    assert history.last_forgotten(run_id) == max(forgotten, default=0)
    missed = history.missed(since, run_id)
    assert missed >= sum(entry_id > since for entry_id in forgotten)
    if run_id is None or since <= 0:
        assert missed == sum(entry_id > since for entry_id in forgotten)
    if since >= max(forgotten, default=0):
        assert missed == 0


@pytest.mark.parametrize(
    "record",
    [
        LineReceived(time=0.0, request=1, run_id="a", size=4, decision="accepted", seq=1, event={"a": "x" * 20_000}),
        LineReceived(time=0.0, request=1, run_id="a", size=4, decision="accepted", seq=1, event={"a": [{}] * 7_000}),
        _head("/" + "p" * 20_000),
        _head("/", authorization="a" * 20_000),
        _head("/", content_type="c" * 20_000),
        AnswerSent(time=0.0, request=1, status=503, body="b" * 20_000),
        AnswerSent(time=0.0, request=1, status=503, body="", headers={"a": "h" * 20_000}),
        StateSet(time=0.0, run_id="a", last_accepted_seq=0, complete=False, why="w" * 20_000),
    ],
    ids=lambda record: type(record).__name__,
)
def test_large_records_leave_room_for_fewer(record: BackendRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history is bounded by the bytes of its records, whatever is large in them; the newest is always there."""
    monkeypatch.setattr("fake_backend.history.MOST_BYTES", 50_000)
    history = NumberedHistory(1_000)
    kept = []
    for _ in range(4):
        history.append(record)
        kept.append(len(history))
    assert kept == [1, 2, 2, 2]
    assert history.forgotten() == 2
    monkeypatch.setattr("fake_backend.history.MOST_BYTES", 10_000)
    history.append(record)
    assert len(history) == 1


def test_what_is_kept_of_an_event_takes_no_more_than_its_bytes() -> None:
    """Parsed, an event of many small values takes up to thirty times as much as its line."""
    line = encode_record(_line({"a": [{}] * 20_000}))
    history = NumberedHistory(1_000)
    tracemalloc.start()
    for _ in range(20):
        history.append(decode_record(line))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.1 * 20 * len(line)


def test_a_reset_uses_up_an_id_and_counts_anew() -> None:
    """So that whoever had read to the end learns of it too."""
    history = NumberedHistory(2)
    for _ in range(4):
        history.append(_record("a"))
    history.reset()
    assert (len(history), history.began, history.last_id, history.forgotten()) == (0, 5, 5, 0)
    assert history.append(_record("a")).id == 6
    assert [entry.id for entry in history.after(0, run_id="a")] == [6]
    assert history.missed(0) == 0


def test_records_of_a_request_are_those_of_its_run_until_it_is_forgotten() -> None:
    """A fault and an answer don't name their run; their request does."""
    history = NumberedHistory(2)
    for number, run_id in ((1, "a"), (2, None)):
        history.append(
            RequestStarted(
                time=0.0,
                request=number,
                connection=1,
                method="POST",
                path="/",
                host="",
                run_id=run_id,
                authorization=None,
                content_type=None,
            )
        )
        entry = history.append(AnswerSent(time=0.0, request=number, status=200, body=""))
        assert entry.run_id == run_id
    late = history.append(AnswerSent(time=0.0, request=1, status=200, body=""))
    assert late.run_id is None, "its request was forgotten, and what it belongs to with it"


async def test_the_last_records_and_the_events_in_them_are_kept() -> None:
    """State is for good; a view of a run shows what is left."""
    async with FakeBackend(keep_last=4) as backend, client_of(backend) as client:
        await client.post(event_lines(1, 3))
        assert [type(record).__name__ for record in backend.history] == [
            "LineReceived",
            "LineReceived",
            "BodyEnded",
            "AnswerSent",
        ]
        assert backend.run("run").events == ({"n": 2}, {"n": 3})
        assert backend.run("other").events == ()
        assert (backend.forgotten, backend.run("run").last_accepted_seq) == (2, 3)
        backend.reset()
        assert (backend.history, backend.forgotten, backend.run("run").last_accepted_seq) == ([], 0, 0)


async def test_a_backend_that_keeps_all_can_be_reset_too() -> None:
    """Its history is empty again, and its runs are at 0."""
    async with FakeBackend() as backend, client_of(backend) as client:
        await client.post(event_lines(1, 3))
        assert backend.forgotten == 0
        backend.reset()
        assert (backend.history, backend.run("run").last_accepted_seq, backend.run("run").events) == ([], 0, ())
        assert (await client.post(event_lines(1, 3)))[0] == 200
        assert not [record for record in backend.history if isinstance(record, FaultStruck)]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"keep_last": 0}, "keep_last is 0; it is a number of records, from 1"),
        ({"keep_last": 1, "keep_history": False}, "keep_history is False; control and keep_last need a history"),
        ({"control": True, "keep_history": False}, "keep_history is False; control and keep_last need a history"),
    ],
)
def test_a_history_that_makes_no_sense_is_refused(arguments: dict[str, object], error: str) -> None:
    """The message names the value, and what would be right."""
    with pytest.raises(ValueError, match=error):
        FakeBackend(**arguments)  # type: ignore[arg-type]


async def test_a_run_that_took_nothing_is_forgotten_with_its_last_record() -> None:
    """Who asks for number after number of run after run makes no memory grow; a run with an event stays."""
    rule = FaultRule(fault=Status(status=503), of="sync", requests=(1,))
    async with FakeBackend(keep_last=9, control=True, faults=[rule]) as backend, client_of(backend) as client:
        await client.post(event_line(1), run="kept")
        for number in range(50):
            assert (await client.post(run=f"run-{number}"))[0] == 503
        assert [state.run_id for state in backend.run_states()] == ["kept", "run-47", "run-48", "run-49"]
        assert len(backend._runs._runs) == len(backend._plan._seen) / 2 == 4
        assert (await client.post(run="run-0"))[0] == 503, "it begins anew"
        assert (await client.post(event_line(2), run="kept"))[1]["last_accepted_seq"] == 2


@in_virtual_time
async def test_a_run_is_not_forgotten_while_a_request_is_at_work_on_it() -> None:
    """Its records may all be forgotten; what the request takes later is there all the same."""
    rules = [
        FaultRule(fault=Latency(seconds=0.1, phase="before-accept"), run_id="slow", times=1),
        FaultRule(fault=LateAccept(seconds=0.1), run_id="late", times=1),
    ]
    watch = Watch()
    async with FakeBackend(keep_last=3, faults=rules, on_record=watch) as backend, client_of(backend) as client:
        slow = asyncio.ensure_future(client.post(event_line(1), run="slow"))
        await client.post(event_line(1), run="late")
        await watch.until(FaultStruck, count=2)
        for number in range(5):
            await client.post(run=f"run-{number}")
        assert not {getattr(record, "run_id", None) for record in backend.history} & {"slow", "late"}
        await slow
        await watch.until(LineReceived, count=2)
        for run in ("slow", "late"):
            assert (await client.post(run=run))[1]["last_accepted_seq"] == 1


@in_virtual_time
async def test_a_run_whose_lines_are_taken_when_its_client_has_gone_has_them() -> None:
    """Also where it was blank, and all that was known of it was forgotten before the first of them."""
    watch = Watch()
    rules = [FaultRule(fault=Overlap(seconds=1.0), run_id="left")]
    async with FakeBackend(keep_last=3, faults=rules, on_record=watch) as backend, client_of(backend) as client:
        async with connected(backend) as (_, writer):
            writer.write(request_bytes(backend, event_line(1), run="left"))
            await watch.until(FaultStruck)
        for number in range(5):
            await client.post(run=f"run-{number}")
        assert "left" not in backend._runs
        await watch.until(LineReceived)
        assert (await client.post(run="left"))[1]["last_accepted_seq"] == 1


async def test_a_request_that_is_turned_away_makes_no_run() -> None:
    """Nothing but its records is kept of it; in a run that is there, it counts."""
    async with FakeBackend(control=True, tokens={"good": None}) as backend:
        async with client_of(backend, Authorization="Bearer bad") as client:
            assert (await client.post(event_line(1), run="a"))[0] == 401
            async with client.session.get(backend.ingest_url("b")) as response:
                assert response.status == 405
        assert (backend.run_states(), len(backend._runs._runs), len(backend.history)) == ([], 0, 4)
        async with client_of(backend, Authorization="Bearer good") as client:
            assert (await client.post(event_line(1), run="a"))[0] == 200
        async with client_of(backend, Authorization="Bearer bad") as client:
            assert (await client.post(event_line(2), run="a"))[0] == 401
        (state,) = backend.run_states()
        assert (state.run_id, state.requests, state.accepted) == ("a", 2, 1)
