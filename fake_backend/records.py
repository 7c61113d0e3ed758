"""What the backend writes down: one frozen record for everything that came in, was decided, or went out.

The records are the evidence on which a sender is judged, so they say what happened and draw no conclusion. Every
record carries its `time` (seconds on the event loop's clock) and, except for what belongs to no request, the number
of its `request` (1 for the first that this backend saw). Records go to JSON and back without loss, by `encode_record`
and `decode_record`.

A request has one RequestStarted, first, and one AnswerSent or RequestBroken. Those say when the request was over for
its client, and aren't always the last records of it: a backend that is slow (the fault `latency`) goes on with what it
has read, and takes lines, after the client has left, and so does one that takes them with a lag (`overlap`); one whose
proxy gave up (`late_accept`) takes them after the answer; one that holds lines back (a rule by `events`) takes those of
a client that leaves as soon as it sees that; and a connection may be reset (`close_on_reuse`, `idle_cut`) long after.
"""

import json
from typing import Any, Final, Literal, TypeAlias

import msgspec

from fake_backend.faults import Fault

__all__ = [
    "AnswerSent",
    "BackendCameUp",
    "BackendRecord",
    "BackendWentDown",
    "BodyEnded",
    "BreakCause",
    "CompletionDecision",
    "CompletionReceived",
    "FaultStruck",
    "LineDecision",
    "LineReceived",
    "Record",
    "RequestBroken",
    "RequestStarted",
    "StateSet",
    "decode_record",
    "encode_record",
]

LineDecision: TypeAlias = Literal[
    "accepted", "duplicate", "gap", "complete", "invalid", "too-large", "refused", "ignored"
]
"""What became of a line: taken; already had; past the next number; the run is complete; broken; over a limit; well
formed and refused for its content all the same, by a fault; or left unread by a fault."""

CompletionDecision: TypeAlias = Literal["completed", "already-complete", "mismatch", "invalid"]

BreakCause: TypeAlias = Literal["fault", "client-disconnected", "shutdown"]


# Records hold what came out of JSON, in which there are no cycles, and a history has very many of them: the garbage
# collector needn't look at each, again and again.
class Record(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True, gc=False):
    """Something that happened at the backend, at a `time` in seconds."""

    time: float


class RequestStarted(Record, frozen=True, kw_only=True):
    """The head of a request arrived; nothing of its body has been looked at.

    `connection` numbers the connections from 1; `host` is the value of the Host header; `authorization` is the header
    as it came (the tokens of a fake backend are no secrets) or None; `run_id` is None where the path names no run;
    `completion_header` is True for a completion in its older form, at a backend that knows it.
    """

    request: int
    connection: int
    method: str
    path: str
    host: str
    run_id: str | None
    authorization: str | None
    content_type: str | None
    completion_header: bool = False
    content_length: int | None = None


class LineReceived(Record, frozen=True, kw_only=True):
    """One line of a body that isn't white space, and what was decided about it.

    `size` is its length in bytes without the newline. `seq` and `event` are as parsed, and None where the line isn't
    an event line. `raw` is the line itself where it was not well-formed (cut at 1,000 bytes), else None.
    `well_formed` is False for anything but exactly `{"seq": int, "event": object}`; such a line may still be accepted
    by the rules of the protocol (an unknown key besides).

    A line over the limit of bytes (`too-large`) is never read whole: its `size` is the first that was too much, and
    there is no `raw`. A line with a completion is a CompletionReceived instead, unless a fault left it unread.
    """

    request: int
    run_id: str
    size: int
    decision: LineDecision
    seq: int | None = None
    event: dict[str, Any] | None = None
    raw: str | None = None
    well_formed: bool = True


class CompletionReceived(Record, frozen=True, kw_only=True):
    """A completion, by line or by headers, and what was decided about it.

    It is decided at the end of the body; a line is `invalid` as soon as another one follows. Where the body breaks
    off after a completion line there is no record of it: nothing was decided. `final_seq` is None where it is no
    number from 0.
    """

    request: int
    run_id: str
    final_seq: int | None
    by: Literal["line", "headers"]
    decision: CompletionDecision


class BodyEnded(Record, frozen=True, kw_only=True):
    """The whole body of a request was read: `size` bytes, `lines` lines that aren't white space."""

    request: int
    size: int
    lines: int


class FaultStruck(Record, frozen=True, kw_only=True):
    """A fault took effect on a request; for `close_on_reuse` and `idle_cut`, on the connection that it came over."""

    request: int
    fault: Fault


class AnswerSent(Record, frozen=True, kw_only=True):
    """An answer was handed to the network whole. `body` is its text; `headers` are those beyond the ordinary ones."""

    request: int
    status: int
    body: str
    headers: dict[str, str] = {}


class RequestBroken(Record, frozen=True, kw_only=True):
    """A request ended without a whole answer: by a fault, because the client went away, or as the backend went down."""

    request: int
    cause: BreakCause


class StateSet(Record, frozen=True, kw_only=True):
    """The state of a run was set from outside (by a test or a fault), not by a request's lines."""

    run_id: str
    last_accepted_seq: int
    complete: bool
    why: str


class BackendWentDown(Record, frozen=True, kw_only=True):
    """The backend's connections were reset, and new ones are refused from here on."""


class BackendCameUp(Record, frozen=True, kw_only=True):
    """The backend listens again."""


BackendRecord: TypeAlias = (
    RequestStarted
    | LineReceived
    | CompletionReceived
    | BodyEnded
    | FaultStruck
    | AnswerSent
    | RequestBroken
    | StateSet
    | BackendWentDown
    | BackendCameUp
)

_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(BackendRecord)


def encode_record(record: BackendRecord) -> bytes:
    """Write a record as one line of JSON, without a newline."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        # An event may hold lone surrogates (`"\\ud800"` is JSON); msgspec can't write them, and json escapes them.
        return json.dumps(msgspec.to_builtins(record)).encode()


def decode_record(line: bytes) -> BackendRecord:
    """Read what `encode_record` wrote. Raises msgspec.ValidationError or ValueError for anything else."""
    try:
        record: BackendRecord = _decoder.decode(line)
    except msgspec.MsgspecError:
        # Lone surrogates again, and integers of very many digits.
        record = msgspec.convert(json.loads(line), BackendRecord)
    return record
