"""What an answer asks for, and the one clock of an attempt."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.simulation import Simulation, simulate
from reference.sender.answers import read_retry_after
from reference.sender.http import HttpAttempts, PeerClock
from reference.sender.types import Answered
from tests.reference.sender.peer import Peer, answer, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

NOW = 784_111_700.0
"""77 seconds before the date of the examples in HTTP's specification."""


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def _everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs a test in several time zones."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("1", 1.0),
        ("120", 120.0),
        ("  120 ", 120.0),
        ("007", 7.0),
        ("9" * 20, 1e20),
        ("9" * 5_000, 1e20),
    ],
)
def test_seconds_are_read(value: str, seconds: float) -> None:
    """Also very many: they stay a number that one can wait for."""
    assert read_retry_after(value, now=NOW) == seconds


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Sun, 06 Nov 1994 09:49:37 +0100",
    ],
)
def test_a_date_is_read_in_each_of_its_forms(value: str) -> None:
    """The old ones too, and wherever this machine thinks it is: a date without a zone is in GMT."""
    assert read_retry_after(value, now=NOW) == 77.0


def test_a_date_that_is_past_asks_for_no_wait() -> None:
    """It is a lower bound that has been met."""
    assert read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now=NOW + 1_000) == 0.0


def test_a_date_far_ahead_is_a_long_wait() -> None:
    """The drain's deadline ends it, not the reader."""
    assert read_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now=NOW) == 252_618_189_099.0


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "   ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "soon",
        "٣",
        "²",
        "1, 2",
        "Sun, 06 Nov",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 99:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999 08:49:37 GMT",
        "Sun, 99999999999999999999 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +999999999999999",
    ],
)
def test_what_makes_no_sense_asks_for_nothing(value: str | None) -> None:
    """Numbers of other kinds, words, and dates that there aren't."""
    assert read_retry_after(value, now=NOW) is None


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ [\d:]+ [+-]?\w+"))
def test_no_header_breaks_the_reader(value: str) -> None:
    """Whatever comes, it asks for nothing, or for a wait from now on."""
    seconds = read_retry_after(value, now=NOW)
    assert seconds is None or seconds >= 0.0


def test_a_date_as_others_write_it_is_read() -> None:
    """To the second."""
    assert read_retry_after(formatdate(NOW + 30, usegmt=True), now=NOW) == 30.0


@pytest.mark.parametrize("fast", [-7_200, -120, 0, 120, 7_200])
def test_a_date_is_counted_from_the_answers_own(fast: int) -> None:
    """It was written by a clock that may be minutes from ours (RTY-3)."""
    now = time.time() - fast
    headers = [f"Date: {formatdate(now, usegmt=True)}", f"Retry-After: {formatdate(now + 3, usegmt=True)}"]
    assert retry_after(*headers) == 3.0
    assert retry_after(*reversed(headers)) == 3.0
    assert retry_after(headers[0], "Retry-After: 5") == 5.0


@pytest.mark.parametrize("date", [[], ["Date:"], ["Date: today"], ["Date: Sun, 32 Nov 1994 08:49:37 GMT"]])
def test_a_date_beside_no_good_one_is_counted_from_now(date: list[str]) -> None:
    """Our clock is all there is then."""
    seconds = retry_after(*date, f"Retry-After: {formatdate(time.time() + 30, usegmt=True)}")
    assert seconds is not None
    assert 20.0 < seconds <= 30.0


def retry_after(*headers: str) -> float | None:
    """What an answer with those headers asks for."""

    async def main(peer: Peer) -> float | None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b""))
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer(503, b"", *headers))
        answered = await sending
        await http.close()
        assert isinstance(answered, Answered)
        return answered.retry_after

    with Peer() as peer:
        return run(main(peer))


def expires(course: Callable[[PeerClock], Awaitable[object]]) -> float | None:
    """When an attempt with that course times out, for a clock of 10 seconds; None if it comes to its end."""

    async def main(sim: Simulation) -> float | None:
        try:
            async with asyncio.timeout(None) as timeout:
                await course(PeerClock(timeout, 10.0))
        except TimeoutError:
            return sim.time()
        return None

    return simulate(main)


def test_the_clock_runs_from_the_start() -> None:
    """Connecting is waited for as well (RTY-8)."""

    async def course(_: PeerClock) -> None:
        await asyncio.sleep(20)

    assert expires(course) == 10.0


def test_a_clock_that_runs_is_not_started_anew() -> None:
    """It is one clock for all phases: 4 seconds here and 4 there are 8."""

    async def course(clock: PeerClock) -> None:
        for _ in range(5):
            await asyncio.sleep(4)
            clock.run()

    assert expires(course) == 10.0


def test_a_clock_that_stands_still_never_expires() -> None:
    """The peer owes nothing."""

    async def course(clock: PeerClock) -> None:
        clock.stand_still()
        await asyncio.sleep(1_000)

    assert expires(course) is None


def test_a_clock_that_stood_still_has_the_whole_time_again() -> None:
    """Counted from when it runs again."""

    async def course(clock: PeerClock) -> None:
        await asyncio.sleep(9)
        clock.stand_still()
        await asyncio.sleep(91)
        clock.run()
        await asyncio.sleep(1_000)

    assert expires(course) == 110.0
