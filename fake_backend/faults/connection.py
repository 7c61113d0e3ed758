"""Faults that end a connection, each in its own way."""

from typing import Annotated, ClassVar

from msgspec import Meta

from fake_backend.faults.base import FaultBase, LinesKey, PhaseKey, check_point, check_seconds


class ResetPeer(FaultBase, frozen=True, kw_only=True, tag="reset_peer"):
    """The connection is reset at a point. At `after-accept` all was taken and the answer is lost."""

    example: ClassVar[str] = """
        # Every third request is taken whole, and its answer is lost.
        [[fault]]
        kind = "reset_peer"
        phase = "after-accept"
        every = 3
    """
    takes_time: ClassVar[bool] = False
    loses_answer: ClassVar[bool] = True
    is_of_network: ClassVar[bool] = True

    phase: PhaseKey = "after-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)


class Timeout(FaultBase, frozen=True, kw_only=True, tag="timeout"):
    """Nothing moves for `seconds`, from a point on, and then the connection is closed without an answer.

    The client reads an end of the stream and no reset; what it still sends is read and thrown away until it has seen
    that, for `LINGERING_TIME` seconds at the most. A client that leaves before ends the request.
    """

    example: ClassVar[str] = """
        # The first request is left lying for two seconds, and then hung up on.
        [[fault]]
        kind = "timeout"
        seconds = 2.0
        phase = "before-read"
        requests = [1]
    """
    loses_answer: ClassVar[bool] = True
    is_of_network: ClassVar[bool] = True

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

    example: ClassVar[str] = """
        # After every tenth answer the connection is done for, and stays open for a second.
        [[fault]]
        kind = "slow_close"
        seconds = 1.0
        every = 10
    """
    is_of_network: ClassVar[bool] = True

    seconds: Annotated[float, Meta(description="how long after the answer the connection is closed")]

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def severity(self) -> float:
        """The slowest holds."""
        return self.seconds


class CloseOnReuse(FaultBase, frozen=True, kw_only=True, tag="close_on_reuse"):
    """A kept-alive connection ends just as the next request starts.

    The request that is struck is answered as ever. When the first byte of another one arrives over its connection, the
    connection is reset: nothing of that request is read, so there is no RequestStarted of it, and the FaultStruck is
    written at that moment, with the number of the request that was struck. Where the connection isn't kept alive, or
    isn't used again, the fault never takes effect.
    """

    example: ClassVar[str] = """
        # The connection of the first request is reset as soon as it is used again.
        [[fault]]
        kind = "close_on_reuse"
        requests = [1]
    """
    takes_time: ClassVar[bool] = False
    is_of_network: ClassVar[bool] = True


class IdleCut(FaultBase, frozen=True, kw_only=True, tag="idle_cut"):
    """The connection is reset once no byte has moved over it, either way, for `seconds`; so do balancers of layer 4.

    It holds for the connection from this request on, until that ends: between the bytes of this request and of later
    ones, while an answer is waited for, and while the connection is kept alive with nothing under way. The FaultStruck
    is written at the moment of the cut, with the number of the request that is under way, which ends with it, or of
    the last one. What the backend had read is taken as ever. Of several on one connection, the shortest holds.
    """

    example: ClassVar[str] = """
        # Connections over which nothing has moved for a minute are reset, whatever is under way.
        [[fault]]
        kind = "idle_cut"
        seconds = 60.0
    """
    is_of_network: ClassVar[bool] = True

    seconds: Annotated[float, Meta(description="for how long no byte moves before the cut")]

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    @property
    def severity(self) -> float:
        """The shortest holds."""
        return -self.seconds


class Down(FaultBase, frozen=True, kw_only=True, tag="down"):
    """The whole backend goes down at a point, and comes up by itself after `seconds`.

    All its connections are reset, new ones are refused, and its state is kept; see `FakeBackend.go_down`. One that a
    test takes down or brings up meanwhile stays as the test has it.
    """

    example: ClassVar[str] = """
        # At the third request with events the backend goes down with all its connections, for five seconds.
        [[fault]]
        kind = "down"
        seconds = 5.0
        of = "data"
        requests = [3]
    """
    loses_answer: ClassVar[bool] = True

    seconds: Annotated[float, Meta(description="how long the backend stays down")]
    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        check_seconds(self.seconds)
