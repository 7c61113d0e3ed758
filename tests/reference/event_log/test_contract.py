"""The contract lets working logs pass, and names the promise that a broken one breaks."""

import sys
import threading
from typing import Any

import pytest

from reference.event_log import DisabledEventLog, Event, InMemoryEventLog, promises
from reference.event_log.contract import EventLogFactory, check_event_log
from tests.reference.event_log import broken


def _disabled(**_: object) -> DisabledEventLog:
    return DisabledEventLog()


class _LockedNaiveLog(broken.NaiveLog):
    """The naive log with a lock around each call: another log than ours that keeps every promise."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.lock = threading.Lock()

    def append(self, kind: str, payload: dict[str, Any] | None = None) -> Event:
        with self.lock:
            return super().append(kind, payload)

    def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
        with self.lock:
            return super().query(since, limit)


@pytest.mark.parametrize("factory", [InMemoryEventLog, _LockedNaiveLog])
@pytest.mark.parametrize("takes_clock", [True, False])
def test_a_working_log_passes(factory: EventLogFactory, *, takes_clock: bool) -> None:
    """Ours, and one made in another way, which offers no `read`."""
    check_event_log(factory, takes_clock=takes_clock)


def test_a_log_that_keeps_nothing_passes_as_one() -> None:
    """The disabled log keeps what is promised about `append`."""
    check_event_log(_disabled, keeps_events=False)


def test_a_log_that_numbers_on_from_an_earlier_life_passes() -> None:
    """No check assumes that ids begin at 1."""

    def factory(**settings: Any) -> InMemoryEventLog:
        log = InMemoryEventLog(**settings)
        log._resident.last_id = 1_000
        return log

    check_event_log(factory)


BROKEN: list[tuple[EventLogFactory, str]] = [
    (broken.AnswersWithTheId, "append returns an Event; seen: 1"),
    (broken.ForgetsThePayload, "append keeps kind and payload"),
    (broken.TextIds, "an event's id is an int; seen: '1'"),
    (broken.WholeTimestamps, "an event's timestamp is a float"),
    (broken.NoneForNoPayload, "a payload of None is an empty dict"),
    (broken.IdsRiseByTwo, "ids rise by one with each append"),
    (broken.TakesEverything, "what can't be an event is refused with a TypeError; seen: (None, {})"),
    (broken.RefusesByValueError, "and changes nothing; the log raised ValueError: garbage"),
    (broken.RefusalsUseIds, "a refused append uses no id"),
    (broken.KeepsTheCallersPayload, "what a caller does to its payload after append changes nothing"),
    (broken.CopiesThePayloadShallowly, "what a caller does to its payload after append changes nothing"),
    (broken.HandsOutItsOwnList, "a reader can't change what another one sees"),
    (broken.NewestFirst, "query gives every resident event, oldest first"),
    (broken.FindsOtherPayloads, "query gives what was appended"),
    (broken.SinceInclusive, "since=1 gives the events with an id above it"),
    (broken.NegativeSinceIsNone, "a negative since gives all"),
    (broken.RaisesOnNegativeCursors, "gives the events after it; the log raised KeyError: -3"),
    (broken.CursorBeyondGivesAll, "a since beyond the newest event gives none"),
    (broken.LimitZeroGivesAll, "limit=0 gives none"),
    (broken.NegativeLimitDrops, "a negative limit means no cap"),
    (broken.BigLimitGivesNone, "a limit above the number of events gives all"),
    (broken.LimitGivesTheNewest, "a limit gives the oldest events"),
    (broken.LimitBeforeSince, "a limit gives the oldest events after since"),
    (broken.RepeatsAtTheThirdPage, "a reader that pages with a limit sees each event once"),
    (broken.NumbersByPlace, "eviction doesn't change how ids rise"),
    (broken.NeverEvicts, "the newest max_entries events are kept"),
    (broken.EvictsTheNewest, "the newest max_entries events are kept"),
    (broken.LosesItsPlaceAfterEviction, "a cursor stays good after its event is evicted"),
    (broken.ClearDoesNothing, "clear forgets every event"),
    (broken.ClearResetsIds, "clear doesn't reset the ids"),
    (broken.ZeroBoundsKeepNothing, "max_entries=0 fall back to the default and lose no events"),
    (broken.NeverMissesAnything, "has missed 3"),
    (broken.TimestampsNeverStepBack, "a timestamp is the clock's"),
    (broken.ForgetsTooEarly, "an event is kept while it is younger than ttl_seconds"),
    (broken.EvictsOnAppendOnly, "a log that is only read forgets what is older than ttl_seconds"),
    (broken.AgesByTimestamp, "a step back of the clock makes no event outlive its ttl_seconds"),
    (broken.AgesByDistance, "a step back of the clock loses no event"),
    (broken.RacesForIds, "an id is given once, however many threads append"),
]


@pytest.mark.parametrize(
    ("factory", "sentence"), BROKEN, ids=[getattr(factory, "__name__", "") for factory, _ in BROKEN]
)
def test_a_broken_log_is_told_the_promise_it_breaks(factory: EventLogFactory, sentence: str) -> None:
    """The message says the promise that this log was made to break, and shows what was seen."""
    with pytest.raises(AssertionError) as caught:
        check_event_log(factory)
    assert sentence in str(caught.value)


def test_every_broken_log_is_tried() -> None:
    """One that is written and forgotten in the list above would prove nothing."""
    written = {name for name, value in vars(broken).items() if getattr(value, "__module__", "") == broken.__name__}
    assert written - {"NaiveLog"} == {getattr(factory, "__name__", "") for factory, _ in BROKEN}


def test_what_a_log_raised_is_the_cause() -> None:
    """The traceback of the backend isn't lost."""
    with pytest.raises(AssertionError) as caught:
        check_event_log(broken.RaisesOnNegativeCursors)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_log_that_keeps_events_does_not_pass_as_one_that_keeps_nothing() -> None:
    """And the other way round: neither flag lets everything through."""
    with pytest.raises(AssertionError, match="a log that keeps nothing finds nothing"):
        check_event_log(InMemoryEventLog, keeps_events=False)
    with pytest.raises(AssertionError, match="a reader can't change what another one sees"):
        check_event_log(_disabled)


def test_a_log_whose_threads_raise_is_told_so() -> None:
    """An error in another thread than the one that checks isn't lost."""
    main = threading.get_ident()

    class MainThreadOnly(InMemoryEventLog):
        def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
            if threading.get_ident() != main:
                raise RuntimeError("not in this thread")
            return super().query(since, limit)

    with pytest.raises(AssertionError, match=r"raise nothing when many threads call them; seen: .*not in this thread"):
        check_event_log(MainThreadOnly)


def test_a_log_whose_threads_wait_for_ever_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock ends the check, not the patience of whoever runs it."""
    main, release = threading.get_ident(), threading.Event()
    monkeypatch.setattr(promises, "_PATIENCE_SECONDS", 0.001)

    class Stuck(InMemoryEventLog):
        def query(self, since: int | None = None, limit: int | None = None) -> list[Event]:
            if threading.get_ident() != main:
                release.wait()
            return super().query(since, limit)

    with pytest.raises(AssertionError, match="8 threads stuck"):
        check_event_log(Stuck)
    release.set()


def test_the_checks_give_the_switch_interval_back() -> None:
    """The check on threads leaves the interpreter as it was."""
    before = sys.getswitchinterval()
    check_event_log(InMemoryEventLog)
    assert sys.getswitchinterval() == before


def test_a_naive_log_without_a_lock_keeps_every_promise_but_one() -> None:
    """What the broken logs are made from is not broken itself: it passes whatever one thread can see."""
    for _, check in promises.OF_EVERY_LOG + promises.OF_A_LOG_THAT_KEEPS + promises.OF_A_LOG_WITH_A_CLOCK:
        check(broken.NaiveLog)
