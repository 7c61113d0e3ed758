"""Faults that end a connection, each in its own way."""

from typing import Annotated

from msgspec import Meta

from fake_backend.faults.base import FaultBase, LinesKey, PhaseKey, check_point, check_seconds


class ResetPeer(FaultBase, frozen=True, kw_only=True, tag="reset_peer"):
    """The connection is reset at a point. At `after-accept` all was taken and the answer is lost."""

    phase: PhaseKey = "after-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)


class Timeout(FaultBase, frozen=True, kw_only=True, tag="timeout"):
    """Nothing moves for `seconds`, from a point on, and then the connection is closed without an answer.

    The client reads an end of the stream and no reset; what it still sends is read and thrown away until it has seen
    that, for `LINGERING_TIME` seconds at the most. A client that leaves before ends the request.
    """

    seconds: Annotated[float, Meta(description="for how long nothing moves")]
    phase: PhaseKey = "before-read"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        check_seconds(self.seconds)


class SlowClose(FaultBase, frozen=True, kw_only=True, tag="slow_close"):
    """The answer says `Connection: close`, and the connection is closed only `seconds` after it.

    What arrives meanwhile is not looked at. Of several on one request, the slowest holds.
    """

    seconds: Annotated[float, Meta(description="how long after the answer the connection is closed")]

    def __post_init__(self) -> None:
        check_seconds(self.seconds)


class CloseOnReuse(FaultBase, frozen=True, kw_only=True, tag="close_on_reuse"):
    """A kept-alive connection ends just as the next request starts.

    The request that is struck is answered as ever. When the first byte of another one arrives over its connection, the
    connection is reset: nothing of that request is read, so there is no RequestStarted of it, and the FaultStruck is
    written at that moment, with the number of the request that was struck. Where the connection isn't kept alive, or
    isn't used again, the fault never takes effect.
    """


class IdleCut(FaultBase, frozen=True, kw_only=True, tag="idle_cut"):
    """The connection is reset once no byte has moved over it, either way, for `seconds`; so do balancers of layer 4.

    It holds for the connection from this request on, until that ends: between the bytes of this request and of later
    ones, while an answer is waited for, and while the connection is kept alive with nothing under way. The FaultStruck
    is written at the moment of the cut, with the number of the request that is under way, which ends with it, or of
    the last one. What the backend had read is taken as ever. Of several on one connection, the shortest holds.
    """

    seconds: Annotated[float, Meta(description="for how long no byte moves before the cut")]

    def __post_init__(self) -> None:
        check_seconds(self.seconds)


class Down(FaultBase, frozen=True, kw_only=True, tag="down"):
    """The whole backend goes down at a point, and comes up by itself after `seconds`.

    All its connections are reset, new ones are refused, and its state is kept; see `FakeBackend.go_down`. One that a
    test takes down or brings up meanwhile stays as the test has it.
    """

    seconds: Annotated[float, Meta(description="how long the backend stays down")]
    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        check_seconds(self.seconds)
