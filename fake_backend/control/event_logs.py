"""What was accepted, in event logs: one for each run or workspace, bounded one by one and all together; one for all.

A log holds the records of what was accepted, as the history has them written, and makes events of them when it is
asked: most are never asked for, and all logs share the bytes of one record.
"""

import asyncio
from collections import OrderedDict
from typing import Any, Final

import msgspec

from fake_backend.control.codec import decode, encode
from fake_backend.ring import Ring
from reference.event_log import Event, QueryResult

LOG_ENTRIES: Final = 20_000
LOG_SECONDS: Final = 6 * 3600.0
"""What the production system retains of a run."""

ALL_RUNS: Final = "all runs"
"""The name of the one log that holds the events of all runs."""

MOST_BYTES: Final = 2**26
"""How many bytes of records all logs of a kind hold, where they are bounded."""

_NOTHING: Final = QueryResult(events=(), since=None, first_id=1, last_id=0)


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that was accepted.

    `written` is its LineReceived as JSON. `time` is seconds on the event loop's clock, and `timestamp` since the Unix
    epoch.
    """

    written: bytes
    time: float
    timestamp: float


class EventLogs:
    """Logs by name, each begun by what is appended to it first.

    A log holds `LOG_ENTRIES` events of `LOG_SECONDS` at the most. All together hold `most` events (None: no bound), and
    then no more than `MOST_BYTES`: to make room, the log that was appended to the longest ago is cleared. The ids of a
    log go on in any case, so that its readers learn what they missed.
    """

    __slots__ = ("_by_use", "_bytes", "_count", "_logs", "_most", "_most_of_one")

    def __init__(self, *, most: int | None) -> None:
        self._most = most
        self._most_of_one = LOG_ENTRIES if most is None else min(LOG_ENTRIES, most)
        self._logs: dict[str, _Log] = {}
        # Those that may hold something; the log that was appended to last is last.
        self._by_use: OrderedDict[str, _Log] = OrderedDict()
        self._count = 0
        self._bytes = 0

    def append(self, name: str, event: Accepted) -> None:
        """Add an event to a log."""
        log = self._logs.get(name)
        if log is None:
            log = self._logs[name] = _Log()
        self._forget_old(log, event.time)
        if len(log) == self._most_of_one:
            self._forget_oldest(log)
        if self._most is not None:
            self._by_use.pop(name, None)  # the last one that goes to make room
            self._make_room(log, len(event.written), self._most)
            self._by_use[name] = log
        log.append(event)
        log.last_id += 1
        self._count += 1
        self._bytes += len(event.written)

    def read(self, name: str, since: int | None = None, limit: int | None = None, *, kind: str = "") -> QueryResult:
        """Read the events of a log whose kind begins with `kind`, those after `since`, `limit` at the most.

        A log that was never appended to is empty. A cursor from another life of the log starts over.
        """
        log = self._logs.get(name)
        if log is None:
            return _NOTHING
        self._forget_old(log, asyncio.get_running_loop().time())
        if since is not None and since > log.last_id:
            since = None
        events = log.events(since, limit, kind)
        return QueryResult(events=tuple(events), since=since, first_id=log.first_id, last_id=log.last_id)

    def clear(self) -> None:
        """Clear every log."""
        for log in self._logs.values():
            while log:
                self._forget_oldest(log)
        self._by_use.clear()

    def _make_room(self, log: "_Log", size: int, most: int) -> None:
        while self._count and (self._count >= most or self._bytes + size > MOST_BYTES):
            oldest = self._by_use.popitem(last=False)[1] if self._by_use else log
            while oldest:
                self._forget_oldest(oldest)

    def _forget_old(self, log: "_Log", now: float) -> None:
        while log and log.oldest.time < now - LOG_SECONDS:
            self._forget_oldest(log)

    def _forget_oldest(self, log: "_Log") -> None:
        self._count -= 1
        self._bytes -= len(log.forget_oldest().written)


class _Log(Ring[Accepted]):
    """One log. Its ids rise by one from 1, so that the place of each follows from the last one's."""

    __slots__ = ("last_id",)

    def __init__(self) -> None:
        super().__init__()
        self.last_id = 0

    @property
    def first_id(self) -> int:
        """The id of the oldest event here, or of the next one if there is none."""
        return self.last_id + 1 - len(self)

    def events(self, since: int | None, limit: int | None, kind: str) -> list[Event]:
        """Give the oldest `limit` events (None: all) of a kind with an id above `since` (None: any)."""
        first = self.first_id if since is None else max(self.first_id, since + 1)
        if not kind:
            return [_event(*each) for each in enumerate(self.items(first - self.first_id, limit), start=first)]
        found: list[Event] = []
        for number, accepted in enumerate(self.items(first - self.first_id), start=first):
            if limit is not None and len(found) >= limit:
                break
            event = _event(number, accepted)
            if event.kind.startswith(kind):
                found.append(event)
        return found


class _Line(msgspec.Struct, frozen=True, gc=False):
    """What a reader is told of a LineReceived; the event as it is written in it."""

    run_id: str
    seq: int
    event: msgspec.Raw


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """What an event may call itself."""

    kind: Any = None
    type: Any = None


_decode_line: Final = msgspec.json.Decoder(_Line).decode
_decode_kind: Final = msgspec.json.Decoder(_Kind).decode


def _event(number: int, accepted: Accepted) -> Event:
    try:
        line = _decode_line(accepted.written)
        named = _decode_kind(line.event)
    except msgspec.DecodeError:  # lone surrogates, as in `codec.encode`
        said = decode(accepted.written)
        line = _Line(said["run_id"], said["seq"], msgspec.Raw(encode(said["event"])))
        named = _Kind(said["event"].get("kind"), said["event"].get("type"))
    return Event(
        id=number,
        timestamp=accepted.timestamp,
        kind=next((kind for kind in (named.kind, named.type) if isinstance(kind, str)), "event"),
        payload={"run_id": line.run_id, "seq": line.seq, "event": bytes(line.event)},
    )
