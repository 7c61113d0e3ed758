"""The records that a backend keeps: the last so many, by run and by cursor, with the count of what was forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_backend import BackendCameUp, FakeBackend, LineReceived, RequestStarted, StateSet
from fake_backend.history import Entry, History
from fake_backend.records import AnswerSent, BackendRecord, FaultStruck
from tests.fake_backend.wire import client_of, event_lines

RUNS = ("a", "b", None)


def _record(run_id: str | None) -> BackendRecord:
    if run_id is None:
        return BackendCameUp(time=0.0)
    return StateSet(time=0.0, run_id=run_id, last_accepted_seq=0, complete=False, why="")


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
    history = History(keep)
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


def test_large_lines_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history is bounded by the bytes of its lines, too; the newest record is always there."""
    monkeypatch.setattr("fake_backend.history.MOST_BYTES", 100)
    history = History(1_000)
    kept = []
    for size in (40, 40, 40, 100, 1_000, 10):
        history.append(LineReceived(time=0.0, request=1, run_id="a", size=size, decision="accepted"))
        kept.append(len(history))
    assert kept == [1, 2, 2, 1, 1, 1]
    assert (history.forgotten(), history.forgotten("a")) == (5, 5)


def test_a_reset_uses_up_an_id_and_counts_anew() -> None:
    """So that whoever had read to the end learns of it too."""
    history = History(2)
    for _ in range(4):
        history.append(_record("a"))
    history.reset()
    assert (len(history), history.began, history.last_id, history.forgotten()) == (0, 5, 5, 0)
    assert history.append(_record("a")).id == 6
    assert [entry.id for entry in history.after(0, run_id="a")] == [6]
    assert history.missed(0) == 0


def test_records_of_a_request_are_those_of_its_run_until_it_is_forgotten() -> None:
    """A fault and an answer don't name their run; their request does."""
    history = History(2)
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
