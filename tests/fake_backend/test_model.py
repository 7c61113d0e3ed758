"""The fake is held against a model that was written from the text of the protocol alone."""

import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fake_backend import FaultRule, Limits, ResetPeer, Status
from tests.fake_backend.model_strategies import EXCHANGES, FRAMED_EXCHANGES, LIMITS, ODD_LINES
from tests.fake_backend.model_traffic import COMPLETION, EVENT, Exchange, Leave, LineSpec, RequestSpec
from tests.fake_backend.model_trial import compare

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]


@pytest.fixture(autouse=True, scope="module")
def _quiet_server() -> Iterator[None]:
    """Keep aiohttp from logging each request that isn't HTTP: there are many, and none is news."""
    log = logging.getLogger("sendproof.fake_backend")
    log.disabled = True
    yield
    log.disabled = False


def one(*lines: LineSpec, **more: Any) -> Exchange:
    """Make an exchange of one request."""
    return Exchange((RequestSpec(lines=lines, **more),))


EVENT_LINE = LineSpec()
COMPLETION_LINE = LineSpec(COMPLETION)
ROOM = Limits(max_line_bytes=200_000, max_request_bytes=400_000)
TIGHT = {
    "line": Limits(max_line_bytes=70, max_request_bytes=400),
    "request": Limits(max_line_bytes=400, max_request_bytes=150),
}
EVERY_BYTE = tuple(range(400))


@settings(deadline=None, max_examples=350, suppress_health_check=[HealthCheck.too_slow])
@given(limits=LIMITS, exchanges=st.lists(EXCHANGES, min_size=1, max_size=5))
# The run is completed over one connection while another is in the middle of its lines.
@example(
    ROOM,
    [
        Exchange(
            (RequestSpec(lines=(EVENT_LINE, EVENT_LINE), cuts=(190,)), RequestSpec(lines=(LineSpec(COMPLETION, 1),))),
            (0, 1),
        )
    ],
)
# Two writers race with the same numbers, byte by byte.
@example(ROOM, [Exchange((RequestSpec(lines=(EVENT_LINE,) * 3, cuts=EVERY_BYTE, chunks=(7,)),) * 2, (0, 1))])
# The client leaves behind a completion, and behind a last line that lacks only its newline, before the body has ended.
@example(ROOM, [one(COMPLETION_LINE, chunks=(900,), leave=Leave(245, "half-close")), one(EVENT_LINE)])
@example(ROOM, [one(LineSpec(ending=b""), chunks=(900,), leave=Leave(220, "abort")), one(EVENT_LINE)])
# Lines and the chunk that makes no sense come together, or one after the other.
@example(ROOM, [one(EVENT_LINE, EVENT_LINE, chunks=(30,), garble=30), one()])
@example(ROOM, [one(EVENT_LINE, EVENT_LINE, chunks=(30,), cuts=EVERY_BYTE, garble=30), one()])
# A line, a request and a count of events pass their limits with the same byte.
@example(
    Limits(max_line_bytes=30, max_request_bytes=61, max_request_events=1),
    [one(EVENT_LINE, LineSpec(pad_to=("request", 1))), one(EVENT_LINE, EVENT_LINE), one()],
)
# Headers ask for completion, which this backend doesn't look at.
@example(ROOM, [one(EVENT_LINE), one(complete="true", final_seq="#"), one(EVENT_LINE)])
# An upload is refused by its first line, and the connection goes on to be used.
@example(ROOM, [one(LineSpec(step=5), *[EVENT_LINE] * 20, cuts=(260, 500)), one(EVENT_LINE)])
def test_the_fake_does_only_what_the_protocol_says(limits: Limits, exchanges: list[Exchange]) -> None:
    """Whatever is sent, in whatever pieces: after each of them, answers and state are among those of the model."""
    compare(limits, exchanges)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(exchanges=st.lists(EXCHANGES, min_size=1, max_size=5))
@example([one(EVENT_LINE), one(complete="true", final_seq="#"), one(EVENT_LINE)])
@example([one(EVENT_LINE, complete="true"), one(EVENT_LINE)])
def test_the_older_form_of_completion_does_only_what_the_protocol_says(exchanges: list[Exchange]) -> None:
    """Where headers are known to ask for completion, and so aren't of a sync."""
    compare(ROOM, exchanges, legacy_completion=True)


UNSTRUCK = [
    FaultRule(fault=Status(status=503), events=(10**9,)),
    FaultRule(fault=Status(status=503), probability=0.0),
    FaultRule(fault=Status(status=503), between=(10**9, 10**10)),
    FaultRule(fault=Status(status=503), of="data", every=10**6, times=1),
    FaultRule(fault=ResetPeer(), of="data", events=(10**9,), requests=(1, 2), every=2),
]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(exchanges=st.lists(FRAMED_EXCHANGES, min_size=1, max_size=5))
@example([one(LineSpec(ending=b""), chunks=(900,), leave=Leave(220, "abort")), one(EVENT_LINE)])
@example([Exchange((RequestSpec(lines=(EVENT_LINE,) * 3, cuts=EVERY_BYTE, chunks=(7,)),) * 2, (0, 1))])
# As many chunks as a line may have bytes.
@example([one(LineSpec(pad_to=("line", 0)), chunks=(1,))])
def test_rules_that_choose_no_request_change_nothing_but_when_lines_are_taken(exchanges: list[Exchange]) -> None:
    """Lines are held back for the event that a rule waits for, and then taken as if there had been no rule."""
    compare(ROOM, exchanges, rules=UNSTRUCK)


@pytest.mark.parametrize("step", [-1, 0, 1])
@pytest.mark.parametrize("odd", ODD_LINES, ids=lambda line: repr(line[:40])[2:-1])
def test_every_odd_line_is_read_as_the_protocol_reads_it(odd: bytes, step: int) -> None:
    """Alone, between good lines, without its newline, after a completion, and in a run that is complete."""
    line = LineSpec(odd, step)
    compare(ROOM, [one(line), one(EVENT_LINE), one(EVENT_LINE, line, EVENT_LINE, chunks=(9,)), one(EVENT_LINE)])
    compare(
        ROOM,
        [
            one(LineSpec(odd, step, b"")),
            one(EVENT_LINE, COMPLETION_LINE, line),
            one(COMPLETION_LINE),
            one(line),
            one(COMPLETION_LINE, line),
        ],
    )


@pytest.mark.parametrize("cuts", [(), EVERY_BYTE], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("past", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("limit", ["line", "request"])
@pytest.mark.parametrize("text", [EVENT, COMPLETION, b"", b"[]"])
def test_every_byte_around_a_limit_counts(
    text: bytes, limit: Literal["line", "request"], past: int, ending: bytes, cuts: tuple[int, ...]
) -> None:
    """Exactly as much as a limit is taken, one byte more is refused, and what came before it stays accepted."""
    line = LineSpec(text, 0, ending, (limit, past))
    bodies = [(line,), (EVENT_LINE, line), (EVENT_LINE, EVENT_LINE, line, EVENT_LINE)]
    compare(TIGHT[limit], [*(one(*body, cuts=cuts) for body in bodies), one()])


@pytest.mark.parametrize("events", [2, 3, 4, 5])
@pytest.mark.parametrize("tail", [(), (EVENT_LINE,), (COMPLETION_LINE,), (LineSpec(step=1),), (LineSpec(step=-1),)])
def test_one_event_too_many_is_refused(events: int, tail: tuple[LineSpec, ...]) -> None:
    """Duplicates are events too, a completion is none, and the events up to the limit stay accepted."""
    limits = Limits(max_request_events=3)
    duplicates = tuple(LineSpec(step=-index) for index in range(1, events + 1))
    compare(limits, [one(*[EVENT_LINE] * events, *tail), one(EVENT_LINE, EVENT_LINE), one(*duplicates, *tail), one()])
