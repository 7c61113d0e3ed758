"""The promises of an event log, one function each: it raises an AssertionError with a sentence where one is broken.

`reference.event_log.contract` says which of them hold for which backends, and is what to call.
"""

import itertools
import math
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from reference.event_log.backend import EventLog, EventLogBackend
from reference.event_log.clock import Clock
from reference.event_log.event import Event

_TTL: Final = 60.0
_ROOMY: Final = 100_000
_THREADS: Final = 8
_APPENDS: Final = 250
_PATIENCE_SECONDS: Final = 60.0


class EventLogFactory(Protocol):
    """Makes a fresh, empty log; a backend that can't take one of the three ignores it."""

    def __call__(self, *, ttl_seconds: float, max_entries: int, now: Clock | None) -> EventLogBackend:
        """Make a log. `now` is the wall clock in seconds, by which events also age; None is the backend's own."""
        ...


class _HandClock:
    """A wall clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


def _promise(kept: bool, sentence: str, seen: object) -> None:  # noqa: FBT001 - reads as an assert statement does
    if not kept:
        raise AssertionError(f"{sentence}; seen: {seen!r:.300}")


def _log(factory: EventLogFactory, *, max_entries: int = _ROOMY, now: Clock | None = None) -> EventLogBackend:
    return factory(ttl_seconds=_TTL, max_entries=max_entries, now=now)


def _filled(factory: EventLogFactory, count: int, *, max_entries: int = _ROOMY) -> tuple[EventLogBackend, list[int]]:
    log = _log(factory, max_entries=max_entries)
    return log, [log.append("check.filled", {"number": number}).id for number in range(count)]


def _ids(log: EventLogBackend, since: int | None = None, limit: int | None = None) -> list[int]:
    return [event.id for event in log.query(since, limit)]


def append_answers(factory: EventLogFactory) -> None:
    """Append returns the event that was appended."""
    event = _log(factory).append("check.appended", {"a": [1]})
    _promise(isinstance(event, Event), "append returns an Event", event)
    _promise(type(event.id) is int, "an event's id is an int", event.id)
    _promise(type(event.timestamp) is float, "an event's timestamp is a float", event.timestamp)
    _promise((event.kind, event.payload) == ("check.appended", {"a": [1]}), "append keeps kind and payload", event)
    empty = _log(factory).append("check.appended")
    _promise(empty.payload == {}, "a payload of None is an empty dict", empty)


def ids_rise(factory: EventLogFactory) -> None:
    """Ids rise by one with each append."""
    _, ids = _filled(factory, 5)
    _promise(ids == _run_from(ids[0], 5), "ids rise by one with each append", ids)


def garbage_is_refused(factory: EventLogFactory) -> None:
    """What can't be an event is refused with a TypeError, and changes nothing."""
    log = _log(factory)
    before = log.append("check.before").id
    garbage: list[tuple[Any, Any]] = [(None, {}), (b"kind", {}), (7, None), ("kind", []), ("kind", "text"), ("kind", 7)]
    for kind, payload in garbage:
        try:
            log.append(kind, payload)
        except TypeError:
            continue
        _promise(kept=False, sentence="what can't be an event is refused with a TypeError", seen=(kind, payload))
    after = log.append("check.after").id
    _promise(after == before + 1, "a refused append uses no id", [before, after])


def payload_is_copied(factory: EventLogFactory) -> None:
    """The payload is deep-copied when it is appended."""
    log = _log(factory)
    payload = {"outer": 1, "inner": {"list": [1]}}
    appended = log.append("check.copied", payload)
    payload["outer"] = 2
    payload["inner"]["list"].append(2)  # type: ignore[index]
    for event in [appended, *log.query()]:
        _promise(
            event.payload == {"outer": 1, "inner": {"list": [1]}},
            "what a caller does to its payload after append changes nothing",
            event,
        )


def readers_cannot_change(factory: EventLogFactory) -> None:
    """What a reader does to an event reaches no other reader."""
    log = _log(factory)
    appended = log.append("check.shared", {"list": [1]})
    for event in [appended, *log.query()]:
        event.to_dict()["payload"]["list"].append(2)
        event.payload["list"].append(2)
        log.query().clear()
    seen = log.query()
    _promise([event.payload for event in seen] == [{"list": [1]}], "a reader can't change what another one sees", seen)


def oldest_first(factory: EventLogFactory) -> None:
    """Query gives what was appended, oldest first."""
    log, ids = _filled(factory, 5)
    events = log.query()
    _promise([event.id for event in events] == ids, "query gives every resident event, oldest first", events)
    payloads = [event.payload for event in events]
    _promise(payloads == [{"number": number} for number in range(5)], "query gives what was appended", payloads)


def since_is_a_cursor(factory: EventLogFactory) -> None:
    """Query takes any whole number as since, and gives the events after it."""
    log, ids = _filled(factory, 5)
    for since in [ids[0] - 1, *ids]:
        seen = _ids(log, since)
        _promise(seen == [i for i in ids if i > since], f"since={since} gives the events with an id above it", seen)
    _promise(_ids(log, -3) == ids, "a negative since gives all", _ids(log, -3))
    _promise(_ids(log, ids[-1] + 10) == [], "a since beyond the newest event gives none", _ids(log, ids[-1] + 10))


def limit(factory: EventLogFactory) -> None:
    """A limit caps the answer to the oldest events."""
    log, ids = _filled(factory, 5)
    _promise(_ids(log, None, 0) == [], "limit=0 gives none", _ids(log, None, 0))
    _promise(_ids(log, None, -1) == ids, "a negative limit means no cap", _ids(log, None, -1))
    _promise(_ids(log, None, 99) == ids, "a limit above the number of events gives all", _ids(log, None, 99))
    _promise(_ids(log, None, 2) == ids[:2], "a limit gives the oldest events", _ids(log, None, 2))
    _promise(_ids(log, ids[1], 2) == ids[2:4], "a limit gives the oldest events after since", _ids(log, ids[1], 2))


def paging(factory: EventLogFactory) -> None:
    """A reader that pages with a limit loses none."""
    log, ids = _filled(factory, 7)
    seen: list[int] = []
    while page := _ids(log, seen[-1] if seen else None, 3):
        seen += page
        if len(seen) > len(ids):
            break
    _promise(seen == ids, "a reader that pages with a limit sees each event once", seen)


def count_is_bounded(factory: EventLogFactory) -> None:
    """At most max_entries events are kept, the newest."""
    log, ids = _filled(factory, 7, max_entries=3)
    _promise(ids == _run_from(ids[0], 7), "eviction doesn't change how ids rise", ids)
    _promise(_ids(log) == ids[-3:], "the newest max_entries events are kept", _ids(log))
    _promise(_ids(log, ids[1]) == ids[-3:], "a cursor stays good after its event is evicted", _ids(log, ids[1]))
    _promise(_ids(log, ids[4]) == ids[5:], "a cursor is exact after an eviction", _ids(log, ids[4]))


def clear(factory: EventLogFactory) -> None:
    """Clear forgets every event, and ids go on."""
    log, ids = _filled(factory, 3)
    log.clear()
    _promise(_ids(log) == [], "clear forgets every event", _ids(log))
    following = [log.append("check.cleared").id, log.append("check.cleared").id]
    _promise(following == _run_from(ids[-1] + 1, 2), "clear doesn't reset the ids", [*ids, *following])
    _promise(_ids(log, ids[1]) == following, "a cursor stays good after clear", _ids(log, ids[1]))
    _promise(_ids(log, following[0]) == following[1:], "a cursor is exact after clear", _ids(log, following[0]))


def bad_bounds_fall_back(factory: EventLogFactory) -> None:
    """A bound that is not positive falls back to the default."""
    for ttl_seconds, max_entries in [(0, 10), (-1, 10), (math.nan, 10), (_TTL, 0), (_TTL, -1)]:
        log = factory(ttl_seconds=ttl_seconds, max_entries=max_entries, now=None)
        ids = [log.append("check.bounds").id for _ in range(2)]
        sentence = f"ttl_seconds={ttl_seconds}, max_entries={max_entries} fall back to the default and lose no events"
        _promise(_ids(log) == ids, sentence, _ids(log))


def losses_are_told(factory: EventLogFactory) -> None:
    """A log that offers `read` tells its readers what they lost."""
    log, ids = _filled(factory, 7, max_entries=3)
    if not isinstance(log, EventLog):
        return
    _promise((log.first_id, log.last_id) == (ids[4], ids[6]), "first_id and last_id bound what is resident", log)
    for since, limit, missed, cursor in [
        (None, None, 0, ids[6]),
        (ids[0], None, 3, ids[6]),
        (ids[0], 2, 3, ids[5]),
        (ids[0], 0, 3, ids[3]),
        (ids[3], None, 0, ids[6]),
        (ids[6], None, 0, ids[6]),
    ]:
        result = log.read(since, limit)
        asked = f"read(since={since}, limit={limit})"
        _promise(list(result.events) == log.query(since, limit), f"{asked} gives what query gives", result)
        _promise(result.missed == missed, f"{asked} has missed {missed}", result)
        _promise(result.cursor == cursor, f"after {asked} the cursor is {cursor}", result)
    log.clear()
    _promise((log.first_id, log.last_id) == (ids[6] + 1, ids[6]), "an empty log's first_id is the next one", log)
    _promise(log.read(ids[4]).missed == 2, "what was cleared is missed", log.read(ids[4]))  # noqa: PLR2004 - ids[5:7]


def timestamps(factory: EventLogFactory) -> None:
    """Timestamps are what the injected clock says."""
    clock = _HandClock()
    log = _log(factory, now=clock)
    for step in (0.0, 1.5, -30.0):
        clock.time += step
        event = log.append("check.timestamp")
        _promise(event.timestamp == clock.time, f"a timestamp is the clock's {clock.time}", event)


def age_is_bounded(factory: EventLogFactory) -> None:
    """Events leave when they are older than ttl_seconds."""
    clock = _HandClock()
    log = _log(factory, now=clock)
    old = log.append("check.old").id
    clock.time += _TTL - 1
    young = log.append("check.young").id
    _promise(_ids(log) == [old, young], "an event is kept while it is younger than ttl_seconds", _ids(log))
    clock.time += 2
    _promise(_ids(log) == [young], "a log that is only read forgets what is older than ttl_seconds", _ids(log))
    clock.time += _TTL
    newest = log.append("check.newest").id
    _promise(newest == young + 1, "ids go on after every event has aged out", [young, newest])
    _promise(_ids(log, old) == [newest], "a cursor stays good after its event has aged out", _ids(log, old))


def steps_back(factory: EventLogFactory) -> None:
    """Age isn't fooled by a clock that steps back."""
    clock = _HandClock()
    log = _log(factory, now=clock)
    before = log.append("check.before").id
    clock.time -= _TTL * 10
    _promise(_ids(log) == [before], "a step back of the clock loses no event", _ids(log))
    after = log.append("check.after").id
    clock.time += _TTL - 1
    _promise(_ids(log) == [before, after], "time that has not passed ages no event after a step back", _ids(log))
    clock.time += 2
    _promise(_ids(log) == [], "a step back of the clock makes no event outlive its ttl_seconds", _ids(log))


def nothing_is_kept(factory: EventLogFactory) -> None:
    """A log that keeps nothing finds nothing, and ids go on."""
    log, ids = _filled(factory, 3)
    for since, limit in [(None, None), (0, None), (ids[0], 1), (None, 0), (None, -1)]:
        _promise(_ids(log, since, limit) == [], "a log that keeps nothing finds nothing", _ids(log, since, limit))
    log.clear()
    following = log.append("check.cleared").id
    _promise(following == ids[-1] + 1, "clear doesn't reset the ids", [*ids, following])


def threads(factory: EventLogFactory) -> None:
    """Many threads append and query at once, and every id is given once."""
    log = _log(factory)
    first = log.append("check.threads").id + 1
    collected: list[list[int]] = [[] for _ in range(_THREADS)]
    failures: list[Exception] = []
    answers: list[list[int]] = []

    def work(ids: list[int]) -> None:
        try:
            for number in range(_APPENDS):
                ids.append(log.append("check.threads", {"number": number}).id)
                if number % 10 == 0:
                    answers.append(_ids(log, ids[-1] - 5))
        except Exception as error:  # noqa: BLE001 - told by the thread that checks
            failures.append(error)

    _at_once([lambda ids=ids: work(ids) for ids in collected])  # type: ignore[misc]
    _promise(failures == [], "append and query raise nothing when many threads call them", failures)
    given = sorted(i for ids in collected for i in ids)
    expected = _run_from(first, _THREADS * _APPENDS)
    repeated = {i for i, following in itertools.pairwise(given) if i == following}
    _promise(not repeated, "an id is given once, however many threads append", repeated)
    _promise(given == expected, "ids rise by one, however many threads append", given)
    for ids in [*collected, *answers]:
        _promise(ids == sorted(ids), "each thread sees ids rise", ids)
    for answer in answers:
        _promise(not answer or answer == _run_from(answer[0], len(answer)), "a query sees no hole", answer)


def _run_from(first: int, count: int) -> list[int]:
    return list(range(first, first + count))


def _at_once(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    interval = sys.getswitchinterval()
    # Threads that change places this often find in a second what would take a busy server a week.
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE_SECONDS)
    finally:
        sys.setswitchinterval(interval)
    stuck = sum(thread.is_alive() for thread in threads)
    _promise(stuck == 0, f"no call waits for another for {_PATIENCE_SECONDS} seconds", f"{stuck} threads stuck")


Promise: TypeAlias = tuple[str, Callable[[EventLogFactory], None]]
"""A sentence, and what raises an AssertionError where it isn't true."""

OF_EVERY_LOG: Final[tuple[Promise, ...]] = (
    ("append returns the event that was appended", append_answers),
    ("ids rise by one with each append", ids_rise),
    ("what can't be an event is refused with a TypeError, and changes nothing", garbage_is_refused),
    ("the payload is deep-copied when it is appended", payload_is_copied),
)

OF_A_LOG_THAT_KEEPS: Final[tuple[Promise, ...]] = (
    ("what a reader does to an event reaches no other reader", readers_cannot_change),
    ("query gives what was appended, oldest first", oldest_first),
    ("query takes any whole number as since, and gives the events after it", since_is_a_cursor),
    ("a limit caps the answer to the oldest events", limit),
    ("a reader that pages with a limit loses none", paging),
    ("at most max_entries events are kept, the newest", count_is_bounded),
    ("clear forgets every event, and ids go on", clear),
    ("a bound that is not positive falls back to the default", bad_bounds_fall_back),
    ("a log that offers `read` tells its readers what they lost", losses_are_told),
)

OF_A_LOG_WITH_A_CLOCK: Final[tuple[Promise, ...]] = (
    ("timestamps are what the injected clock says", timestamps),
    ("events leave when they are older than ttl_seconds", age_is_bounded),
    ("age isn't fooled by a clock that steps back", steps_back),
)

OF_A_LOG_THAT_KEEPS_NOTHING: Final[tuple[Promise, ...]] = (
    ("a log that keeps nothing finds nothing, and ids go on", nothing_is_kept),
)

OF_EVERY_LOG_AT_LAST: Final[tuple[Promise, ...]] = (
    ("many threads append and query at once, and every id is given once", threads),
)
"""What costs most, and says least about where a log is broken that one thread alone can break."""
