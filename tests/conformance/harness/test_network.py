"""What happens on the way to the backend is said once, and means the same in each of three worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.capabilities import CAPABILITIES
from conformance.errors import SuiteError
from conformance.evidence.history import NetworkTrouble
from conformance.harness.scenario import Scenario, numbered
from conformance.harness.toxiproxy import ToxiproxyWorld, toxic_of, toxiproxy_world
from conformance.harness.worlds import SimulatedWorld, TcpWorld
from conformance.judging.comparison import Comparison, Outcome, compare
from conformance.judging.verdicts import Judgement
from conformance.rules.catalogue import RULES
from conformance.rules.findings import Violation
from conformance.scenarios import SCENARIOS
from fake_backend.faults import (
    Bandwidth,
    Down,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Stall,
    Status,
    Timeout,
)
from fake_backend.records import AnswerSent, FaultStruck
from fake_backend.toxiproxy import Toxic, ToxiproxyError, connected
from reference.adapter import create_sender
from tests.conformance.mutants.delivery import RenumbersAfterAReset
from tests.toxiproxy_server import toxiproxy_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.evidence.settings import Settings
    from conformance.harness.scenario import Stage
    from fake_backend.faults import Fault

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS if scenario.is_of_the_network}
A_LOST_ANSWER = BY_NAME["a-network-with-reset-peer-downstream"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the API of a Toxiproxy is."""
    with toxiproxy_server() as url:
        yield url


@pytest.fixture
def proxied(url: str) -> Iterator[ToxiproxyWorld]:
    """The world behind a Toxiproxy, which holds no proxy after the test."""
    with toxiproxy_world(url, at_a_time=8) as world:
        yield world
    with connected(url) as server, server.told("list its proxies") as api:
        assert api.proxies() == {}


@pytest.mark.parametrize("scenario", BY_NAME.values(), ids=lambda scenario: scenario.name)
def test_a_scenario_of_the_network_leaves_the_backend_alone(scenario: Scenario) -> None:
    """What the backend did of itself would be no trouble of the network, and no proxy could do it."""
    assert (scenario.faults, scenario.limits, scenario.stands_at) == ((), None, 0)


@pytest.mark.parametrize(
    ("fault", "kind", "stream", "attributes"),
    [
        (Latency(seconds=0.25, phase="before-read"), "latency", "upstream", {"latency": 250, "jitter": 0}),
        (Latency(seconds=1.5), "latency", "downstream", {"latency": 1500, "jitter": 0}),
        (Bandwidth(rate=50_000, stream="upstream"), "bandwidth", "upstream", {"rate": 50}),
        (Bandwidth(rate=10), "bandwidth", "downstream", {"rate": 1}),
        (LimitData(size=20), "limit_data", "downstream", {"bytes": 20}),
        (
            Slicer(size=10, delay=0.02),
            "slicer",
            "downstream",
            {"average_size": 10, "size_variation": 0, "delay": 20_000},
        ),
        (ResetPeer(phase="before-read"), "reset_peer", "upstream", {"timeout": 0}),
        (Timeout(seconds=0.5, phase="after-accept"), "timeout", "downstream", {"timeout": 500}),
        (Timeout(seconds=0), "timeout", "upstream", {"timeout": 1}),
        (SlowClose(seconds=1), "slow_close", "downstream", {"delay": 1000}),
    ],
    ids=repr,
)
def test_a_toxic_does_what_a_fault_does(fault: Fault, kind: str, stream: str, attributes: dict[str, int]) -> None:
    """Seconds become milliseconds or microseconds, bytes a second thousands, and points of a request streams."""
    toxic = toxic_of(fault)
    assert (toxic.type, toxic.stream, toxic.attributes) == (kind, stream, attributes)


@pytest.mark.parametrize(
    "fault",
    [
        Latency(seconds=1, phase="in-answer"),
        Latency(seconds=1, jitter=0.5),
        ResetPeer(phase="after-lines", lines=3),
        Slicer(size=1, body_only=True),
        Down(seconds=1),
        Status(status=503),
        Stall(),
    ],
    ids=repr,
)
def test_what_no_toxic_surely_does_is_an_error(fault: Fault) -> None:
    """A scenario that asks for it can't be performed there, and isn't performed without it."""
    with pytest.raises(SuiteError, match=r"has nothing that does what this does: \w+\("):
        toxic_of(fault)


async def four_events_and_four_that_meet_trouble(stage: Stage) -> None:
    """Answers take a second for the second four."""
    sender = await stage.open()
    await sender.enqueue(*numbered(4))
    await sender.delivered()
    async with stage.meets(Latency(seconds=1.0)):
        await sender.enqueue(*numbered(4, first=5))
        await stage.pause(1.5)
    await sender.stop()


TROUBLED = Scenario(name="troubled", rules=(), story="", script=four_events_and_four_that_meet_trouble)


def test_trouble_lasts_for_its_phase() -> None:
    """It strikes what comes meanwhile, and nothing before or after; the history says how long it was."""
    history = SimulatedWorld().perform(TROUBLED, create_sender)
    [trouble] = [record for record in history.records if isinstance(record, NetworkTrouble)]
    struck = [record.time for record in history.records if isinstance(record, FaultStruck)]
    assert trouble.what == "latency(seconds=1.0, phase='after-accept')"
    assert trouble.seconds == pytest.approx(1.7, abs=0.05)
    assert [trouble.time < time < trouble.time + trouble.seconds for time in struck] == [True]
    answers = [record.time for record in history.records if isinstance(record, AnswerSent)]
    assert answers[0] < trouble.time < answers[-2] < trouble.time + trouble.seconds < answers[-1]


def test_the_proxy_does_it_where_there_is_one(proxied: ToxiproxyWorld) -> None:
    """No fault of the backend strikes, and what the sender is told to post to isn't the backend."""
    told: list[str] = []

    def make(settings: Settings) -> object:
        told.append(settings.url)
        return create_sender(settings)

    history = proxied.perform(A_LOST_ANSWER, make)
    assert history.world == "toxiproxy"
    assert not [record for record in history.records if isinstance(record, FaultStruck)]
    [trouble] = [record for record in history.records if isinstance(record, NetworkTrouble)]
    inside = [
        record.status
        for record in history.records
        if isinstance(record, AnswerSent) and trouble.time < record.time < trouble.time + trouble.seconds
    ]
    assert len(inside) > 1  # they were answered, and asked again
    assert history.settings.url == told[0]


def test_the_proxy_goes_also_when_a_script_fails(proxied: ToxiproxyWorld) -> None:
    """What the server holds is looked at when the test is over."""

    async def fails(stage: Stage) -> None:
        async with stage.meets(ResetPeer()):
            raise OSError("the script is broken")

    with pytest.raises(OSError, match="the script is broken"):
        proxied.perform(Scenario(name="fails", rules=(), story="", script=fails), create_sender)


def test_a_broken_sender_fails_alike_in_all_worlds(proxied: ToxiproxyWorld) -> None:
    """One that gives events new numbers after a reset doubles them, wherever it is that the answers are lost."""
    lost = [
        A_LOST_ANSWER,
        BY_NAME["a-network-with-timeout-downstream"],
        BY_NAME["a-network-with-limit-data-upstream-from-the-start"],
    ]
    found = compare(
        RenumbersAfterAReset,
        scenarios=lost,
        worlds={"simulator": SimulatedWorld(), "TCP": TcpWorld(), "Toxiproxy": proxied},
        rules=[rule.id for rule in RULES],
        capabilities=CAPABILITIES,
    )
    assert [[outcome.failed for outcome in each.outcomes.values()] for each in found] == [[("DLV-2",)] * 3] * 3
    assert all(each.is_alike for each in found)


def test_a_server_that_ends_meanwhile_leaves_what_could_not_be_judged() -> None:
    """It is an error of the performance, and no failure of the sender."""
    with toxiproxy_server() as url, toxiproxy_world(url, at_a_time=1) as world:
        pass
    found = compare(
        create_sender,
        scenarios=[A_LOST_ANSWER],
        worlds={"Toxiproxy": world},
        rules=["DLV-1"],
        capabilities=CAPABILITIES,
    )
    assert (found[0].judgement, found[0].is_alike) == (Judgement.NOT_JUDGED, True)
    assert str(found[0].outcomes["Toxiproxy"].error).startswith(ToxiproxyError.__name__)


DOUBLED = Violation(rule="DLV-2", sentence="", records=())
LOST = Violation(rule="DLV-1", sentence="", records=())


@pytest.mark.parametrize(
    ("outcomes", "judgement", "is_alike"),
    [
        ([Outcome(), Outcome()], Judgement.PASSED, True),
        ([Outcome(), Outcome(violations=(DOUBLED,))], Judgement.FAILED, False),
        ([Outcome(violations=(DOUBLED, DOUBLED)), Outcome(violations=(DOUBLED,))], Judgement.FAILED, True),
        ([Outcome(violations=(LOST,)), Outcome(violations=(DOUBLED,))], Judgement.FAILED, False),
        ([Outcome(error="no"), Outcome()], Judgement.NOT_JUDGED, True),
        ([Outcome(error="no"), Outcome(violations=(LOST,))], Judgement.FAILED, True),
    ],
)
def test_worlds_agree_where_the_same_rules_are_broken(
    outcomes: list[Outcome], judgement: Judgement, *, is_alike: bool
) -> None:
    """However often each is; and a world that couldn't judge says nothing."""
    found = Comparison(scenario=A_LOST_ANSWER, outcomes=dict(zip("ab", outcomes, strict=True)))
    assert (found.judgement, found.is_alike) == (judgement, is_alike)


def test_a_toxic_has_a_name_for_its_stream() -> None:
    """So that the same may be on both."""
    assert Toxic(type="latency", stream="upstream", attributes={}).name == "latency_upstream"
