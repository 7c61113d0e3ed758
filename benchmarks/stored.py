"""What a backend stored of several runs, and what of it is there twice, by whose doing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fake_backend.records import LineReceived, RequestStarted

if TYPE_CHECKING:
    from fake_backend import BackendRecord


@dataclass(slots=True)
class Request:
    """A request, and from when to when the backend took its lines, in seconds."""

    number: int
    begun: float
    done: float

    def __str__(self) -> str:
        return f"request {self.number} ({self.begun:.3f} to {self.done:.3f} s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two requests of a run that have stored the same events."""

    run: str
    places: tuple[int, ...]
    requests: tuple[Request, Request]

    @property
    def overlapped(self) -> bool:
        """Whether lines of both were being taken at once."""
        first, second = self.requests
        return first is not second and first.begun <= second.done and second.begun <= first.done

    def __str__(self) -> str:
        first, second = self.requests
        return f"{self.run}, {len(self.places)} events from {self.places[0]} on: {first} and {second}"


@dataclass(kw_only=True)
class Stored:
    """What is stored, kept record by record. An event is known by its run and its `place` there, from 0 on."""

    events: int = 0
    out_of_order: int = 0
    _by: dict[str, dict[int, list[Request]]] = field(default_factory=lambda: defaultdict(dict))
    _requests: dict[int, Request] = field(default_factory=dict)
    _next: Counter[str] = field(default_factory=Counter)

    def note(self, record: BackendRecord) -> None:
        """Look at a record."""
        match record:
            case RequestStarted(request=number, time=time):
                self._requests[number] = Request(number, time, time)
            case LineReceived(request=number, time=time, event=dict(event)):
                request = self._requests[number]
                request.done = time
                if record.decision == "accepted":
                    self._store(record.run_id, event["place"], request)
            case _:
                pass

    def _store(self, run: str, place: int, request: Request) -> None:
        self.events += 1
        stored_by = self._by[run].setdefault(place, [])
        stored_by.append(request)
        if len(stored_by) == 1:
            self.out_of_order += place < self._next[run]
            self._next[run] = max(self._next[run], place + 1)

    @property
    def requests(self) -> int:
        """How many requests came in."""
        return len(self._requests)

    def lost(self, run: str, events: int) -> int:
        """Tell how many of the events of a run aren't there."""
        return sum(place not in self._by[run] for place in range(events))

    def twice(self) -> list[Pair]:
        """Tell which requests have stored what another had stored before."""
        places: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        for run, stored in self._by.items():
            for place, (first, *others) in stored.items():
                for again in others:
                    earlier, later = sorted((first.number, again.number))
                    places[run, earlier, later].append(place)
        return [
            Pair(run=run, places=tuple(sorted(each)), requests=(self._requests[first], self._requests[second]))
            for (run, first, second), each in places.items()
        ]
