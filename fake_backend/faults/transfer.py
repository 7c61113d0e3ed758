"""Faults of how bytes move: slowly, in pieces, or only so many.

`upstream` is the body of the request, on its way to the backend; `downstream` is the answer, with its head. Where
several of a kind strike one request and stream, the strictest holds.
"""

from typing import Annotated

from msgspec import Meta

from fake_backend.faults.base import FaultBase, StreamKey, check_at_least, check_seconds


class Bandwidth(FaultBase, frozen=True, kw_only=True, tag="bandwidth"):
    """A stream moves no faster than `rate` bytes a second.

    Upstream the body is read so slowly that the client's upload backs up behind it, once the buffers in between (of
    the network, and `READ_BUFFER` of ours) are full.
    """

    rate: Annotated[int, Meta(description="bytes a second")]
    stream: StreamKey = "downstream"

    def __post_init__(self) -> None:
        check_at_least(1, self.rate, "rate", "bytes a second")


class Slicer(FaultBase, frozen=True, kw_only=True, tag="slicer"):
    """The answer goes out in pieces of `size` bytes, `delay` seconds apart.

    The last one may be smaller, and so may one that a fault `in-answer` or a bandwidth cuts. With `body_only` the head
    is one piece, and the body is cut.
    """

    size: Annotated[int, Meta(description="the bytes of a piece")]
    delay: Annotated[float, Meta(description="seconds between two pieces")] = 0.0
    body_only: Annotated[bool, Meta(description="whether the head of the answer stays whole")] = False

    def __post_init__(self) -> None:
        check_at_least(1, self.size, "size", "the bytes of a piece")
        check_seconds(self.delay, "delay")


class LimitData(FaultBase, frozen=True, kw_only=True, tag="limit_data"):
    """The connection is closed once `size` bytes of a stream have passed.

    Upstream, lines that were whole by then are taken, and there is no answer, also where the body ends at just that
    byte; a body that is shorter passes. A rule for one kind of requests must see a first line to know that kind, so
    its limit is never reached before that; of a first line past the limit nothing is taken. Downstream, an answer of
    just that size is whole, and its connection closed after it.

    The client reads an end of the stream and no reset; see `Timeout`.
    """

    size: Annotated[int, Meta(description="how many bytes pass")]
    stream: StreamKey = "downstream"

    def __post_init__(self) -> None:
        check_at_least(0, self.size, "size", "how many bytes pass")
