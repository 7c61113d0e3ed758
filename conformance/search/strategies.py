"""The Hypothesis strategies that schedules are drawn from, simplest first, so that a failing one shrinks well.

Values are chosen where it hurts: times around the settings' timeouts, sizes around their limits, numbers of requests
that are made at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from hypothesis import strategies as st

from conformance.evidence.settings import Settings
from conformance.search.perform import POISON
from conformance.search.schedule import (
    LATENCY,
    Burst,
    Down,
    HalfClose,
    Pause,
    Refuse,
    Reset,
    Schedule,
    Settle,
    StallLink,
    Step,
    Stop,
    Trickle,
    Unreachable,
    Unserializable,
    Wire,
)
from fake_backend import Fault, FaultRule, Latency, Limits, ResetPeer, Status, faults
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    CompletedElsewhere,
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
    RequestKind,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
)
from fake_backend.faults.keys import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.strategies import SearchStrategy

SECONDS: Final = st.sampled_from([0.1, 0.5, 1.0, 1.9, 2.0, 2.1, 4.0])
"""Around a request timeout of two seconds."""

MOMENTS: Final = st.integers(0, 60).map(lambda tenths: tenths / 10)
"""When something happens, from the start."""

_LAGS: Final = st.sampled_from([0.4, 0.04])
"""A little shorter than half of each `settle_delay` that is drawn. The longer is also longer than a first delay."""

_STREAMS: Final = st.sampled_from(["downstream", "upstream"])

_AFTER_LINES: Final = [{"phase": "after-lines", "lines": lines} for lines in range(1, 9)]
_PHASES: Final = st.sampled_from(
    [{"phase": phase} for phase in ("after-accept", "before-accept", "before-read", "in-answer")] * 2 + _AFTER_LINES
)
_EARLY_PHASES: Final = st.sampled_from(
    [{"phase": phase} for phase in ("before-accept", "after-accept", "before-read")] * 2 + _AFTER_LINES
)
_TRANSIENT: Final = [503, 408, 429, 500, 502, 504]
_RETRY_AFTER: Final = st.sampled_from([{}, {"Retry-After": "1"}, {"Retry-After": "3"}, {"Retry-After": "soon"}])
_UNREADABLE: Final = [
    "",
    "<html>ok</html>",
    '{"accepted": 1, "last_acc',
    "{}",
    '{"last_accepted_seq": "3"}',
    '{"last_accepted_seq": "100"}',
    '{"last_accepted_seq": 3.0}',
    '{"last_accepted_seq": null}',
    '{"last_accepted_seq": -1}',
    '{"last_accepted_seq": true}',
]

_FINAL: Final = [401, 403, 404, 410]


def _usual(kind: type[Fault]) -> SearchStrategy[Fault]:
    """Draw a kind's durations, streams and points; what else it has keys for is as it is by default."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, SearchStrategy[Any]] = {}
    if "seconds" in fields:
        values["seconds"] = st.none() | SECONDS if fields["seconds"].default is None else SECONDS
    if "stream" in fields:
        values["stream"] = _STREAMS
    if "phase" in fields:
        values["at"] = _PHASES

    def make(*, at: Mapping[str, Any] | None = None, **others: Any) -> Fault:
        return kind(**others, **(at or {}))

    return st.builds(make, **values)


_DRAWN: Final[Mapping[type[Fault], SearchStrategy[Fault]]] = {
    # The connection.
    ResetPeer: _usual(ResetPeer),
    Timeout: _usual(Timeout),
    CloseOnReuse: _usual(CloseOnReuse),
    SlowClose: _usual(SlowClose),
    IdleCut: _usual(IdleCut),
    faults.Down: _usual(faults.Down),
    # Time.
    Latency: st.builds(
        lambda seconds, jitter, at: Latency(seconds=seconds, jitter=jitter, **at),
        SECONDS,
        st.sampled_from([0.0, 0.1]),
        _PHASES,
    ),
    Stall: _usual(Stall),
    Bandwidth: st.builds(Bandwidth, rate=st.sampled_from([20_000, 2_000]), stream=_STREAMS),
    Slicer: st.builds(Slicer, size=st.sampled_from([10, 3]), delay=st.sampled_from([0.0, 0.1])),
    LimitData: st.builds(LimitData, size=st.sampled_from([10, 0, 100]), stream=_STREAMS),
    # Answers.
    Status: st.one_of(
        st.builds(
            lambda status, headers, at: Status(status=status, headers=headers, **at),
            st.sampled_from(_TRANSIENT),
            _RETRY_AFTER,
            _EARLY_PHASES,
        ),
        st.builds(lambda body, at: Status(status=200, body=body, **at), st.sampled_from(_UNREADABLE), _EARLY_PHASES),
        st.builds(lambda status, at: Status(status=status, **at), st.sampled_from([400, 409, 413]), _EARLY_PHASES),
        st.builds(lambda status: Status(status=status), st.sampled_from([*_FINAL, 307])),
    ),
    Partial: st.builds(Partial, lines=st.integers(0, 8)),
    Duplicate: _usual(Duplicate),
    LateAccept: st.builds(LateAccept, seconds=SECONDS, status=st.sampled_from([504, 502, None])),
    Poison: st.builds(Poison, containing=st.just(POISON), status=st.sampled_from([400, 413])),
    BufferRequest: st.builds(BufferRequest, seconds=SECONDS, status=st.sampled_from([408, None])),
    Overlap: st.builds(Overlap, seconds=_LAGS),
    # The state of the run.
    Forget: st.builds(lambda last, at: Forget(last_accepted_seq=last, **at), st.integers(0, 50), _PHASES),
    ForeignWriter: st.builds(lambda numbers, at: ForeignWriter(numbers=numbers, **at), st.integers(1, 5), _PHASES),
    CompletedElsewhere: _usual(CompletedElsewhere),
    ExpireToken: _usual(ExpireToken),
    Fence: st.builds(Fence, epoch=st.just(1)),
}
"""The faults of each kind that are drawn, the simplest first: it is in this order that they shrink."""

FAULTS: Final[SearchStrategy[Fault]] = st.one_of(
    *_DRAWN.values(), *(_usual(kind) for kind in KINDS.values() if kind not in _DRAWN)
)


def _rule(fault: Fault, of: RequestKind, first: int, times: int) -> FaultRule:
    return FaultRule(fault=fault, of=of, requests=tuple(range(first, first + times)))


# A stale replica, and one that is confused. A sender can doubt them where it knows what it has sent; in the answer to a
# sync they are all that it has to go by.
_CONFUSED: Final = [
    Status(status=200, phase="after-accept", body=f'{{"last_accepted_seq": {last}}}') for last in (0, 1, 1_000)
]

_HOLD_UP: Final = (Latency, Stall, LateAccept)

_SETTLE_DELAY: Final = Settings(url="", token="", run_id="").settle_delay

_KINDS: Final = st.sampled_from(["data", "any", "completion", "sync"])
_FIRST: Final = st.integers(1, 8)
_TIMES: Final = st.sampled_from([1, 2, 4])

RULES: Final = st.one_of(
    # Each an object of its own: of two that are the same, Hypothesis takes one.
    *(st.builds(_rule, FAULTS, _KINDS, _FIRST, _TIMES) for _ in range(12)),
    st.builds(_rule, st.sampled_from(_CONFUSED), st.just("data"), _FIRST, _TIMES),
)

NETWORK: Final = st.one_of(
    st.builds(Reset, at=MOMENTS, seen_by=st.sampled_from(["both", "sender", "backend"])),
    st.builds(HalfClose, at=MOMENTS, seen_by=st.sampled_from(["sender", "backend"])),
    st.builds(Refuse, at=MOMENTS, seconds=SECONDS),
    st.builds(Unreachable, at=MOMENTS, seconds=SECONDS),
    st.builds(Down, at=MOMENTS, seconds=SECONDS),
    st.builds(StallLink, at=MOMENTS, seconds=SECONDS, toward=st.sampled_from(["both", "backend", "sender"])),
)

WIRES: Final = st.one_of(
    st.just(Wire()),
    st.builds(
        Wire,
        latency=st.sampled_from([LATENCY, 20 * LATENCY]),
        jitter=st.sampled_from([0.0, 0.02]),
        slice=st.sampled_from([None, 1_000, 300]),
    ),
)

_SIZES: Final = st.sampled_from(
    [
        {},
        {"max_window_bytes": 20_000, "max_buffered_bytes": 20_000},
        {"max_event_bytes": 1_000, "max_window_bytes": 1_001, "max_buffered_bytes": 5_000},
    ]
)
_OTHERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "max_window_events": st.sampled_from([2, 1, 5]),
        "max_buffered_events": st.sampled_from([100, 10, 2]),
        "window_age": st.sampled_from([0.3, 1.0]),
        "flush_delay": st.sampled_from([0.05, 0.5]),
        "stop_timeout": st.sampled_from([2.0, 5.0]),
        "settle_delay": st.just(1.0),
    },
)

SETTINGS: Final = st.builds(lambda sizes, others: sizes | others, _SIZES, _OTHERS)


LIMITS: Final = st.sampled_from([Limits(), Limits(max_request_events=3), Limits(max_line_bytes=500)])


# A line is some 45 bytes longer than its text, and limits are at 1,000 and 10,000 bytes.
_AROUND_LIMITS: Final = st.one_of(
    st.sampled_from([960, 4_000, 20_000]),
    st.integers(948, 960),
    st.integers(9_948, 9_960),
    st.integers(474, 480),
)


def runs(most_events: int) -> SearchStrategy[tuple[Step, ...]]:
    """Draw what is asked of a sender, with about `most_events` events at the most."""
    burst = max(most_events // 4, 1)
    step = st.one_of(
        st.builds(Burst, events=st.integers(1, burst), size=st.sampled_from([0, 20, 300])),
        st.builds(Pause, seconds=SECONDS),
        st.builds(Trickle, events=st.integers(1, burst), every=st.sampled_from([0.01, 0.1, 0.4])),
        st.builds(
            Burst,
            events=st.integers(1, max(burst // 10, 1)),
            size=_AROUND_LIMITS,
            text=st.sampled_from(["ascii", "two-bytes", "escapes", "poison"]),
        ),
        st.builds(Settle),
        st.builds(Stop, complete=st.sampled_from([True, True, False])),
        st.builds(Unserializable),
    )
    return st.lists(step, min_size=1, max_size=8).map(tuple)


def _survivable(rules: list[FaultRule], settings: dict[str, int | float]) -> tuple[FaultRule, ...]:
    """Leave out what no sender could survive together with the rest.

    Late accepts, where the backend is confused besides: a sender that got a number from nowhere gives its events
    others; none can know which of the two is taken later. Overlaps that last for longer than half of the time after
    which a sender may take it that a number stands still. And what holds a backend up for longer than that, where
    requests overlap, or the other way round: what comes first stays.
    """
    is_confused = any(rule.fault in _CONFUSED for rule in rules)
    longest_lag = settings.get("settle_delay", _SETTLE_DELAY) / 2
    left = [
        rule
        for rule in rules
        if not (is_confused and isinstance(rule.fault, LateAccept))
        and not (isinstance(rule.fault, Overlap) and rule.fault.seconds > longest_lag)
    ]
    first = next((rule.fault for rule in left if isinstance(rule.fault, (Overlap, *_HOLD_UP))), None)
    unwanted = _HOLD_UP if isinstance(first, Overlap) else (Overlap,)
    return tuple(rule for rule in left if not isinstance(rule.fault, unwanted))


def _schedule(*, faults: list[FaultRule], settings: dict[str, int | float], **others: Any) -> Schedule:
    return Schedule(faults=_survivable(faults, settings), settings=settings, **others)


def schedules(*, most_events: int = 200, most_faults: int = 10) -> SearchStrategy[Schedule]:
    """Draw schedules with at most `most_events` events a run and `most_faults` faults."""
    return st.builds(
        _schedule,
        runs=st.lists(runs(most_events), min_size=1, max_size=2).map(tuple),
        faults=st.lists(RULES, max_size=most_faults),
        network=st.lists(NETWORK, max_size=3).map(tuple),
        wire=WIRES,
        settings=SETTINGS,
        limits=LIMITS,
        stands_at=st.sampled_from([0, 41]),
        seed=st.integers(0, 9),
    )


def small_schedules_like(found: Schedule, *, most_events: int) -> SearchStrategy[Schedule]:
    """Small schedules with trouble of the kinds that another one has: a fault or two, early and for all it is worth."""
    rules: SearchStrategy[list[FaultRule]] = st.just([])
    if found.faults:
        faults = st.sampled_from([rule.fault for rule in found.faults])
        rule = st.builds(_rule, faults, _KINDS, st.integers(1, 3), st.sampled_from([1, 2, 4, 8]))
        rules = st.lists(rule, max_size=2)
    network = st.sampled_from([(), *((event,) for event in found.network)])
    return st.builds(
        _schedule,
        runs=runs(most_events).map(lambda run: (run,)),
        faults=rules,
        network=network,
        wire=st.sampled_from([Wire(), found.wire]),
        settings=st.sampled_from([{}, found.settings]),
        limits=st.sampled_from([Limits(), found.limits]),
        stands_at=st.sampled_from([0, found.stands_at]),
        seed=st.sampled_from([0, found.seed]),
    )
