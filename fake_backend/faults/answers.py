"""Faults of what the backend says, and of which lines it takes."""

import re
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from fake_backend.faults.base import (
    BEFORE_NUMBERS,
    FaultBase,
    LinesKey,
    PhaseKey,
    check_at_least,
    check_point,
    check_seconds,
)

MIN_STATUS: Final = 200
MAX_STATUS: Final = 599

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING: Final = {"content-length", "transfer-encoding"}


class Status(FaultBase, frozen=True, kw_only=True, tag="status"):
    """The backend, or a proxy before it, answers `status` with `headers` and `body` instead of the true answer.

    At `before-read` and `before-accept` nothing was taken; at `after-lines` the first `lines` lines were; at
    `after-accept` all was. `in-answer` is too late for another status. `body` None stands for what a backend says:
    `{"error": …}`, for 409 and 413 also the true `last_accepted_seq`, and for 200 the true counts so far. A body is
    sent as JSON where it begins like JSON, else as HTML, unless `headers` name a Content-Type.
    """

    example: ClassVar[str] = """
        # Two requests in a row are too many, and the third may be made a second later.
        [[fault]]
        kind = "status"
        status = 429
        headers = { Retry-After = "1" }
        of = "data"
        requests = [2, 3]
    """
    takes_time: ClassVar[bool] = False

    status: Annotated[int, Meta(description="the answer's status")]
    headers: Annotated[dict[str, str], Meta(description="more headers")] = msgspec.field(default_factory=dict)
    body: Annotated[str | None, Meta(description="the text; none: what a backend says with that status")] = None
    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        _check_status(self.status)
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
                raise ValueError(f"headers has {name!r}; it is the name of any header but those that frame the body")
            if _CONTROL.search(value):
                raise ValueError(f"headers has {value!r} for {name}; a value holds no control characters")
        if self.phase == "in-answer":
            raise ValueError("phase is 'in-answer'; a status is answered at an earlier point, such as 'after-accept'")
        check_point(self.phase, self.lines)


class LateAccept(FaultBase, frozen=True, kw_only=True, tag="late_accept"):
    """A proxy gives up on a request, and the backend behind it takes the request all the same, `seconds` later.

    The body is read whole, and the client gets `status` at once (None: its connection is reset). The lines are decided
    `seconds` after that, against the run as it is then, and a completion among them too; their records follow the
    AnswerSent or RequestBroken. A request that would be turned away by its head by then (its token has expired, its
    run is fenced), or whose backend goes down or ends before, is not taken at all.

    Faults of the points before strike as ever, and so do `partial` and `poison`; those at `after-lines` and
    `after-accept` don't, because by then nobody is there to be struck. Of several on one request, the first holds.
    """

    example: ClassVar[str] = """
        # A proxy answers 504 to the first request with events; the backend takes it three seconds later all the same.
        [[fault]]
        kind = "late_accept"
        seconds = 3.0
        status = 504
        of = "data"
        requests = [1]
    """

    seconds: Annotated[float, Meta(description="how much later the backend takes the request")]
    status: Annotated[int | None, Meta(description="the proxy's answer; none: it resets the connection")] = 504

    def __post_init__(self) -> None:
        check_seconds(self.seconds)
        if self.status is not None:
            _check_status(self.status)


class BufferRequest(FaultBase, frozen=True, kw_only=True, tag="buffer_request"):
    """A proxy holds the body back until its end, and throws it away where nothing of it comes for `seconds`.

    The backend gets all of the body at once, after its last byte; that is when its points and limits come. A body that
    is quiet for so long never gets there: the proxy answers `status` with a page of its own and closes the connection
    (None: it closes without an answer, as nginx does after its `client_body_timeout`). Nor does one whose client
    leaves in its midst, or whose framing is broken.

    Where a rule is for one kind of requests the first line tells that kind, and the proxy's patience begins with it.
    Of several on one request, the least patient holds.
    """

    example: ClassVar[str] = """
        # Bodies get through whole, or not at all: one of which nothing comes for ten seconds is answered 408.
        [[fault]]
        kind = "buffer_request"
        seconds = 10.0
        status = 408
    """

    seconds: Annotated[float, Meta(description="for how long the body may be quiet")] = 60.0
    status: Annotated[int | None, Meta(description="the proxy's answer then; none: it closes the connection")] = 408

    def __post_init__(self) -> None:
        check_seconds(self.seconds)
        if self.status is not None:
            _check_status(self.status)

    @property
    def severity(self) -> float:
        """The least patient holds."""
        return -self.seconds

    def refuse_events(self) -> str:
        """It holds for the body, before any of it is looked at."""
        return BEFORE_NUMBERS


class Overlap(FaultBase, frozen=True, kw_only=True, tag="overlap"):
    """Lines are taken with a lag, also when the client has gone, and no other request of the run is heeded.

    So does a backend whose check and append are two steps. The request looks up where the run stands when its first
    line arrives, and counts on by itself: what another request of the run takes meanwhile isn't seen, so the same
    number may be stored by both. Each line is taken at most `seconds` after it was read, in order; lines that are read
    together are spread evenly over that time. Whatever the request is answered is answered when all of them are taken;
    a client that leaves, or is cut off, before that changes nothing about them, nor about a completion behind the last
    of them. A line that is refused ends the taking; the client is told when more of the body comes, or its end.

    `last_accepted_seq` is the highest number that was taken. What is set from outside (`forget`, `foreign_writer`, a
    test) every request sees. A backend that goes down takes nothing more. `late_accept` on the same request holds
    instead of this; of several, the longest holds.
    """

    example: ClassVar[str] = """
        # Each line is taken up to 0.05 seconds after it came, whether or not its client is still there.
        [[fault]]
        kind = "overlap"
        seconds = 0.05
        of = "data"
    """

    seconds: Annotated[float, Meta(description="how long after it was read a line is taken, at the most")]

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def severity(self) -> float:
        """The longest holds."""
        return self.seconds


class Partial(FaultBase, frozen=True, kw_only=True, tag="partial"):
    """Only the first `lines` lines are taken; the rest is read and ignored, and a 200 says how far it got.

    A completion among the ignored lines is ignored like the others, and one by headers with them. The limits of the
    protocol hold for ignored lines too. Of several on one request, the one of the fewest lines holds.
    """

    example: ClassVar[str] = """
        # Of every second request with events only the first line is taken.
        [[fault]]
        kind = "partial"
        lines = 1
        of = "data"
        every = 2
    """
    takes_time: ClassVar[bool] = False

    lines: Annotated[int, Meta(description="how many lines of the body are taken")]

    def __post_init__(self) -> None:
        check_at_least(0, self.lines, "lines", "how many lines are taken")

    @property
    def severity(self) -> float:
        """The one of the fewest lines holds."""
        return -self.lines


class Duplicate(FaultBase, frozen=True, kw_only=True, tag="duplicate"):
    """Everything is taken, and the 200 says that all of it was there before: `accepted` 0, and a true number.

    So answers a backend to which a proxy has handed the same request twice.
    """

    example: ClassVar[str] = """
        # The second request with events is taken, and the answer says that all of it was there before.
        [[fault]]
        kind = "duplicate"
        of = "data"
        requests = [2]
    """
    takes_time: ClassVar[bool] = False


class Poison(FaultBase, frozen=True, kw_only=True, tag="poison"):
    """An event line that contains a text is refused, each time it comes; the lines before it stay accepted.

    `containing` is looked for in the bytes of the line, so a text that a sender may escape is no good choice. `status`
    is 400, with a text that says what such a line lacks and no number, or 413 as for a line that is too large. The
    line's record has the decision `refused` and the event. What the text doesn't tell apart is refused as well.
    """

    example: ClassVar[str] = """
        # An event with this text in it is refused each time it comes.
        [[fault]]
        kind = "poison"
        containing = "drop table"
        status = 400
    """
    takes_time: ClassVar[bool] = False

    containing: Annotated[str, Meta(description="the text, as it is in the bytes of a line")]
    status: Annotated[Literal[400, 413], Meta(description="with what such a line is refused")] = 400

    def __post_init__(self) -> None:
        if not self.containing:
            raise ValueError("containing is ''; it is a text that the line of some events holds")
        if self.status not in {400, 413}:
            raise ValueError(f"status is {self.status}; a line is refused with 400 or 413")


def _check_status(status: int) -> None:
    if not MIN_STATUS <= status <= MAX_STATUS:
        raise ValueError(f"status is {status}; an answer has one from {MIN_STATUS} to {MAX_STATUS}")
