"""What happened in one run of a scenario: the calls into the sender, and what the backend wrote down, in order.

A history is all that a checker sees. It is frozen, goes to JSON and back without loss, and says nothing of how it
came about: one that was recorded in production can be judged like one from the simulator.
"""

import json
from typing import Any, Literal, TypeAlias

import msgspec

from conformance.evidence.settings import Settings
from fake_backend.records import BackendCameUp as BackendCameUp  # noqa: PLC0414 - given on, so that mypy sees it
from fake_backend.records import BackendRecord, Record
from fake_backend.records import BackendWentDown as BackendWentDown  # noqa: PLC0414 - likewise

_encode = msgspec.json.Encoder(order="deterministic").encode

OUTCOMES = frozenset({"accepted", "full", "oversized", "unserializable", "closed"})


class SenderOpened(Record, frozen=True, kw_only=True):
    """The factory gave a sender, number `sender` from 1, for a run."""

    sender: int
    run_id: str
    token: str
    capabilities: frozenset[str]


class EnqueueCalled(Record, frozen=True, kw_only=True):
    """`enqueue` was called with an event, and returned at `returned`.

    `event` is the event as it was at the call; None for one that JSON can't carry, which `unserializable` then
    describes. Calls with the same `burst` were made without a pause between them. `blocked_for` is the real time in
    seconds that the call took, where that was conspicuous, and else 0.
    """

    sender: int
    call: int
    burst: int
    returned: float
    outcome: str
    event: dict[str, Any] | None
    unserializable: str | None = None
    blocked_for: float = 0.0


class StopCalled(Record, frozen=True, kw_only=True):
    """`stop` was called; `call` numbers the calls of a sender from 1."""

    sender: int
    call: int
    complete: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `stop` said: how many events were delivered and undelivered, how many dropped by reason, and completed."""

    delivered: int
    undelivered: int
    completed: bool
    dropped: dict[str, int] = {}
    unconfirmed: int = 0


class StopReturned(Record, frozen=True, kw_only=True):
    """`stop` returned; `report` is None where the sender gives none."""

    sender: int
    call: int
    report: Report | None


class StopOverdue(Record, frozen=True, kw_only=True):
    """`stop` had not returned long after its deadline, and the suite waited no longer."""

    sender: int
    call: int


class StopCancelled(Record, frozen=True, kw_only=True):
    """A call of `stop` ended as if it had been cancelled, though nobody had cancelled it."""

    sender: int
    call: int


class NetworkTrouble(Record, frozen=True, kw_only=True):
    """Something happened to the connections between the senders and the backend, and lasts for so many `seconds`.

    What was on its way at that time, or was sent until it is over, may have been lost, or have come late.
    """

    what: str
    seconds: float = 0.0


class RetryAfterAsked(Record, frozen=True, kw_only=True):
    """The answer to a request asked to wait for so many `seconds`, in either form, counted from now."""

    request: int
    seconds: float


class StrayRequest(Record, frozen=True, kw_only=True):
    """A request arrived at an origin that the sender was never told of."""

    origin: str
    path: str
    authorization: str | None


class CutShort(Record, frozen=True, kw_only=True):
    """The scenario was ended here, after `seconds` of real time, before its script was over; `waiting_for` says why."""

    seconds: float
    waiting_for: tuple[str, ...] = ()


class AdapterSaid(Record, frozen=True, kw_only=True):
    """What an adapter wrote to its standard error during the scenario: the last lines of it, and when that was read."""

    lines: tuple[str, ...]


CallRecord: TypeAlias = SenderOpened | EnqueueCalled | StopCalled | StopReturned | StopOverdue | StopCancelled
WorldName: TypeAlias = Literal["simulated", "tcp", "toxiproxy"]
AnyRecord: TypeAlias = (
    CallRecord | NetworkTrouble | RetryAfterAsked | StrayRequest | CutShort | AdapterSaid | BackendRecord
)


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The records of one scenario, in the order in which they happened, and what is needed to read them.

    Attributes:
        scenario: Its name.
        world: `simulated`, `tcp` for real sockets and real time, or `toxiproxy` for the same with a Toxiproxy between.
        settings: What the senders were given; `url` and `run_id` are those of the first.
        began: The time of the start, on the clock of the records.
        round_trip: Seconds that a request and its answer take on an idle network, at the most.
        slack: Seconds by which this world's clock and scheduling may be late. 0 in virtual time.
        records: What happened.
    """

    scenario: str
    world: WorldName
    settings: Settings
    began: float
    round_trip: float
    slack: float
    records: tuple[AnyRecord, ...]

    def to_json(self) -> bytes:
        """The history as one line of JSON, the same for equal histories: keys and sets are in one order."""
        try:
            return _encode(self)
        except UnicodeEncodeError:
            # An event may hold lone surrogates, which msgspec can't write; json escapes them.
            return json.dumps(msgspec.to_builtins(self, order="deterministic"), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "History":
        """The history that `to_json` wrote.

        Raises:
            msgspec.ValidationError: It is JSON, but no history; the message says where and why.
            msgspec.DecodeError: It is not JSON.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except RecursionError:
            raise msgspec.DecodeError("it is nested too deeply") from None
        except UnicodeEncodeError as error:
            raise msgspec.DecodeError(f"it holds half of a surrogate pair: {error.reason}") from None
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as error:
            try:
                plain = json.loads(text)
            except RecursionError:
                raise msgspec.DecodeError("it is nested too deeply") from None
            except ValueError:
                raise error from None
            return msgspec.convert(plain, cls)  # it was a lone surrogate, which is JSON
