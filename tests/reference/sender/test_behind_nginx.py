"""The sender behind a real nginx, on real sockets: see docs/behind-a-proxy.md."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fake_backend import BackendRecord, FakeBackend, FaultRule, ResetPeer
from fake_backend.faults import Stall
from fake_backend.records import LineReceived
from reference.sender import AnotherWriter, DropReason, EventDropped, EventStreamSender, HealthChanged, Notice
from tests.nginx_server import nginx
from tests.reference.sender.driving import settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

RUN = "run"
TIMELY = 1.0
"""Within so many seconds an event of a quiet program is there."""
BUFFERED = ""
STREAMED = "proxy_request_buffering off; proxy_http_version 1.1"


_PAGE = Path(__file__).parents[3] / "docs" / "behind-a-proxy.md"
FOR_WHOLE_WINDOWS, FOR_OPEN_WINDOWS = re.findall(
    r"proxy_pass http://backend;\n(.*?)}", _PAGE.read_text("utf-8"), re.DOTALL
)
"""What the page sets."""


class Front:
    """A backend with an nginx in front of it."""

    def __init__(self) -> None:
        self.url = ""
        self.backend = FakeBackend(on_record=self._note)
        self.notices: list[Notice] = []
        self.times: list[float] = []
        """When each event was accepted."""
        self._news = asyncio.Event()

    def sender(self, **changes: Any) -> EventStreamSender:
        """A sender to the run, through nginx; what it tells is in `notices`."""
        config = settings(url=f"{self.url}/v1/runs/{RUN}/ingest", **changes)
        return EventStreamSender(config, on_notice=self._hear)

    async def accepted(self, count: int, *, within: float = 10.0) -> None:
        """Wait until so many events were accepted."""
        await self._until(lambda: len(self.times) >= count, within)

    async def told(self, text: str) -> None:
        """Wait until the sender has told of a trouble in such words."""
        await self._until(lambda: any(text in each.detail for each in self.notices if isinstance(each, HealthChanged)))

    def events(self) -> list[Any]:
        """The numbers of the events that were accepted, in order."""
        return [event["n"] for event in self.backend.run(RUN).events]

    async def _until(self, holds: Callable[[], bool], within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def _hear(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._news.set()

    def _note(self, record: BackendRecord) -> None:
        if isinstance(record, LineReceived) and record.decision == "accepted":
            self.times.append(record.time)
            self._news.set()


@asynccontextmanager
async def behind_nginx(*directives: str, faults: Iterable[FaultRule] = (), servers: int = 1) -> AsyncIterator[Front]:
    """A fresh backend behind a fresh nginx, with its defaults but for the directives."""
    front = Front()
    async with front.backend as backend:
        for fault in faults:
            backend.add_fault(fault)
        with nginx(
            *[backend.url] * servers, settings=[each.strip().removesuffix(";") for each in directives if each]
        ) as url:
            front.url = url
            yield front


@pytest.mark.parametrize(
    "directives",
    [
        BUFFERED,
        STREAMED,
        "client_body_timeout 100ms",
        "keepalive_timeout 100ms",
        "keepalive_timeout 0",
        "keepalive_requests 1",
        "proxy_http_version 1.1",
    ],
)
async def test_an_event_of_a_quiet_program_is_there_in_time(directives: str) -> None:
    """With all defaults of the sender, whatever nginx is set to; one request carries it, and none fails (LIV-2)."""
    async with behind_nginx(directives) as at:
        sender = at.sender()
        for number in range(3):
            sender.enqueue({"n": number})
            await at.accepted(number + 1, within=TIMELY)
            await asyncio.sleep(0.2)
        stats = sender.stats()
        assert (stats.delivered, stats.requests, stats.failed_requests) == (3, 4, 0)
        assert (await sender.stop()).completed
        assert at.events() == [0, 1, 2]
        assert at.notices == []


async def test_a_proxy_that_throws_open_windows_away_gets_whole_ones() -> None:
    """One window is lost to it, and sent again whole; from then on events are there in time."""
    async with behind_nginx("client_body_timeout 500ms") as at:
        sender = at.sender(window_age=30.0, request_timeout=30.0, retry_delay=0.05)
        sender.enqueue({"n": 0})
        await at.accepted(1)
        for number in range(1, 3):
            sender.enqueue({"n": number})
            await at.accepted(number + 1, within=TIMELY)
        assert sender.stats().failed_requests == 1
        assert (await sender.stop()).all_delivered
        assert at.events() == [0, 1, 2]


async def test_what_the_page_sets_for_open_windows_passes_each_event_on() -> None:
    """One request carries all of them, and each is there at once (LIV-2)."""
    async with behind_nginx(FOR_OPEN_WINDOWS) as at:
        sender = at.sender(window_age=300.0)
        for number in range(5):
            sender.enqueue({"n": number})
            await at.accepted(number + 1, within=TIMELY)
        stats = sender.stats()
        assert (stats.delivered, stats.requests) == (0, 2)
        assert (await sender.stop()).all_delivered
        assert at.events() == [0, 1, 2, 3, 4]


async def test_a_proxy_that_passes_bodies_on_and_cuts_quiet_ones_gets_whole_ones_too() -> None:
    """Two windows in a row break, although all of them was taken; nothing is there twice (DLV-2)."""
    async with behind_nginx(STREAMED, "client_body_timeout 200ms") as at:
        sender = at.sender(window_age=300.0, retry_delay=0.05)
        for number in range(6):
            sender.enqueue({"n": number})
            await at.accepted(number + 1, within=TIMELY)
            await asyncio.sleep(0.5)
        assert sender.stats().failed_requests == 2
        assert (await sender.stop()).all_delivered
        assert at.events() == list(range(6))


async def test_a_proxy_that_holds_bodies_back_does_so_for_the_time_of_a_request_at_most() -> None:
    """Then an open window is closed, and no request fails."""
    async with behind_nginx() as at:
        sender = at.sender(window_age=300.0, request_timeout=0.5)
        for number in range(2):
            sender.enqueue({"n": number})
        begun = asyncio.get_running_loop().time()
        await at.accepted(2)
        assert 0.4 < at.times[0] - begun < 0.5 + TIMELY
        assert sender.stats().failed_requests == 0
        await sender.stop()


@pytest.mark.parametrize("directive", ["keepalive_timeout 30ms", "keepalive_requests 2"])
async def test_a_connection_that_is_closed_under_it_loses_and_doubles_nothing(directive: str) -> None:
    """Events come when nginx closes the connection, a little earlier and a little later (RTY-1)."""
    async with behind_nginx(directive) as at:
        sender = at.sender(retry_delay=0.01, settle_delay=0.01)
        for number in range(40):
            sender.enqueue({"n": number})
            await asyncio.sleep(0.028 + number / 10_000)
        assert (await sender.stop()).all_delivered
        assert at.events() == list(range(40))
        assert not [each for each in at.notices if not isinstance(each, HealthChanged)]


async def test_a_502_page_is_waited_out() -> None:
    """The backend is down behind nginx (RTY-1)."""
    async with behind_nginx() as at:
        sender = at.sender(retry_delay=0.05, max_retry_delay=0.1)
        sender.enqueue({"n": 0})
        await at.accepted(1)
        await at.backend.go_down()
        sender.enqueue({"n": 1})
        await at.told("502")
        await at.backend.come_up()
        assert (await sender.stop()).all_delivered
        assert at.events() == [0, 1]


@pytest.mark.parametrize("requests", [BUFFERED, STREAMED])
async def test_a_504_page_after_all_was_taken_doubles_nothing(requests: str) -> None:
    """The proxy gives up on a backend that took the window and doesn't answer: the sender asks (DLV-2)."""
    slow = FaultRule(fault=Stall(phase="after-accept", seconds=5.0), of="data", requests=(1,))
    async with behind_nginx("proxy_read_timeout 200ms", requests, faults=[slow]) as at:
        sender = at.sender(retry_delay=0.05)
        for number in range(3):
            sender.enqueue({"n": number})
        await at.told("504")
        assert (await sender.stop()).all_delivered
        assert at.events() == [0, 1, 2]


@pytest.mark.parametrize("directives", [FOR_WHOLE_WINDOWS, FOR_OPEN_WINDOWS])
async def test_a_burst_gets_through_what_the_page_sets(directives: str) -> None:
    """In two windows, of which none is refused."""
    async with behind_nginx(directives) as at:
        sender = at.sender()
        for number in range(50):
            sender.enqueue({"n": number, "of": "x" * 100_000})
        assert (await sender.stop()).all_delivered
        stats = sender.stats()
        assert (stats.requests, stats.failed_requests) == (4, 0)
        assert at.events() == list(range(50))


@pytest.mark.parametrize("requests", [BUFFERED, STREAMED])
async def test_a_burst_larger_than_what_nginx_takes_by_default_arrives(requests: str) -> None:
    """It takes 1 MB and answers a page with 413; the window is narrowed, and nothing of it is dropped (RTY-7)."""
    async with behind_nginx(requests) as at:
        sender = at.sender(retry_delay=0.01, settle_delay=0.01)
        for number in range(30):
            sender.enqueue({"n": number, "of": "x" * 100_000})
        report = await sender.stop()
        assert (report.delivered, report.dropped) == (30, {})
        assert at.events() == list(range(30))


async def test_an_event_larger_than_what_nginx_takes_holds_up_nothing() -> None:
    """It is dropped, and told; what is around it is delivered (RTY-7)."""
    async with behind_nginx("client_max_body_size 1k") as at:
        sender = at.sender(retry_delay=0.01, settle_delay=0.01)
        for number in range(5):
            sender.enqueue({"n": number, "of": "x" * (2_000 if number == 2 else 10)})
        report = await sender.stop()
        assert (report.delivered, report.dropped, report.completed) == (4, {DropReason.REJECTED: 1}, True)
        assert at.events() == [0, 1, 3, 4]
        (drop,) = [each for each in at.notices if isinstance(each, EventDropped)]
        assert drop.event["n"] == 2
        assert "413" in (drop.detail or "")


async def test_a_proxy_that_delivers_requests_twice_is_taken_for_another_writer() -> None:
    """By itself it repeats what it is told not to repeat: nothing is lost or twice, and the second time it is told."""
    lost_answers = FaultRule(fault=ResetPeer(phase="after-accept"), of="data", requests=(1, 3))
    again = "proxy_next_upstream error timeout non_idempotent"
    async with behind_nginx(again, faults=[lost_answers], servers=2) as at:
        sender = at.sender()
        for number in range(2):
            sender.enqueue({"n": number})
            await sender.flush()
            assert [type(each) for each in at.notices] == [AnotherWriter] * number
        report = await sender.stop()
        assert (report.delivered, report.contested) == (2, 2)
        assert at.events() == [0, 1]
