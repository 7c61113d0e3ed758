"""Faults of how bytes move: slowly, in pieces, or only so many.

`upstream` is the body of the request, on its way to the backend; `downstream` is the answer, with its head. Where
several of a kind strike one request and stream, the strictest holds.
"""

from typing import Annotated, ClassVar, Final, Self

import msgspec
from msgspec import Meta

from fake_backend.faults.base import FaultBase, StreamKey, check_at_least, check_seconds

PIECES_A_SECOND: Final = 10
"""In how many pieces a second a stream of limited bandwidth moves, while a piece is a byte or more."""

_UPSTREAM: Final = (
    "events is given for a fault of stream 'upstream', which strikes before the numbers are seen; "
    "choose by requests, or the stream 'downstream'"
)


class Bandwidth(FaultBase, frozen=True, kw_only=True, tag="bandwidth"):
    """A stream moves no faster than `rate` bytes a second.

    Upstream the body is read so slowly that the client's upload backs up behind it, once the buffers in between (of
    the network, and `READ_BUFFER` of ours) are full.
    """

    example: ClassVar[str] = """
        # Uploads are read at 10 kB a second, so that they back up.
        [[fault]]
        kind = "bandwidth"
        rate = 10_000
        stream = "upstream"
        of = "data"
    """
    is_of_network: ClassVar[bool] = True

    rate: Annotated[int, Meta(description="bytes a second")]
    stream: StreamKey = "downstream"

    def __post_init__(self) -> None:
        check_at_least(1, self.rate, "rate", "bytes a second")

    @property
    def severity(self) -> float:
        """The slowest holds."""
        return -self.rate

    @property
    def piece(self) -> int:
        """What may pass in a tenth of a second."""
        return max(1, self.rate // PIECES_A_SECOND)

    @property
    def shapes_answer(self) -> bool:
        """Downstream it does."""
        return self.stream == "downstream"

    def refuse_events(self) -> str | None:
        """Upstream it holds for the lines with the numbers."""
        return _UPSTREAM if self.stream == "upstream" else None

    def scaled(self, factor: float) -> Self:
        """Give it with its rate divided by `factor`."""
        return msgspec.structs.replace(self, rate=max(1, round(self.rate / factor)))


class Slicer(FaultBase, frozen=True, kw_only=True, tag="slicer"):
    """The answer goes out in pieces of `size` bytes, `delay` seconds apart.

    The last one may be smaller, and so may one that a fault `in-answer` or a bandwidth cuts. With `body_only` the head
    is one piece, and the body is cut.
    """

    example: ClassVar[str] = """
        # Every answer arrives three bytes at a time, a hundredth of a second apart.
        [[fault]]
        kind = "slicer"
        size = 3
        delay = 0.01
    """
    is_of_network: ClassVar[bool] = True

    size: Annotated[int, Meta(description="the bytes of a piece")]
    delay: Annotated[float, Meta(description="seconds between two pieces")] = 0.0
    body_only: Annotated[bool, Meta(description="whether the head of the answer stays whole")] = False

    def __post_init__(self) -> None:
        check_at_least(1, self.size, "size", "the bytes of a piece")
        check_seconds(self.delay, "delay")

    @property
    def severity(self) -> float:
        """The smallest holds."""
        return -self.size

    @property
    def piece(self) -> int:
        """One of its pieces."""
        return self.size

    @property
    def shapes_answer(self) -> bool:
        """Always: it cuts it."""
        return True


class LimitData(FaultBase, frozen=True, kw_only=True, tag="limit_data"):
    """The connection is closed once `size` bytes of a stream have passed.

    Upstream, lines that were whole by then are taken, and there is no answer, also where the body ends at just that
    byte; a body that is shorter passes. A rule for one kind of requests must see a first line to know that kind, so
    its limit is never reached before that; of a first line past the limit nothing is taken. Downstream, an answer of
    just that size is whole, and its connection closed after it.

    The client reads an end of the stream and no reset; see `Timeout`.
    """

    example: ClassVar[str] = """
        # The second answer breaks off after 100 bytes, within its head.
        [[fault]]
        kind = "limit_data"
        size = 100
        stream = "downstream"
        requests = [2]
    """
    is_of_network: ClassVar[bool] = True

    size: Annotated[int, Meta(description="how many bytes pass")]
    stream: StreamKey = "downstream"

    def __post_init__(self) -> None:
        check_at_least(0, self.size, "size", "how many bytes pass")

    @property
    def severity(self) -> float:
        """The smallest holds."""
        return -self.size

    @property
    def piece(self) -> int:
        """All that may pass."""
        return max(1, self.size)

    @property
    def shapes_answer(self) -> bool:
        """Downstream it does."""
        return self.stream == "downstream"

    def refuse_events(self) -> str | None:
        """Upstream it holds for the lines with the numbers."""
        return _UPSTREAM if self.stream == "upstream" else None
