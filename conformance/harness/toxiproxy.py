"""The third world: real sockets, with a real Toxiproxy between the senders and the backend.

It shares no code with the simulator, so that what the simulator claims of a network is checked by it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from conformance.errors import SuiteError
from conformance.harness.worlds import TcpWorld
from fake_backend import FaultRule
from fake_backend.faults import Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout
from fake_backend.records import BackendCameUp, BackendWentDown
from fake_backend.toxiproxy import Toxic, connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from conformance.evidence.history import WorldName
    from conformance.harness.scenario import Scenario, Stage
    from conformance.harness.sender import SenderMaker
    from fake_backend import BackendRecord, FakeBackend
    from fake_backend.faults import Fault, Phase, Stream
    from fake_backend.toxiproxy import FrontProxy, Toxiproxy

_STREAMS: dict[Phase, Stream] = {"before-read": "upstream", "after-accept": "downstream"}
_SAYS_CLOSE = FaultRule(fault=SlowClose(seconds=0))


def toxic_of(fault: Fault) -> Toxic:
    """The toxic that does to a connection what a fault of the backend does to a request.

    Raises:
        SuiteError: There is none that surely does.
    """
    match fault:
        case Latency(seconds=seconds, phase="before-read" | "after-accept", jitter=0):
            return _toxic("latency", _STREAMS[fault.phase], latency=_milliseconds(seconds), jitter=0)
        case Timeout(seconds=seconds, phase="before-read" | "after-accept"):
            # With 0 it would keep the connection for ever.
            return _toxic("timeout", _STREAMS[fault.phase], timeout=max(1, _milliseconds(seconds)))
        case ResetPeer(phase="before-read" | "after-accept"):
            return _toxic("reset_peer", _STREAMS[fault.phase], timeout=0)
        case Bandwidth(rate=rate, stream=stream):
            return _toxic("bandwidth", stream, rate=max(1, round(rate / 1000)))
        case LimitData(size=size, stream=stream):
            return _toxic("limit_data", stream, bytes=size)
        case Slicer(size=size, delay=delay, body_only=False):
            return _toxic("slicer", "downstream", average_size=size, size_variation=0, delay=round(delay * 1e6))
        case SlowClose(seconds=seconds):
            return _toxic("slow_close", "downstream", delay=_milliseconds(seconds))
        case _:
            raise SuiteError(f"Toxiproxy has nothing that does what this does: {fault}")


def _toxic(kind: str, stream: Stream, **attributes: int) -> Toxic:
    return Toxic(type=kind, stream=stream, attributes=attributes)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


class ProxiedRoute:
    """Senders connect to a proxy that exists for one performance; the backend is behind it, and goes on undisturbed."""

    def __init__(self, server: Toxiproxy, backend: FakeBackend, write: Callable[[BackendRecord], object]) -> None:
        self._server = server
        self._backend = backend
        self._write = write
        self._proxy: FrontProxy
        self._says_close = False

    async def __aenter__(self) -> Self:
        self._proxy = await asyncio.to_thread(self._server.in_front_of, self._backend.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._proxy.remove)

    def ingest_url(self, run_id: str) -> str:
        """Where the senders of a run are to post."""
        return f"{self._proxy.url}/v1/runs/{quote(run_id, safe='')}/ingest"

    async def go_down(self) -> None:
        """Close the proxy, with every connection."""
        self._write(BackendWentDown(time=asyncio.get_running_loop().time()))
        await asyncio.to_thread(self._proxy.go_down)
        if self._says_close:
            self._says_close = False
            self._backend.remove_fault(_SAYS_CLOSE)

    async def come_up(self, rule: FaultRule | None = None) -> None:
        """Open the proxy, with the toxic that does what the fault does."""
        if rule is not None and isinstance(rule.fault, SlowClose):
            # The toxic keeps a connection that the backend has closed; who closes it is still the backend.
            self._says_close = True
            self._backend.add_fault(_SAYS_CLOSE)
        await asyncio.to_thread(self._proxy.come_up, *([] if rule is None else [toxic_of(rule.fault)]))
        self._write(BackendCameUp(time=asyncio.get_running_loop().time()))


class ToxiproxyWorld(TcpWorld):
    """Real time and real sockets, and each performance through a proxy of its own; `toxiproxy_world` makes it."""

    name: WorldName = "toxiproxy"

    def __init__(self, server: Toxiproxy, *, at_a_time: int) -> None:
        super().__init__(at_a_time=at_a_time)
        self._server = server

    def _stage(self, scenario: Scenario, make_sender: SenderMaker) -> Stage:
        stage = super()._stage(scenario, make_sender)
        stage.route = ProxiedRoute(self._server, stage.backend, stage.write)
        return stage


@contextmanager
def toxiproxy_world(url: str, *, at_a_time: int) -> Iterator[ToxiproxyWorld]:
    """The world behind the Toxiproxy whose API is at a URL.

    Raises:
        ToxiproxyError: There is none, or it is too far away.
    """
    with connected(url) as server:
        yield ToxiproxyWorld(server, at_a_time=at_a_time)
