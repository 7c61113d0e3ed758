"""Faults that change what the backend knows, and what that does to requests from then on."""

import re
from typing import Any

import pytest

from fake_backend import FakeBackend, Fault, FaultRule
from fake_backend.faults import CompletedElsewhere, ExpireToken, Fence, ForeignWriter, Forget
from fake_backend.records import FaultStruck, RequestStarted, StateSet
from tests.fake_backend.virtual_time import in_virtual_time
from tests.fake_backend.wire import client_of, completion_line, event_line, event_lines

AT_LINE_2: dict[str, Any] = {"phase": "after-lines", "lines": 2}


@pytest.mark.parametrize(
    ("fault", "answer", "state", "why"),
    [
        (Forget(), (409, "Expected sequence 1, got 4"), (0, False), "lost its state"),
        (Forget(last_accepted_seq=2), (409, "Expected sequence 3, got 4"), (2, False), "lost its state"),
        (Forget(last_accepted_seq=9), (200, None), (7, False), "lost its state"),
        (Forget(**AT_LINE_2), (409, "Expected sequence 1, got 6"), (0, False), "lost its state"),
        (Forget(phase="after-accept"), (200, None), (0, False), "lost its state"),
        (ForeignWriter(numbers=2), (200, None), (7, False), "another writer took 2 numbers"),
        (ForeignWriter(numbers=5), (200, None), (8, False), "another writer took 5 numbers"),
        (ForeignWriter(numbers=1, **AT_LINE_2), (200, None), (7, False), "another writer took 1 numbers"),
        (ForeignWriter(numbers=3, phase="in-answer"), (200, None), (10, False), "another writer took 3 numbers"),
        (CompletedElsewhere(), (409, "Task run stream is already complete"), (3, True), "completed by someone else"),
        (CompletedElsewhere(**AT_LINE_2), (409, "Task run stream is already complete"), (5, True), "by someone else"),
        (CompletedElsewhere(phase="after-accept"), (200, None), (7, True), "completed by someone else"),
    ],
)
@in_virtual_time
async def test_the_state_of_a_run_changes_at_a_point(
    fault: Fault, answer: tuple[int, str | None], state: tuple[int, bool], why: str
) -> None:
    """The second request carries 4 to 7 to a run that stands at 3; what it meets is the run as changed."""
    async with FakeBackend(faults=[FaultRule(fault=fault, requests=(2,))]) as backend, client_of(backend) as client:
        await client.post(event_lines(1, 3))
        status, said = await client.post(event_lines(4, 7))
        assert (status, said.get("error")) == answer
        run = backend.run("run")
        assert (run.last_accepted_seq, run.complete) == state
    place = next(place for place, record in enumerate(backend.history) if isinstance(record, FaultStruck))
    change = backend.history[place + 1]
    assert isinstance(change, StateSet)
    assert why in change.why
    assert len([record for record in backend.history if isinstance(record, StateSet)]) == 1


@in_virtual_time
async def test_numbers_that_another_took_are_duplicates_unseen() -> None:
    """The backend can't tell whose they are: it counts them, and their events are lost."""
    rule = FaultRule(fault=ForeignWriter(numbers=2))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert await client.post(event_lines(1, 3)) == (
            200,
            {"accepted": 1, "duplicate": 2, "last_accepted_seq": 3},
        )
        assert backend.run("run").events == ({"n": 3},)


@in_virtual_time
async def test_a_complete_run_takes_nothing_of_another_writer() -> None:
    """It stays as it is; a lost state however opens it again."""
    rules = [FaultRule(fault=ForeignWriter(numbers=2), requests=(2,)), FaultRule(fault=Forget(), requests=(3,))]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        await client.post(event_line(1) + completion_line(1))
        assert (await client.post())[1]["last_accepted_seq"] == 1
        assert not [record for record in backend.history if isinstance(record, StateSet)]
        assert (await client.post(event_line(1)))[1]["accepted"] == 1


@in_virtual_time
async def test_a_run_changes_before_another_answer_is_given() -> None:
    """At one point a change of state comes before what ends the request, whatever the order of the rules."""
    rules = [FaultRule(fault=ExpireToken()), FaultRule(fault=CompletedElsewhere(phase="before-read"))]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        assert (await client.post())[0] == 401
        assert backend.run("run").complete


@pytest.mark.parametrize("tokens", [None, {"old": None, "new": "run"}])
@in_virtual_time
async def test_a_token_is_bad_from_the_request_on_in_which_it_expires(tokens: dict[str, str | None] | None) -> None:
    """In every run, and for ever; another token is as good as before."""
    rule = FaultRule(fault=ExpireToken(), of="data", requests=(2,), run_id="run")
    async with FakeBackend(faults=[rule], tokens=tokens) as backend:
        async with client_of(backend, Authorization="Bearer old") as client:
            answers = [await client.post(event_line(seq)) for seq in (1, 2, 2)]
            assert [status for status, _ in answers] == [200, 401, 401]
            assert (
                answers[1] == answers[2] == (401, {"error": "Invalid event ingest token", "code": "InvalidTokenError"})
            )
            assert (await client.post(run="other"))[0] == 401
        async with client_of(backend, Authorization="Bearer new") as client:
            assert (await client.post(event_line(2)))[1]["accepted"] == 1
    assert [record.request for record in backend.history if isinstance(record, FaultStruck)] == [2]


EPOCHS = [
    (None, 403, 3),
    ("", 403, 3),
    ("2", 403, 3),
    ("-4", 403, 3),
    ("x", 403, 3),
    ("\u0664", 403, 3),
    ("4" * 5_000, 403, 3),
    ("3", 200, 3),
    (" 4 ", 200, 4),
]


@pytest.mark.parametrize(("epoch", "status", "current"), EPOCHS)
@in_virtual_time
async def test_an_older_writer_is_fenced_out(epoch: str | None, status: int, current: int) -> None:
    """Nothing of it is taken, and it is told the current epoch; a newer writer raises that."""
    rule = FaultRule(fault=Fence(epoch=3), requests=(2,))
    headers = {} if epoch is None else {"Producer-Epoch": epoch}
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post(event_line(1)))[0] == 200, "before that, anyone may write"
        for taken in (2, 3):
            answered, said = await client.post(event_line(taken), headers=headers)
            assert answered == status
            if status == 403:
                assert said["current_epoch"] == current
                assert re.fullmatch(r"Producer epoch \d+ is fenced by epoch 3", said["error"])
            assert backend.run("run").last_accepted_seq == (taken if status == 200 else 1)
        assert (await client.post(headers={"Producer-Epoch": "3"}))[0] == (200 if current == 3 else 403)
        assert (await client.post(run="other"))[0] == 200
    assert [record.request for record in backend.history if isinstance(record, FaultStruck)] == [2]


@in_virtual_time
async def test_a_fence_never_falls() -> None:
    """A lower one later changes nothing, for the request that it strikes as well."""
    rules = [FaultRule(fault=Fence(epoch=5), requests=(1,)), FaultRule(fault=Fence(epoch=2), requests=(2,))]
    async with FakeBackend(faults=rules) as backend, client_of(backend, **{"Producer-Epoch": "5"}) as client:
        assert [(await client.post())[0] for _ in range(2)] == [200, 200]
        assert (await client.post(headers={"Producer-Epoch": "4"}))[1]["current_epoch"] == 5
    assert len([record for record in backend.history if isinstance(record, RequestStarted)]) == 3
