"""The log in memory does what a naive list does, whatever happens in whatever order."""

from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from reference.event_log import Event, InMemoryEventLog
from tests.reference.event_log.clocks import HandClock

_CURSORS = st.none() | st.integers(-3, 60)
_LIMITS = st.none() | st.integers(-2, 8)
# Whole seconds: sums of them are exact, so that the model and the log agree about the last moment of an event.
_SECONDS = st.integers(1, 12)


@dataclass(frozen=True, kw_only=True)
class _Modelled:
    event: Event
    born: float


class _LogModel(RuleBasedStateMachine):
    """A list that is filtered at each look; `passed` is the time that has passed, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[_Modelled] = []
        self.last_id = 0
        self.passed = 0.0
        self.wall = HandClock(1_000.0)
        self.monotonic = HandClock(0.0)

    def make(self, ttl_seconds: int, max_entries: int) -> InMemoryEventLog:
        """Make the log with both clocks injected."""
        return InMemoryEventLog(ttl_seconds, max_entries, self.wall, monotonic=self.monotonic)

    @initialize(ttl_seconds=st.integers(1, 20), max_entries=st.integers(1, 6))
    def begin(self, ttl_seconds: int, max_entries: int) -> None:
        """Begin with a log of some bounds."""
        self.ttl_seconds, self.max_entries = ttl_seconds, max_entries
        self.log = self.make(ttl_seconds, max_entries)

    @rule(number=st.integers())
    def append(self, number: int) -> None:
        """Append, and get the event with the next id and the wall's time."""
        self.last_id += 1
        event = Event(id=self.last_id, timestamp=self.wall.time, kind="model.appended", payload={"number": number})
        assert self.log.append("model.appended", {"number": number}) == event
        self.kept.append(_Modelled(event=event, born=self.passed))

    @rule(seconds=_SECONDS)
    def let_time_pass(self, seconds: int) -> None:
        """Time passes, on both clocks."""
        self.passed += seconds
        self.wall.time += seconds
        self.monotonic.time += seconds

    @rule(seconds=_SECONDS)
    def step_the_wall_clock_back(self, seconds: int) -> None:
        """Somebody sets the wall clock back: no time has passed."""
        self.wall.time -= seconds
        self.log.read(limit=0)

    @rule(since=_CURSORS, limit=_LIMITS)
    def query(self, since: int | None, limit: int | None) -> None:
        """Query by scanning the list."""
        resident = self.resident()
        expected = [event for event in resident if since is None or event.id > since]
        expected = expected if limit is None or limit < 0 else expected[:limit]
        assert self.log.query(since, limit) == expected
        result = self.log.read(since, limit)
        assert list(result.events) == expected
        gone = set(range(1, self.last_id + 1)) - {event.id for event in resident}
        assert result.missed == (0 if since is None else sum(number > since for number in gone))

    @rule()
    def clear(self) -> None:
        """Forget all but the last id."""
        self.log.clear()
        self.kept.clear()

    @invariant()
    def bounds_agree(self) -> None:
        """The bounds are those of the list, and the places held are no more than twice what is resident."""
        if not hasattr(self, "log"):
            return
        resident = self.resident()
        assert self.log.last_id == self.last_id
        assert self.log.first_id == (resident[0].id if resident else self.last_id + 1)
        assert len(self.log._resident._events) <= 2 * len(resident) + 1

    def resident(self) -> list[Event]:
        """Give what the list holds now, by age and by count."""
        young = [modelled for modelled in self.kept if self.passed - modelled.born <= self.ttl_seconds]
        self.kept = young[-self.max_entries :]
        return [modelled.event for modelled in self.kept]


class _TwoClocksModel(_LogModel):
    """Age by a monotonic clock: the wall clock may step forward as well."""

    @rule(seconds=_SECONDS)
    def step_the_wall_clock_forward(self, seconds: int) -> None:
        """Somebody sets the wall clock forward: no time has passed."""
        self.wall.time += seconds


class _OneClockModel(_LogModel):
    """Age by the injected wall clock alone: what it moves forward is time that passed."""

    def make(self, ttl_seconds: int, max_entries: int) -> InMemoryEventLog:
        return InMemoryEventLog(ttl_seconds, max_entries, self.wall)


@pytest.mark.parametrize("model", [_TwoClocksModel, _OneClockModel])
def test_the_log_does_what_a_naive_list_does(model: type[_LogModel]) -> None:
    """With both clocks injected and with one: the same events, ids, bounds and losses, after any program."""
    run_state_machine_as_test(model, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))
