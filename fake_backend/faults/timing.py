"""Faults that take time and change nothing else."""

from typing import Annotated, ClassVar

from msgspec import Meta

from fake_backend.faults.base import TAKES_TIME, FaultBase, LinesKey, PhaseKey, check_point, check_seconds


class Latency(FaultBase, frozen=True, kw_only=True, tag="latency"):
    """The backend waits `seconds`, give or take up to `jitter`, at a point, then goes on as if nothing had been.

    How much of the jitter it is follows from the backend's seed and from the request's number and point, so that the
    same requests are as slow each time. A wait is never shorter than 0.

    A client that leaves meanwhile changes nothing about that: what the backend has read by then is still taken, which
    is how a request that timed out comes to be taken later.
    """

    example: ClassVar[str] = """
        # The answers to the first and the fourth request with events come half a second late.
        [[fault]]
        kind = "latency"
        seconds = 0.5
        of = "data"
        requests = [1, 4]
    """
    order: ClassVar[int] = TAKES_TIME
    is_of_network: ClassVar[bool] = True

    seconds: Annotated[float, Meta(description="how long it waits")]
    phase: PhaseKey = "after-accept"
    lines: LinesKey = 0
    jitter: Annotated[float, Meta(description="by how many seconds at the most the wait is longer or shorter")] = 0.0

    def __post_init__(self) -> None:
        check_seconds(self.seconds)
        check_seconds(self.jitter, "jitter")
        check_point(self.phase, self.lines)


class Stall(FaultBase, frozen=True, kw_only=True, tag="stall"):
    """Nothing moves and nothing closes, from a point on, for `seconds` (None: until the client gives up).

    A client that gives up ends the request. The limit of it: while a body is left unread that is larger than the
    buffers in between, the end of its connection can't be seen behind it, and the request ends with the backend.
    """

    example: ClassVar[str] = """
        # Every fifth request is taken, and then nothing happens until the client gives up.
        [[fault]]
        kind = "stall"
        phase = "after-accept"
        every = 5
    """
    order: ClassVar[int] = TAKES_TIME
    is_of_network: ClassVar[bool] = True

    phase: PhaseKey = "before-read"
    lines: LinesKey = 0
    seconds: Annotated[float | None, Meta(description="for how long; none: until the client gives up")] = None

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        if self.seconds is not None:
            check_seconds(self.seconds)
