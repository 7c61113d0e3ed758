"""What a request can be, by the text of the protocol alone: whom its head speaks for, and what happens when.

Time is counted in moments: what arrives at the backend in one moment arrives together, and the backend has settled
before the next.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Self
from urllib.parse import unquote

from fake_backend import Limits
from tests.fake_backend.model_lines import BAD_FINAL_SEQ, Blank, Broken, Completion, Reading, readings

COMPLETE_HEADER: Final = "X-PostHog-Event-Stream-Complete"
FINAL_SEQ_HEADER: Final = "X-PostHog-Event-Stream-Final-Seq"
ANY_CODE: Final = "…"
"""Stands for the code of a bad token, which the protocol leaves open."""

_LINE_TOO_LARGE: Final = "Event line is too large"
_REQUEST_TOO_LARGE: Final = "Event ingest request is too large"
_NO_FINAL_SEQ: Final = Broken(f"Completion request must include {FINAL_SEQ_HEADER}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, and its body as JSON with sorted keys (None: the body isn't JSON)."""

    status: int
    body: str | None

    @classmethod
    def of(cls, status: int, **fields: Any) -> Self:
        """Make the answer with these fields."""
        return cls(status, json.dumps(fields, sort_keys=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it reaches the backend, freed of how HTTP frames it.

    Attributes:
        begin: the moment in which its head is there, None if the client left before.
        body: the bytes of the body that arrive, and `arrivals` the moment of each.
        end: the moment in which the body ends, or breaks off.
        broken: whether it breaks off; `garbled`, because its framing makes no sense.
        left: whether the client may be gone before it is answered.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    begin: int | None
    body: bytes
    arrivals: Sequence[int]
    end: int
    broken: bool
    garbled: bool
    left: bool

    def header(self, wanted: str) -> str | None:
        """Give the value of a header, None if it isn't there."""
        return next((value.strip(" \t") for name, value in self.headers if name.lower() == wanted.lower()), None)


@dataclass(frozen=True, slots=True)
class Begun:
    """A head that is let in: the run it is for, whether its body is read, and the completion that it states."""

    run_id: str
    body_counts: bool = True
    closing: Completion | Broken | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """The head is there."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line is there, in each of its readings; or a limit is passed, in the words of its 413."""

    readings: tuple[Reading | str, ...]


@dataclass(frozen=True, slots=True)
class End:
    """The body is over."""


@dataclass(frozen=True, slots=True)
class Break:
    """The body broke off, or makes no sense any more."""


Step = Begin | Line | End | Break


def heads(
    request: Request, *, tokens: Mapping[str, str | None], known_runs: AbstractSet[str], legacy_completion: bool
) -> Iterator[Answer | Begun]:
    """Judge a head. Silent: which of its faults is answered, where it has several."""
    for run_id, token in product(_runs_of(request.path), _tokens_of(request.header("Authorization"))):
        refusals = []
        if request.method != "POST":
            refusals.append(Answer.of(405, error="Method not allowed"))
        if token is None:
            refusals.append(Answer.of(401, error="Missing authorization bearer token"))
        elif token not in tokens:
            refusals.append(Answer.of(401, error="Invalid event ingest token", code=ANY_CODE))
        elif tokens[token] not in {None, run_id}:
            refusals.append(Answer.of(403, error="Token does not match run"))
        if run_id not in known_runs:
            refusals.append(Answer.of(404, error="Task run not found"))
        yield from refusals or _begin(request, run_id, legacy_completion=legacy_completion)


def plan(request: Request, limits: Limits) -> list[tuple[int, Step]]:
    """Lay out what happens to a request, and in which moment, were it never refused."""
    if request.begin is None:
        return []
    steps: list[tuple[int, Step]] = [(request.begin, Begin())]
    for offset, step in _lines(request.body, limits):
        if offset < len(request.body):
            steps.append((request.arrivals[offset], step))
        elif not request.broken:  # the last line, without its newline: it is one if the body ends here
            steps.append((request.end, step))
    steps.append((request.end, Break() if request.broken else End()))
    return steps


def _lines(body: bytes, limits: Limits) -> Iterator[tuple[int, Line]]:
    """Give the lines, and the passing of a limit, each with the place of the byte that settles it."""
    too_much = limits.max_request_bytes if len(body) > limits.max_request_bytes else math.inf
    start = 0
    for line in body.split(b"\n"):
        newline, too_long = start + len(line), start + limits.max_line_bytes
        if too_long < newline and too_long <= too_much:
            # Silent: whether the CR of a CRLF belongs to its line, and whether white space alone can be too large.
            may_pass = len(line.rstrip(b"\r")) <= limits.max_line_bytes or not line.strip()
            # Silent: which of two limits is named that are passed with the same byte.
            both = (_REQUEST_TOO_LARGE,) if too_long == too_much else ()
            yield too_long, Line((_LINE_TOO_LARGE, *both, *((Blank(),) if may_pass else ())))
        if too_much <= newline:
            place = int(too_much)
            if newline == place:  # silent: a line of which only the newline is past the limit
                yield place, Line((_REQUEST_TOO_LARGE, *readings(line, first=start == 0)))
            yield place, Line((_REQUEST_TOO_LARGE,))
            return
        if line:
            yield newline, Line(readings(line, first=start == 0))
        start = newline + 1


def _runs_of(path: str) -> tuple[str | None, ...]:
    path, _, query = path.partition("?")
    match path.split("/"):
        case ["", "v1", "runs", run_id, "ingest"]:
            is_plain = True
        case ["", "v1", "runs", run_id, "ingest", ""]:
            is_plain = False  # silent: a trailing slash, where the other form is said to have one
        case ["", "api", "projects", _, "tasks", _, "runs", run_id, "event_stream"]:
            is_plain = True
        case ["", "api", "projects", _, "tasks", _, "runs", run_id, "event_stream", ""]:
            is_plain = True
        case _:
            return (None,)
    # Silent: a query.
    return (unquote(run_id),) if is_plain and not query else (unquote(run_id), None)


def _tokens_of(authorization: str | None) -> tuple[str | None, ...]:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return (None,)
    # Silent: a scheme in other letters, which are equal to HTTP, and white space around or in a token.
    is_plain = scheme == "Bearer" and token.split() == [token]
    return (token,) if is_plain else (token, token.strip(), None)


def _begin(request: Request, run_id: str | None, *, legacy_completion: bool) -> Iterator[Begun]:
    if run_id is None:
        return
    if not legacy_completion:
        yield Begun(run_id)
        return
    stated = request.header(COMPLETE_HEADER)
    closings = tuple(_closings(request.header(FINAL_SEQ_HEADER)))
    if stated != "true" or request.body:
        # Silent: headers of a completion with a body, and another word than `true`.
        yield Begun(run_id)
    if stated is not None and (stated == "true" or stated.lower() not in {"", "false", "0"}):
        for closing in closings:
            yield Begun(run_id, closing=closing)
            if request.body:
                yield Begun(run_id, body_counts=False, closing=closing)


def _closings(final_seq: str | None) -> Iterator[Completion | Broken]:
    if not final_seq:
        yield _NO_FINAL_SEQ
        if final_seq is None:
            return
    # Silent: how a number is written in a header. Only plain digits are certain.
    if final_seq and re.fullmatch(r"[+]?[0-9]+", final_seq):
        yield Completion(int(final_seq))
    if not re.fullmatch(r"0|[1-9][0-9]*", final_seq):
        yield Broken(BAD_FINAL_SEQ)
