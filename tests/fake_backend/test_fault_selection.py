"""Which requests are struck: by kind, by count, by run, by chance, by time, by the events they carry."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientConnectionError
from aiohttp.http_parser import HttpRequestParserPy
from msgspec.structs import replace

from fake_backend import ActiveFault, FakeBackend, Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults import LateAccept, LimitData, Partial, Phase, RequestKind, Slicer
from fake_backend.faults.file import parse_faults
from fake_backend.faults.plan import FaultPlan
from fake_backend.records import LineReceived, encode_record
from tests.fake_backend.virtual_time import in_virtual_time
from tests.fake_backend.wire import (
    Client,
    client_of,
    completion_line,
    connected,
    event_line,
    event_lines,
    read_to_end,
    request_bytes,
    request_head,
)

BODIES: dict[RequestKind, bytes] = {"sync": b"", "data": event_line(1), "completion": completion_line(0)}


@pytest.mark.parametrize("of", ["sync", "data", "completion"])
@pytest.mark.parametrize("phase", ["before-read", "before-accept", "after-accept"])
async def test_a_rule_of_a_kind_strikes_that_kind_alone(of: RequestKind, phase: Phase) -> None:
    """A kind is told by the first line, or by the end of an empty body, for every point of a request."""
    rule = FaultRule(fault=Status(status=503, phase=phase), of=of)
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        for kind, body in BODIES.items():
            status, _ = await client.post(body, run=kind)
            assert status == (503 if kind == of else 200)
            taken_anyway = phase == "after-accept" or kind != of
            assert backend.run(kind).last_accepted_seq == (taken_anyway and kind == "data")


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b"\n \n" + event_line(1), {}, "data"),
        (b"nonsense", {}, "data"),
        (b"x" * 1_000_001, {}, "data"),
        (b" \n", {}, "sync"),
        (completion_line(True), {}, "completion"),  # noqa: FBT003
        (b"", {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "0"}, "completion"),
        (event_line(1), {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "1"}, "data"),
    ],
    ids=repr,
)
async def test_a_kind_is_told_by_the_first_line_that_says_something(
    body: bytes, headers: dict[str, str], kind: str
) -> None:
    """White space says nothing; a bad line is data that went wrong, unless it meant to complete."""
    kinds: list[RequestKind] = ["sync", "data", "completion"]
    rules = [
        FaultRule(fault=Status(status=503, body=json.dumps({"kind": of}), phase="before-read"), of=of) for of in kinds
    ]
    async with FakeBackend(faults=rules, legacy_completion=True) as backend, client_of(backend) as client:
        assert await client.post(body, headers=headers) == (503, {"kind": kind})


async def test_headers_make_no_completion_today() -> None:
    """Where the older form isn't known, a request in it is a sync, for rules too."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"), of="sync")
    headers = {"X-PostHog-Event-Stream-Complete": "true", "X-PostHog-Event-Stream-Final-Seq": "0"}
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert (await client.post(headers=headers))[0] == 503


async def test_requests_are_counted_for_each_run_and_kind() -> None:
    """The second request with events is struck, however many syncs came between, in each run for itself."""
    rule = FaultRule(fault=Status(status=503), of="data", requests=(2,))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        for run in ("a", "b"):
            bodies = [event_line(1), b"", b"", event_line(2), event_line(2)]
            assert [(await client.post(body, run=run))[0] for body in bodies] == [200, 200, 200, 503, 200]


async def test_a_rule_of_a_kind_that_is_added_late_strikes_before_reading_all_the_same() -> None:
    """What the rules ask of a request whose kind isn't known yet is worked out once, and anew when a rule is added."""
    async with FakeBackend() as backend, client_of(backend) as client:
        assert (await client.post(event_line(1)))[0] == 200
        backend.add_fault(FaultRule(fault=Status(status=503, phase="before-read"), of="data"))
        assert (await client.post(event_line(2)))[0] == 503


async def test_a_request_that_reaches_no_run_is_neither_counted_nor_struck() -> None:
    """What is turned away by its head alone isn't the first request of the run."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"), requests=(1,))
    async with FakeBackend(faults=[rule], tokens={"good": None}) as backend:
        async with client_of(backend, Authorization="Bearer bad") as client:
            assert (await client.post())[0] == 401
        async with client_of(backend, Authorization="Bearer good") as client:
            assert (await client.post())[0] == 503


BUSY = Status(status=503)


async def statuses(client: Client, count: int, *, run: str = "run", body: bytes = b"") -> list[int]:
    """Post the same a few times; give the statuses."""
    return [(await client.post(body, run=run))[0] for _ in range(count)]


@in_virtual_time
async def test_a_rule_strikes_at_most_so_many_times() -> None:
    """Those of all runs together, and of those alone that the other selectors choose."""
    rule = FaultRule(fault=BUSY, every=2, times=3)
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert await statuses(client, 5) == [200, 503, 200, 503, 200]
        assert await statuses(client, 6, run="other") == [200, 503, 200, 200, 200, 200]
        assert backend.faults == (ActiveFault(number=1, rule=rule, struck=3),)


@in_virtual_time
async def test_a_spent_rule_asks_for_nothing_any_more() -> None:
    """Once a fault of a kind before reading has struck, the kind of a request is no more looked for."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"), of="data", times=1)
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        backend.add_fault(FaultRule(fault=Status(status=500, phase="before-read"), requests=(2,)))
        assert await statuses(client, 1, body=event_line(1)) == [503]
        async with connected(backend) as (reader, writer):
            writer.write(request_head(backend, "Content-Length: 5", "Connection: close"))
            assert b" 500 " in await reader.readline()


async def chosen(rule: FaultRule, *, seed: int = 0, noise: bool = False) -> list[int]:
    """Give which of 200 requests a rule strikes."""
    async with FakeBackend(faults=[rule], seed=seed) as backend, client_of(backend) as client:
        if noise:
            backend.add_fault(FaultRule(fault=BUSY, probability=0.5, run_id="other"))
        found = []
        for index in range(1, 201):
            if noise:
                await client.post(run="other")
            if (await client.post())[0] == 503:
                found.append(index)
        return found


@in_virtual_time
async def test_chance_follows_from_the_seeds_and_the_request_alone() -> None:
    """What else goes on changes nothing; another seed, of the rule or of the backend, does."""
    rule = FaultRule(fault=BUSY, probability=0.3, seed=7)
    found = await chosen(rule)
    assert 40 <= len(found) <= 80
    assert await chosen(rule, noise=True) == found
    assert await chosen(rule, seed=1) != found
    assert await chosen(FaultRule(fault=BUSY, probability=0.3, seed=8)) != found
    assert set(await chosen(FaultRule(fault=BUSY, probability=0.1, seed=7))) < set(found)
    assert await chosen(FaultRule(fault=BUSY, probability=0.3, seed=7, every=2)) == [
        index for index in found if index % 2 == 0
    ]


CHANCES = """
[[fault]]
kind = "latency"
seconds = 0.2
jitter = 0.1
probability = 0.5

[[fault]]
kind = "reset_peer"
of = "data"
probability = 0.3
seed = 1

[[fault]]
kind = "status"
status = 503
events = [4, 9]
probability = 0.5
"""


@in_virtual_time
async def test_the_same_file_seed_and_requests_misbehave_in_the_same_way() -> None:
    """Record for record; and otherwise with another seed."""

    async def history(seed: int) -> list[bytes]:
        async with FakeBackend(faults=parse_faults(CHANCES), seed=seed) as backend, client_of(backend) as client:
            began = asyncio.get_running_loop().time()
            for _ in range(20):
                last = backend.run("run").last_accepted_seq
                with suppress(ClientConnectionError):
                    await client.post(event_lines(last + 1, last + 2))
            records = [replace(record, time=round(record.time - began, 6)) for record in backend.history]
            return [encode_record(record).replace(str(backend.url).encode()[7:], b"") for record in records]

    found = await history(1)
    assert any(b"reset_peer" in record for record in found)
    assert await history(1) == found
    assert await history(2) != found


@in_virtual_time
async def test_no_chance_and_certainty_are_what_they_say() -> None:
    """0 strikes no request, 1 each."""
    assert await chosen(FaultRule(fault=BUSY, probability=0.0)) == []
    assert await chosen(FaultRule(fault=BUSY, probability=1.0)) == list(range(1, 201))


@in_virtual_time
async def test_two_faults_of_the_same_chance_strike_apart() -> None:
    """Each kind of fault is drawn for itself, also where nobody gave it a seed."""
    rules = [FaultRule(fault=BUSY, probability=0.5), FaultRule(fault=Latency(seconds=1.0), probability=0.5)]
    async with FakeBackend(faults=rules) as backend, client_of(backend) as client:
        started = asyncio.get_running_loop().time()
        pairs = set()
        for _ in range(40):
            status, _ = await client.post()
            ended = asyncio.get_running_loop().time()
            pairs.add((status, ended - started >= 1.0))
            started = ended
        # A request that both strike is answered before it comes to the latency.
        assert pairs == {(503, False), (200, True), (200, False)}


@in_virtual_time
async def test_a_rule_strikes_between_two_moments() -> None:
    """Counted from when the backend first listened, the second moment not among them, whatever happens to its port."""
    rule = FaultRule(fault=BUSY, between=(10.0, 20.0))
    await asyncio.sleep(5.0)
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        began = asyncio.get_running_loop().time()
        found = []
        for second in (0.0, 9.9, 10.0, 19.0, 20.0):
            await asyncio.sleep(began + second - asyncio.get_running_loop().time())
            if second == 19.0:
                await backend.go_down()
                await backend.come_up()
                await asyncio.sleep(0.05)  # the client sees its connection end
            found += await statuses(client, 1)
        assert found == [200, 200, 503, 503, 200]


@pytest.mark.parametrize(
    ("fault", "status", "last"),
    [
        (Status(status=503), 503, 2),
        (Status(status=503, phase="after-lines", lines=2), 503, 4),
        (Status(status=503, phase="after-accept"), 503, 5),
        (Partial(lines=1), 200, 3),
        (LateAccept(seconds=1.0), 504, 2),
        (Slicer(size=9), 200, 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else value,
)
@in_virtual_time
async def test_a_request_is_chosen_by_an_event_that_it_carries(fault: Fault, status: int, last: int) -> None:
    """Wherever in the body the number is; the points of the request before it come all the same."""
    rule = FaultRule(fault=fault, events=(5, 99))
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        assert await statuses(client, 1, body=event_lines(1, 2)) == [200]
        assert await statuses(client, 2) == [200, 200]
        assert backend.faults[0].struck == 0
        assert await statuses(client, 1, body=event_lines(3, 5)) == [status]
        assert backend.run("run").last_accepted_seq == last
        assert backend.faults[0].struck == 1


@in_virtual_time
async def test_lines_are_held_back_until_the_number_has_been_seen() -> None:
    """Nothing is taken of a request that may carry it; what is struck for it is struck as early as it can be."""
    rule = FaultRule(fault=BUSY, events=(3,), times=1)
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as (reader, writer):
        writer.write(request_head(backend, "Content-Length: 9999", "Connection: close") + event_lines(1, 2))
        await asyncio.sleep(1.0)
        assert not [record for record in backend.history if isinstance(record, LineReceived)]
        writer.write(event_line(3))
        assert b" 503 " in await reader.readline()
        assert backend.run("run").last_accepted_seq == 0
        async with connected(backend) as (_, later):  # the rule is spent: nothing is held back any more
            later.write(request_head(backend, "Content-Length: 9999") + event_lines(1, 2))
            await asyncio.sleep(1.0)
            assert backend.run("run").last_accepted_seq == 2


@pytest.mark.parametrize("how", ["left", "garbled", "limited"])
@in_virtual_time
async def test_lines_that_were_held_back_for_nothing_are_taken(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that breaks off without the number is taken as far as it came, as ever."""
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", HttpRequestParserPy)  # the one that tells of garbage
    rules = [FaultRule(fault=BUSY, events=(9,))]
    lines = event_lines(1, 2)
    if how == "limited":
        rules.append(FaultRule(fault=LimitData(size=len(lines), stream="upstream")))
    async with FakeBackend(faults=rules) as backend, connected(backend) as (reader, writer):
        if how == "garbled":
            chunk = b"%x\r\n%b\r\n" % (len(lines), lines)
            writer.write(request_head(backend, "Transfer-Encoding: chunked") + chunk)
            await asyncio.sleep(1.0)
            writer.write(b"no chunk\r\n")
        else:
            writer.write(request_head(backend, "Content-Length: 9999") + lines)
            await asyncio.sleep(1.0)
        if how == "left":
            writer.transport.abort()
            await asyncio.sleep(1.0)
        else:
            answer, _ = await read_to_end(reader)
            assert (b" 408 " in answer) == (how == "garbled")
        assert backend.run("run").last_accepted_seq == 2
        assert backend.faults[0].struck == 0


@in_virtual_time
async def test_lines_that_are_held_back_go_down_with_the_backend() -> None:
    """They were in its memory, and nobody was told of them."""
    async with FakeBackend(faults=[FaultRule(fault=BUSY, events=(9,))]) as backend, connected(backend) as (_, writer):
        writer.write(request_head(backend, "Content-Length: 9999") + event_lines(1, 2))
        await asyncio.sleep(1.0)
        await backend.go_down()
        await asyncio.sleep(1.0)
        assert backend.run("run").last_accepted_seq == 0


@in_virtual_time
async def test_of_two_requests_with_the_number_a_rule_of_one_time_strikes_the_first() -> None:
    """Both wait for it; what counts is in which it was seen."""
    rule = FaultRule(fault=BUSY, events=(2,), times=1)
    async with FakeBackend(faults=[rule]) as backend, connected(backend) as one, connected(backend) as two:
        whole = request_bytes(backend, event_lines(1, 2), "Connection: close")
        for _, writer in (one, two):
            writer.write(whole[:-5])
            await asyncio.sleep(1.0)
        two[1].write(whole[-5:])
        assert b" 503 " in (await read_to_end(two[0]))[0]
        one[1].write(whole[-5:])
        assert b" 200 " in (await read_to_end(one[0]))[0]


@pytest.mark.parametrize(
    ("selector", "struck"),
    [
        ({}, {2}),
        ({"of": "any"}, set()),
        ({"requests": (1, 3)}, set()),
        ({"every": 3}, set()),
        ({"events": (1, 4)}, {4}),
        ({"probability": 0.0}, set()),
        ({"between": (50.0, 60.0)}, set()),
        ({"times": 2}, {2, 4}),
        ({"run_id": "other"}, set()),
    ],
)
@in_virtual_time
async def test_all_selectors_hold_together(selector: dict[str, Any], struck: set[int]) -> None:
    """A request is struck when each of them chooses it; no one of them can be left out."""
    all_of_them: dict[str, Any] = {
        "of": "data",
        "requests": (2, 4, 5),
        "every": 2,
        "events": (2, 4),
        "probability": 1.0,
        "between": (0.0, 10.0),
        "times": 1,
        "run_id": "run",
    }
    rule = FaultRule(fault=BUSY, **{**all_of_them, **selector})
    async with FakeBackend(faults=[rule]) as backend, client_of(backend) as client:
        for seq in range(1, 5):
            assert ((await client.post(event_line(seq)))[0] == 503) == (seq in struck)
            await client.post()


@in_virtual_time
async def test_rules_have_numbers_by_which_they_go() -> None:
    """No number comes twice; of rules that are equal, the first goes; what isn't there can't."""
    rule, other = FaultRule(fault=BUSY), FaultRule(fault=ResetPeer())
    async with FakeBackend(faults=[rule, other]) as backend, client_of(backend) as client:
        assert await statuses(client, 2) == [503, 503]
        assert backend.add_fault(rule) == 3
        assert [(each.number, each.struck) for each in backend.faults] == [(1, 2), (2, 2), (3, 0)]
        backend.remove_fault(rule)
        backend.remove_fault(2)
        assert list(backend.faults) == [ActiveFault(number=3, rule=rule, struck=0)]
        with pytest.raises(ValueError, match="there is no fault 2; there are 3"):
            backend.remove_fault(2)
        with pytest.raises(ValueError, match="there is no such fault as FaultRule"):
            backend.remove_fault(other)
        backend.clear_faults()
        assert not backend.faults
        assert await statuses(client, 1) == [200]
        with pytest.raises(ValueError, match="there is no fault 3; there is none"):
            backend.remove_fault(3)
        assert backend.add_fault(other) == 4


def test_a_plan_that_starts_over_counts_anew() -> None:
    """Requests are counted from 1 again, and a rule that was spent may strike again."""
    rule = FaultRule(fault=Status(status=503, phase="before-read"), of="data", requests=(1,), times=1)
    plan = FaultPlan([rule], seed=0, uptime=lambda: 0.0)

    def strikes() -> bool:
        faults = plan.open_request("run")
        faults.kind_is("data")
        return bool(faults)

    assert [strikes(), strikes()] == [True, False]
    assert not plan.before_kind("run").wanted_first
    plan.start_over()
    assert plan.active == (ActiveFault(number=1, rule=rule, struck=0),)
    assert plan.before_kind("run").wanted_first
    assert [strikes(), strikes()] == [True, False]
