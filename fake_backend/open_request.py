"""A request that is under way: what it came over, what the backend has for it, and whether it is over."""

import asyncio
from collections.abc import Callable
from typing import NoReturn, Protocol

import msgspec
from aiohttp import web

from fake_backend.connection import Connection
from fake_backend.faults import Fault
from fake_backend.faults.plan import FaultPlan
from fake_backend.protocol.access import Access
from fake_backend.protocol.answers import Answer
from fake_backend.protocol.completion_headers import read_completion_headers
from fake_backend.protocol.ingest import Limits, Run
from fake_backend.records import BackendRecord, BreakCause, FaultStruck, RequestBroken


class RequestEnded(Exception):  # noqa: N818 - not an error: the request is over and nobody is left to answer
    """The connection of a request is gone; why was recorded where it happened."""


class AnsweredInsteadError(Exception):
    """A fault answers in the place of the backend."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class SetRun(Protocol):
    """How the state of a run is set from outside; see `FakeBackend.set_run`."""

    def __call__(
        self, run_id: str, *, last_accepted_seq: int | None = None, complete: bool | None = None, why: str
    ) -> None:
        """Set it."""
        ...


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one backend share.

    `legacy_completion` tells whether the headers of an empty body may ask for completion. `seed` is what the jitter of
    latencies follows from. `go_down_for` takes the backend down for so many seconds.
    `take_later` has something done after so many seconds, unless the backend goes down or ends before.
    """

    access: Access
    plan: FaultPlan
    limits: Limits
    legacy_completion: bool
    seed: int
    run: Callable[[str], Run]
    set_run: SetRun
    write: Callable[[BackendRecord], None]
    go_down_for: Callable[[float], None]
    take_later: Callable[[float, Callable[[], None]], None]


class OpenRequest:
    """One request of a backend, number `number` from 1, over its connection.

    `completion` is what its headers ask for, None where they ask for no completion or the backend doesn't look at them.
    It is over (`is_over`) once its client has been answered or is gone; what the backend has read may still be taken.
    """

    __slots__ = ("completion", "connection", "is_over", "now", "number", "request", "services")

    def __init__(self, services: Services, request: web.BaseRequest, connection: Connection, *, number: int) -> None:
        self.services = services
        self.request = request
        self.completion = read_completion_headers(request.headers) if services.legacy_completion else None
        self.connection = connection
        self.number = number
        self.now = asyncio.get_running_loop().time
        self.is_over = False

    def record_fault(self, fault: Fault) -> None:
        """Write down that a fault took effect on the request."""
        self.services.write(FaultStruck(time=self.now(), request=self.number, fault=fault))

    def break_off(self, cause: BreakCause) -> None:
        """Write down that the request is over without an answer, unless it is over."""
        if not self.is_over:
            self.is_over = True
            self.services.write(RequestBroken(time=self.now(), request=self.number, cause=cause))

    def reset(self) -> NoReturn:
        """Reset the connection, as a fault. Raises RequestEnded."""
        self.break_off("fault")
        self.connection.reset()
        raise RequestEnded

    def cut_off(self, fault: Fault) -> None:
        """Reset the connection because of a fault, whatever goes on over it or doesn't."""
        self.record_fault(fault)
        self.break_off("fault")
        self.connection.reset()

    async def hang_up(self) -> NoReturn:
        """Close the connection without an answer, or without the rest of one, as a fault. Raises RequestEnded."""
        self.break_off("fault")
        await self.connection.hang_up(self.request.content)
        raise RequestEnded

    async def wait(self, end: asyncio.Future[None], seconds: float | None) -> None:
        """Wait, at most until `end` is done. Raises RequestEnded if it is, or if the backend goes down."""
        await asyncio.wait((end,), timeout=seconds)
        # A connection that the backend cuts is lost only in the next turn of the loop.
        if end.done() or self.connection.cut.done():
            raise RequestEnded
