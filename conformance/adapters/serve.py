"""Serves a Python sender over the adapter protocol, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import math
import platform
from typing import IO, TYPE_CHECKING, Any

import msgspec

from conformance.adapters.messages import (
    PROTOCOL,
    AnyRequest,
    Enqueue,
    EnqueueUnserializable,
    Exit,
    Hello,
    Open,
    RemoteReport,
    RemoteSettings,
    Stop,
)
from conformance.capabilities import ABILITIES
from conformance.errors import AdapterError
from conformance.evidence.settings import TIMES, Settings
from conformance.harness.in_process import InProcessSender, make_sender

if TYPE_CHECKING:
    from collections.abc import Callable


_NOWHERE = Settings(
    url="http://127.0.0.1:9/v1/runs/nowhere/ingest",
    token="none",  # noqa: S106 - of no backend
    run_id="nowhere",
    request_timeout=0.1,
    stop_timeout=0.1,
)


async def serve(name: str, factory: Callable[[Settings], Any], lines: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests, one a line, until `exit` or the end of the lines.

    A request that makes no sense, or that the sender can't do, is answered with an error, and the next one is read.
    """
    served = _Served(name, factory, answers)
    while line := await asyncio.to_thread(lines.readline):
        if not await served.take(line):
            break
    await served.end()


class _Served:
    """The senders of one adapter, and what is asked of them."""

    def __init__(self, name: str, factory: Callable[[Settings], Any], answers: IO[bytes]) -> None:
        self._name = name
        self._factory = factory
        self._answers = answers
        self._senders: dict[int, InProcessSender] = {}
        self._stops: set[asyncio.Task[None]] = set()

    async def take(self, line: bytes) -> bool:
        """Do what a line asks; tell whether there may be another one."""
        try:
            plain = json.loads(line)
            request = msgspec.convert(plain, AnyRequest)
        except (ValueError, RecursionError) as error:
            number = plain.get("id") if isinstance(plain := _read_leniently(line), dict) else None
            self._answer(number if isinstance(number, int) else 0, error=f"not a request: {error}")
            return True
        if isinstance(request, Stop):
            stopping = asyncio.ensure_future(self._do(request))
            self._stops.add(stopping)
            stopping.add_done_callback(self._stops.discard)
        else:
            await self._do(request)
        return not isinstance(request, Exit)

    async def end(self) -> None:
        """End what is under way."""
        for stopping in tuple(self._stops):
            stopping.cancel()
        await asyncio.gather(*self._stops, return_exceptions=True)

    async def _do(self, request: AnyRequest) -> None:
        try:
            self._answer(request.id, **await self._result(request))
        except AdapterError as error:
            self._answer(request.id, error=str(error))

    async def _result(self, request: AnyRequest) -> dict[str, Any]:
        match request:
            case Hello():
                return await self._introduction()
            case Open(sender=number, settings=settings):
                self._senders[number] = await self._make(_in_seconds(settings))
                return {}
            case Enqueue(sender=number, events=events):
                return {"outcomes": [_word(self._of(number), event) for event in events]}
            case EnqueueUnserializable(sender=number):
                return {"outcomes": [_word(self._of(number), {"n": math.nan, "object": object()})]}
            case Stop(sender=number, complete=complete):
                report = await self._of(number).stop(complete=complete)
                if report is None:
                    return {}
                return {"report": msgspec.to_builtins(msgspec.convert(msgspec.structs.asdict(report), RemoteReport))}
            case Exit():
                return {}

    async def _introduction(self) -> dict[str, Any]:
        # What it claims only a sender tells. This one has nothing to send, and is given no time for it.
        sender = await self._make(_NOWHERE)
        await sender.stop(complete=False)
        return {
            "protocol": PROTOCOL,
            "name": self._name,
            "language": f"Python {platform.python_version()}",
            "capabilities": sorted(sender.capabilities | ABILITIES),
        }

    async def _make(self, settings: Settings) -> InProcessSender:
        return await make_sender(self._factory, settings)

    def _of(self, number: int) -> InProcessSender:
        sender = self._senders.get(number)
        if sender is None:
            raise AdapterError(f"there is no sender {number}")
        return sender

    def _answer(self, number: int, **result: Any) -> None:
        self._answers.write(json.dumps({"id": number, **result}, separators=(",", ":")).encode() + b"\n")
        self._answers.flush()


def _word(sender: InProcessSender, event: Any) -> str:
    outcome, _ = sender.call_enqueue(event)
    if outcome.startswith("raised"):
        raise AdapterError(f"enqueue {outcome}")
    return outcome


def _in_seconds(settings: RemoteSettings) -> Settings:
    told = msgspec.structs.asdict(settings)
    for name in TIMES:
        told[name] = told.pop(f"{name}_ms") / 1_000
    return Settings(**told)


def _read_leniently(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
