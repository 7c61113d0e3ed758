"""The faults that the backend injects, as data: frozen, comparable, printable, and the same in TOML, JSON and Python.

A fault says what goes wrong and at which point of a request; a `FaultRule` says which requests it strikes. The words
are those of the field: latency, reset_peer, stall, status, partial.

The points of a request, in order:

* `before-read`: the head has arrived; nothing is read of the body, so that the peer's upload backs up.
* `before-accept`: the first line (or the end of an empty body) has arrived; nothing has been taken yet.
* `after-lines`: after `lines` lines of the body have been decided; a body with fewer is never struck.
* `after-accept`: everything has been read and taken; the answer has not been sent (so this is "before the answer",
  and strikes whatever the answer is).
* `in-answer`: the head of the answer and half its body are on the way.

Where several faults strike a request, they do so in this order; at one point, those that only take time come first.
The first that ends the request is the last that strikes.

A value that makes no sense raises ValueError, and msgspec.ValidationError when it is decoded.
"""

import math
import re
from typing import Final, Literal, TypeAlias

import msgspec

Phase: TypeAlias = Literal["before-read", "before-accept", "after-lines", "after-accept", "in-answer"]
RequestKind: TypeAlias = Literal["any", "sync", "data", "completion"]

MIN_STATUS: Final = 200
MAX_STATUS: Final = 599

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING: Final = {"content-length", "transfer-encoding"}


class _Fault(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """A thing that goes wrong with one request."""


class Latency(_Fault, frozen=True, kw_only=True, tag="latency"):
    """The backend waits `seconds` at a point, then goes on as if nothing had been.

    A client that leaves meanwhile changes nothing about that: what the backend has read by then is still taken, which
    is how a request that timed out comes to be taken later.
    """

    seconds: float
    phase: Phase = "after-accept"
    lines: int = 0

    def __post_init__(self) -> None:
        _check_seconds(self.seconds)
        _check_lines(self.phase, self.lines)


class ResetPeer(_Fault, frozen=True, kw_only=True, tag="reset_peer"):
    """The connection is reset at a point. At `after-accept` all was taken and the answer is lost."""

    phase: Phase = "after-accept"
    lines: int = 0

    def __post_init__(self) -> None:
        _check_lines(self.phase, self.lines)


class Stall(_Fault, frozen=True, kw_only=True, tag="stall"):
    """Nothing moves and nothing closes, from a point on, for `seconds` (None: until the client gives up).

    A client that gives up ends the request. The limit of it: while a body is left unread that is larger than the
    buffers in between, the end of its connection can't be seen behind it, and the request ends with the backend.
    """

    phase: Phase = "before-read"
    lines: int = 0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None:
            _check_seconds(self.seconds)
        _check_lines(self.phase, self.lines)


class Status(_Fault, frozen=True, kw_only=True, tag="status"):
    """The backend, or a proxy before it, answers `status` with `headers` and `body` instead of the true answer.

    At `before-read` and `before-accept` nothing was taken; at `after-lines` the first `lines` lines were; at
    `after-accept` all was. `in-answer` is too late for another status. `body` None stands for what a backend says:
    `{"error": …}`, for 409 and 413 also the true `last_accepted_seq`, and for 200 the true counts so far. A body is
    sent as JSON where it begins like JSON, else as HTML, unless `headers` name a Content-Type.
    """

    status: int
    headers: dict[str, str] = {}
    body: str | None = None
    phase: Phase = "before-accept"
    lines: int = 0

    def __post_init__(self) -> None:
        if not MIN_STATUS <= self.status <= MAX_STATUS:
            raise ValueError(f"status is {self.status}; an answer has one from {MIN_STATUS} to {MAX_STATUS}")
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
                raise ValueError(f"headers has {name!r}; it is the name of any header but those that frame the body")
            if _CONTROL.search(value):
                raise ValueError(f"headers has {value!r} for {name}; a value holds no control characters")
        if self.phase == "in-answer":
            raise ValueError("phase is 'in-answer'; a status is answered at an earlier point, such as 'after-accept'")
        _check_lines(self.phase, self.lines)


class Partial(_Fault, frozen=True, kw_only=True, tag="partial"):
    """Only the first `lines` lines are taken; the rest is read and ignored, and a 200 says how far it got.

    A completion among the ignored lines is ignored like the others, and one by headers with them. The limits of the
    protocol hold for ignored lines too.
    """

    lines: int

    def __post_init__(self) -> None:
        if self.lines < 0:
            raise ValueError(f"lines is {self.lines}; it is how many lines are taken, from 0")


Fault: TypeAlias = Latency | ResetPeer | Stall | Status | Partial


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which requests a fault strikes.

    Requests are counted for each run and each kind from 1: `of="data", requests=(2,)` is the second request of a run
    that carries events. `requests` empty and `every` 0 strike all; `every=3` strikes the 3rd, the 6th, and so on.
    A request's kind is told by its first line, or by the end of an empty body (`sync`, or `completion` where the
    headers say so); with `of` other than `any` the backend therefore looks at the first line even for a fault
    that strikes before reading, and takes nothing of it. A request that ends before its kind is known counts as `any`
    alone; one that is turned away by its head (401, 403, 404, 405) isn't counted at all.
    """

    fault: Fault
    of: RequestKind = "any"
    requests: tuple[int, ...] = ()
    every: int = 0
    run_id: str | None = None

    def __post_init__(self) -> None:
        for index in self.requests:
            if index < 1:
                raise ValueError(f"requests has {index}; requests are counted from 1")
        if self.every < 0:
            raise ValueError(f"every is {self.every}; it is 1 for each request, 2 for each second one, and so on")
        if self.requests and self.every:
            raise ValueError(f"every is {self.every} and requests is {self.requests}; a rule has one of the two")

    def strikes(self, index: int, run_id: str) -> bool:
        """Whether the rule strikes the `index`-th request (from 1) of its kind in a run."""
        if self.run_id is not None and self.run_id != run_id:
            return False
        if self.requests:
            return index in self.requests
        return self.every == 0 or index % self.every == 0


def _check_seconds(seconds: float) -> None:
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"seconds is {seconds}; it is a duration, from 0")


def _check_lines(phase: Phase, lines: int) -> None:
    if phase == "after-lines" and lines < 1:
        raise ValueError(f"lines is {lines}; with phase 'after-lines' it says after how many, from 1")
    if phase != "after-lines" and lines != 0:
        raise ValueError(f"lines is {lines}; it goes with phase 'after-lines' alone, and phase is {phase!r}")
