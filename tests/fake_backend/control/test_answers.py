"""What the control API does and tells: faults, runs, events, history, reset."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError

import pytest

from fake_backend import FakeBackend, FakeBackendError, FaultRule, Status
from fake_backend.faults import Duplicate, LateAccept
from fake_backend.faults.catalogue import catalogue
from fake_backend.records import StateSet, decode_record
from tests.fake_backend.control.asking import TOKEN, Asker, asking
from tests.fake_backend.virtual_time import in_virtual_time
from tests.fake_backend.wire import completion_line, event_line, event_lines

RULE = {"kind": "status", "status": 503, "of": "data", "times": 2}


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    """A backend with a control API."""
    async with asking(FakeBackend(control=True)) as asker:
        yield asker


async def test_health_tells_how_much_is_held(ask: Asker) -> None:
    """Requests, runs and records, kept and forgotten."""
    await ask.post("run", event_line(1))
    status, health = await ask("GET", "/_fake/health")
    assert status == 200
    assert health.pop("uptime") > 0
    assert health.pop("version")
    assert health == {"status": "ok", "requests": 1, "runs": 1, "history": {"kept": 4, "forgotten": 0}}


async def test_a_source_tree_that_was_not_installed_has_no_version(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is served all the same."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("fake_backend.installed.version", missing)
    assert (await ask("GET", "/_fake/health"))[1]["version"] == "unknown"


async def test_without_control_nobody_counts_runs() -> None:
    """So that asking for them is an error, and not an empty answer."""
    async with FakeBackend() as backend:
        with pytest.raises(FakeBackendError, match=r"run_states needs a FakeBackend\(control=True\)"):
            backend.run_states()


async def test_a_fault_can_be_switched_on_for_so_many_requests_and_off(ask: Asker) -> None:
    """A rule strikes from the next request on, is counted, and strikes no more when it is gone."""
    assert await ask("POST", "/_fake/faults", RULE) == (201, {"id": 1, "rule": RULE, "struck": 0})
    assert [await ask.post("run", event_line(1)) for _ in range(3)] == [503, 503, 200]
    assert await ask("GET", "/_fake/faults") == (200, {"faults": [{"id": 1, "rule": RULE, "struck": 2}]})
    assert await ask("DELETE", "/_fake/faults/1") == (204, None)
    assert await ask("DELETE", "/_fake/faults/1") == (404, {"error": "there is no fault 1; there are: none"})
    for number in (2, 3):
        assert (await ask("POST", "/_fake/faults", RULE))[1]["id"] == number
    assert (await ask("DELETE", "/_fake/faults/7"))[1] == {"error": "there is no fault 7; there are: 2, 3"}
    assert await ask("DELETE", "/_fake/faults") == (204, None)
    assert ask.backend.faults == ()


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({}, "kind is missing; it is one of "),
        ({"kind": "status"}, "status is missing; status needs it: "),
        ({"kind": "latncy"}, "kind is 'latncy'; it is one of "),
        ({"kind": "latency", "seconds": "x"}, "seconds is 'x'; expected number"),
        ({"kind": "latency", "seconds": 1, "off": "data"}, "unknown key 'off'; latency knows "),
        ({"kind": "latency", "seconds": 1, "requests": [0]}, "requests has 0; requests are counted from 1"),
        ([], "The body is []; it must be an object"),
    ],
    ids=str,
)
async def test_a_rule_that_makes_no_sense_is_told_as_in_a_file(ask: Asker, rule: object, error: str) -> None:
    """And nothing is added."""
    status, said = await ask("POST", "/_fake/faults", rule)
    assert status == 400
    assert said["error"].startswith(error)
    assert ask.backend.faults == ()


async def test_rules_are_told_by_what_they_say(ask: Asker) -> None:
    """What a rule leaves unsaid isn't told; nothing is `false`, as in a file."""
    ask.backend.add_fault(FaultRule(fault=Duplicate()))
    ask.backend.add_fault(FaultRule(fault=LateAccept(seconds=1.0, status=None), run_id="run"))
    ask.backend.add_fault(FaultRule(fault=Status(status=429, headers={"Retry-After": "1"}), requests=(1, 2)))
    _, said = await ask("GET", "/_fake/faults")
    rules = [entry["rule"] for entry in said["faults"]]
    assert rules == [
        {"kind": "duplicate"},
        {"kind": "late_accept", "seconds": 1.0, "status": False, "run_id": "run"},
        {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "requests": [1, 2]},
    ]
    for rule in rules:
        await ask("POST", "/_fake/faults", rule)
    first, second = ask.backend.faults[:3], ask.backend.faults[3:]
    assert [active.rule for active in first] == [active.rule for active in second]


async def test_the_kinds_of_faults_are_told_with_examples_that_work(ask: Asker) -> None:
    """What the page offers: each example is a rule that can be added as it is."""
    status, said = await ask("GET", "/_fake/faults/kinds")
    assert status == 200
    assert [kind["kind"] for kind in said["kinds"]] == [kind.kind for kind in catalogue().kinds]
    examples = [each["example"] for each in said["kinds"] + said["selectors"]]
    assert [(await ask("POST", "/_fake/faults", example))[0] for example in examples] == [201] * len(examples)


async def test_runs_are_told_with_their_state(ask: Asker) -> None:
    """In the order in which they were first heard of, with counts, and ids decoded."""
    await ask.post("a/b", event_lines(1, 3))
    await ask.post("a/b", event_lines(3, 3) + completion_line(3))
    await ask.post("other", b"")
    status, said = await ask("GET", "/_fake/runs")
    first, second = said["runs"]
    assert status == 200
    assert 0 <= first.pop("idle") < 1
    assert first == {
        "run_id": "a/b",
        "last_accepted_seq": 3,
        "complete": True,
        "requests": 2,
        "in_flight": 0,
        "accepted": 3,
        "duplicates": 1,
        "faults": 0,
        "rate": 0.6,
    }
    assert (second["run_id"], second["requests"]) == ("other", 1)
    assert (await ask("GET", "/_fake/runs/a%2Fb"))[1]["run_id"] == "a/b"


@in_virtual_time
async def test_the_rate_is_that_of_the_last_seconds() -> None:
    """It falls back to 0 when nothing comes; `idle` says for how long."""
    async with asking(FakeBackend(control=True)) as ask:
        seen = []
        await ask.post("run", event_lines(1, 10))
        for pause in (0.0, 4.0, 2.0):
            await asyncio.sleep(pause)
            _, run = await ask("GET", "/_fake/runs/run")
            seen.append((run["rate"], round(run["idle"])))
        assert seen == [(2.0, 0), (2.0, 4), (0.0, 6)]


async def test_the_state_of_a_run_can_be_changed(ask: Asker) -> None:
    """What is left out stays; the change is in the history, with its reason; a run needn't have been heard of."""
    await ask.post("run", event_lines(1, 3))
    status, run = await ask("PATCH", "/_fake/runs/run", {"last_accepted_seq": 1, "why": "lost"})
    assert (status, run["last_accepted_seq"], run["complete"]) == (200, 1, False)
    assert (await ask("PATCH", "/_fake/runs/run", {"complete": True}))[1]["last_accepted_seq"] == 1
    assert (await ask("PATCH", "/_fake/runs/new", {}))[1]["last_accepted_seq"] == 0
    states = [record for record in ask.backend.history if isinstance(record, StateSet)]
    assert [(state.run_id, state.last_accepted_seq, state.complete, state.why) for state in states] == [
        ("run", 1, False, "lost"),
        ("run", 1, True, "set by the control API"),
        ("new", 0, False, "set by the control API"),
    ]


async def test_a_run_that_does_not_exist_cannot_be_changed() -> None:
    """With `known_runs`, others can't be, neither by a sender nor from outside."""
    async with asking(FakeBackend(control=True, known_runs=["run"])) as ask:
        assert await ask.post("other", b"") == 404
        error = "'other' is none of the known_runs this backend was given"
        assert await ask("PATCH", "/_fake/runs/other", {"complete": True}) == (404, {"error": error})
        error = "no request has reached a run 'other'"
        assert await ask("GET", "/_fake/runs/other") == (404, {"error": error})


async def test_events_are_told_by_kind_and_by_cursor(ask: Asker) -> None:
    """A kind is what the event says it is; a cursor goes past what was left out."""
    await ask.post(
        "run",
        event_line(1, kind="turn.started")
        + event_line(2, type="tool.invoked", kind=7)
        + event_line(3)
        + event_line(4, kind="turn.ended", text="\ud800"),
    )
    _, said = await ask("GET", "/_fake/runs/run/events")
    assert [(event["id"], event["kind"]) for event in said["events"]] == [
        (1, "turn.started"),
        (2, "tool.invoked"),
        (3, "event"),
        (4, "turn.ended"),
    ]
    assert said["events"][3]["payload"] == {"seq": 4, "event": {"kind": "turn.ended", "text": "\ud800"}}
    assert (said["missed"], said["cursor"]) == (0, 4)
    for query, ids, cursor in (
        ("kind=turn", [1, 4], 4),
        ("kind=turn&limit=1", [1], 1),
        ("kind=turn&since=1", [4], 4),
        ("kind=nothing", [], 4),
        ("kind=turn&limit=0", [], 0),
        ("since=2&limit=1", [3], 3),
        ("since=9", [1, 2, 3, 4], 4),
    ):
        _, said = await ask("GET", f"/_fake/runs/run/events?{query}")
        assert ([event["id"] for event in said["events"]], said["cursor"]) == (ids, cursor), query


async def test_events_of_all_runs_are_told_together(ask: Asker) -> None:
    """In the order in which they were accepted, whatever their workspace, under numbers of their own."""
    for run_id, seq in (("a", 1), ("b", 1), ("a", 2)):
        await ask.post(run_id, event_line(seq, kind=f"of.{run_id}"))
    elsewhere = "/api/projects/7/tasks/8/runs/c/event_stream/"
    assert (await ask("POST", elsewhere, body=event_line(1), headers=TOKEN))[0] == 200
    _, said = await ask("GET", "/_fake/events")
    told = [(event["id"], event["payload"]["run_id"], event["payload"]["seq"]) for event in said["events"]]
    assert told == [(1, "a", 1), (2, "b", 1), (3, "a", 2), (4, "c", 1)]
    assert (said["missed"], said["cursor"]) == (0, 4)
    _, said = await ask("GET", "/_fake/events?kind=of.a&since=1&limit=5")
    assert ([event["id"] for event in said["events"]], said["cursor"]) == ([3], 4)


async def test_history_is_told_by_cursor(ask: Asker) -> None:
    """Of all, and of one run; whoever pages sees each record once."""
    for run_id in ("a", "b", "a"):
        await ask.post(run_id, event_line(1))
    records = ask.backend.history
    seen, cursor = [], 0
    while page := (await ask("GET", f"/_fake/history?since={cursor}&limit=5"))[1]["records"]:
        seen += page
        cursor = page[-1]["id"]
    assert [numbered["id"] for numbered in seen] == [*range(1, len(records) + 1)]
    assert [decode_record(json.dumps(numbered["record"]).encode()) for numbered in seen] == records
    _, of_a = await ask("GET", "/_fake/runs/a/history")
    assert [numbered["id"] for numbered in of_a["records"]] == [1, 2, 3, 4, 9, 10, 11, 12]
    assert (of_a["missed"], of_a["cursor"]) == (0, 12)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/_fake/history", "records"),
        ("/_fake/runs/run/history", "records"),
        ("/_fake/runs/run/events", "events"),
        ("/_fake/events", "events"),
        ("/workspaces/default/activity", "events"),
    ],
)
async def test_an_answer_is_bounded(ask: Asker, path: str, name: str) -> None:
    """Large events come fewer at a time, one at the least, and none is left out."""
    for seq in range(1, 8):
        await ask.post("run", event_line(seq, text="x" * 900_000))
    whole, cursor = len(ask.backend.history) if name == "records" else 7, 0
    sizes = []
    while page := (await ask("GET", f"{path}?since={cursor}", headers=TOKEN))[1]:
        if not page[name]:
            break
        sizes.append(len(page[name]))
        cursor = page["cursor"]
    assert sum(sizes) == whole
    assert len(sizes) == 2


async def test_what_was_forgotten_is_counted() -> None:
    """A cursor from before learns how much it missed; asking for what there is claims nothing."""
    async with asking(FakeBackend(control=True, keep_last=5)) as ask:
        for run_id in ("a", "b"):
            await ask.post(run_id, event_line(1))
        for path, missed in (
            ("/_fake/history?since=0", 3),
            ("/_fake/history?since=2", 1),
            ("/_fake/history", 0),
            ("/_fake/runs/a/history?since=0", 3),
            ("/_fake/runs/b/history?since=0", 0),
        ):
            _, said = await ask("GET", path)
            assert said["missed"] == missed, path
            assert said["cursor"] == (4 if "/a/" in path else 8), path
        assert (await ask("GET", "/_fake/health"))[1]["history"] == {"kept": 5, "forgotten": 3}


@pytest.mark.parametrize(("order", "rules"), [(None, 0), ({}, 0), ({"faults": True}, 0), ({"faults": False}, 1)])
async def test_reset_forgets_all_that_happened(ask: Asker, order: object, rules: int) -> None:
    """Runs, history and counts, and the rules unless told otherwise: a rule that is left counts anew."""
    await ask("POST", "/_fake/faults", {"kind": "status", "status": 503, "times": 1})
    assert [await ask.post("run", event_line(1)) for _ in range(2)] == [503, 200]
    assert await ask("POST", "/_fake/reset", order) == (204, None)
    assert (await ask("GET", "/_fake/runs"))[1] == {"runs": []}
    assert (await ask("GET", "/_fake/history?since=0"))[1]["records"] == []
    _, health = await ask("GET", "/_fake/health")
    assert (health["requests"], health["runs"], health["history"]) == (0, 0, {"kept": 0, "forgotten": 0})
    for path in ("/workspaces/default/activity", "/_fake/events"):
        assert (await ask("GET", path, headers=TOKEN))[1]["events"] == []
    assert [active.struck for active in ask.backend.faults] == [0] * rules
    assert await ask.post("run", event_line(1)) == (503 if rules else 200)


@in_virtual_time
async def test_reset_lets_requests_go_on_and_drops_late_ones() -> None:
    """What is under way meets a run at 0; what a proxy gave up on is never taken; an expired token is good again."""
    rules = [
        FaultRule(fault=LateAccept(seconds=1.0), requests=(1,), run_id="late"),
        FaultRule(fault=Status(status=503), run_id="none"),
    ]
    async with asking(FakeBackend(control=True, faults=rules)) as ask:
        assert await ask.post("late", event_line(1)) == 504
        await ask("POST", "/_fake/faults", {"kind": "expire_token"})
        assert [await ask.post("run", event_line(1)) for _ in range(2)] == [401, 401]
        ask.backend.reset()
        await asyncio.sleep(2.0)
        assert ask.backend.run("late").last_accepted_seq == 0
        assert await ask.post("run", event_line(1)) == 200
