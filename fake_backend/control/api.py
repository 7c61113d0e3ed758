"""What the control API is asked and what it answers, as types.

Requests are read by these types, answers are written from them, and the OpenAPI document is made of them, so that none
of the three can differ from the others. What a docstring says here is what that document says.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fake_backend.faults import FaultRule
from fake_backend.records import BackendRecord

LARGEST_NUMBER: Final = 2**53 - 1
"""The largest number that every reader of JSON can hold."""

DEFAULT_LIMIT: Final = 100
LARGEST_LIMIT: Final = 1_000

Cursor: TypeAlias = Annotated[
    int, Meta(ge=0, le=LARGEST_NUMBER, description="The id of the last one that was seen: what is after it is given.")
]
Limit: TypeAlias = Annotated[
    int, Meta(ge=0, le=LARGEST_LIMIT, description="How many are given at the most; go on from the last id.")
]
RunId: TypeAlias = Annotated[str, Meta(min_length=1, description="The id of a run, percent-encoded.")]
JsonObject: TypeAlias = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request says: by its path and query together, or by its body."""


class Nothing(Asked, frozen=True, kw_only=True):
    """A request that says nothing."""


class OfRun(Asked, frozen=True, kw_only=True):
    """One run."""

    run_id: RunId


class OfFault(Asked, frozen=True, kw_only=True):
    """One rule of faults."""

    id: Annotated[int, Meta(ge=1, le=LARGEST_NUMBER, description="The number of the rule.")]


class PageFile(Asked, frozen=True, kw_only=True):
    """A file that the page is made of."""

    name: Annotated[str, Meta(min_length=1)]


class HistoryQuery(Asked, frozen=True, kw_only=True):
    """Which records."""

    since: Cursor | UnsetType = UNSET
    limit: Limit = DEFAULT_LIMIT


class RunHistoryQuery(HistoryQuery, frozen=True, kw_only=True):
    """Which records of one run."""

    run_id: RunId


class EventsQuery(HistoryQuery, frozen=True, kw_only=True):
    """Which events of all runs."""

    kind: Annotated[str, Meta(description="Only events whose kind begins so.")] = ""


class RunEventsQuery(EventsQuery, frozen=True, kw_only=True):
    """Which events of one run."""

    run_id: RunId


class StreamQuery(Asked, frozen=True, kw_only=True):
    """Where a stream begins: after the header Last-Event-ID, else after `since`, else with the oldest that is kept.

    With `last`, the third is instead so many ids before the newest; what is kept from before is told by `skipped`.
    """

    since: Cursor | UnsetType = UNSET
    last: Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)] | UnsetType = UNSET


class RunStreamQuery(StreamQuery, frozen=True, kw_only=True):
    """Where the stream of one run begins."""

    run_id: RunId


class ReadQuery(Asked, frozen=True, kw_only=True):
    """Where reading a run back begins: after the header Last-Event-ID, else with the oldest event that is kept.

    `start=latest` skips what is there already, unless the header is given.
    """

    run_id: RunId
    start: Literal["latest"] | UnsetType = UNSET


class ActivityQuery(Asked, frozen=True, kw_only=True):
    """Which events of a workspace: the project of the runs, or `default` for runs whose path names none."""

    workspace_id: Annotated[str, Meta(min_length=1)]
    since: Cursor | UnsetType = UNSET
    limit: Limit = DEFAULT_LIMIT


class RunChange(Asked, frozen=True, kw_only=True):
    """A new state for a run, as a restart, another writer or an expiry would set it; what is left out stays.

    But a run that is set to 0 is open again, unless `complete` says otherwise.
    """

    last_accepted_seq: Annotated[int, Meta(ge=0, le=LARGEST_NUMBER)] | UnsetType = UNSET
    complete: bool | UnsetType = UNSET
    why: Annotated[str, Meta(max_length=1_000)] = "set by the control API"


class ResetOrder(Asked, frozen=True, kw_only=True):
    """What goes besides runs, history and counts."""

    faults: bool = True


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong with a request, and what would be right."""

    error: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How many records are kept, and how many were forgotten to make room."""

    kept: int
    forgotten: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """That the backend is there. `uptime` is seconds; `requests` and `runs` count from the last reset."""

    status: str
    version: str
    uptime: float
    requests: int
    runs: int
    history: Kept


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """A run, as it is now.

    `in_flight` are requests under way, `rate` the events accepted a second over the last 5 s, and `idle` the seconds
    since something was heard of the run.
    """

    run_id: str
    last_accepted_seq: int
    complete: bool
    requests: int
    in_flight: int
    accepted: int
    duplicates: int
    faults: int
    rate: float
    idle: float


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Runs, in the order in which they were first heard of."""

    runs: list[RunState]


class NumberedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the history under its id."""

    id: int
    record: BackendRecord


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """Records, oldest first, and how many after `since` were forgotten (of one run: at the most so many).

    `cursor` is the `since` to go on with.
    """

    records: list[NumberedRecord]
    missed: int
    cursor: int


class AcceptedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What was accepted: the event under its number."""

    seq: int
    event: JsonObject


class NumberedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a run's log. `timestamp` is when it was accepted, in seconds since the Unix epoch.

    `kind` is the event's own `kind` or `type` where that is a string, else "event".
    """

    id: int
    timestamp: float
    kind: str
    payload: AcceptedEvent


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a run, oldest first, and how many after `since` were forgotten.

    `cursor` is the `since` to go on with.
    """

    events: list[NumberedEvent]
    missed: int
    cursor: int


class ActivityPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What was accepted: the event under its number, and the run that it belongs to."""

    run_id: str
    seq: int
    event: JsonObject


class ActivityEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a log of several runs, as `NumberedEvent`."""

    id: int
    timestamp: float
    kind: str
    payload: ActivityPayload


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """Events of several runs, oldest first, and how many after `since` were forgotten.

    `cursor` is the `since` to go on with.
    """

    events: list[ActivityEvent]
    missed: int
    cursor: int


class RuleTable:
    """A rule of faults, written and read as its table in a file."""

    __slots__ = ("rule",)

    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule


class FaultEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of faults under its number, as its table in a file, and on how many requests it has struck."""

    id: int
    rule: RuleTable
    struck: int


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that are there, in the order in which they were added."""

    faults: list[FaultEntry]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """The ids that a reader has missed, the first and the last."""

    missed_from: int
    missed_to: int


class CaughtUp(msgspec.Struct, frozen=True, kw_only=True):
    """That history ends here, with this id (0: there was none), and what follows is live."""

    last_id: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """That nothing follows."""

    status: Literal["complete"]
