"""Drives a sender behind an adapter: sends requests, waits for the answers, and checks them against the protocol."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from conformance.adapters.messages import (
    EXPECTED,
    PROTOCOL,
    Answer,
    Done,
    Enqueue,
    EnqueueUnserializable,
    Exit,
    Hello,
    Introduced,
    Offered,
    Open,
    Refused,
    RemoteSettings,
    Request,
    Stop,
    Stopped,
)
from conformance.capabilities import ABILITIES, CAPABILITIES
from conformance.errors import AdapterError
from conformance.escaping import printable
from conformance.evidence.history import Report
from conformance.harness.sender import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.adapters.channel import Channel
    from conformance.evidence.settings import Settings
    from conformance.harness.sender import Calls

_TIME_TO_START = 30.0
"""Seconds for the answer to `hello`: a program may be compiled before it is run."""
_TIME_TO_ANSWER = 10.0
_SHOWN = 300
_SHOWN_OF_A_WORD = 600

Expected = TypeVar("Expected", bound=Answer)


@dataclass(slots=True, eq=False)
class _Asked:
    """A request that waits for its answer."""

    line: str
    kind: str
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[bytes]


class Adapter:
    """One adapter, from `hello` to `exit`. It may be used in one event loop after the other.

    What goes wrong between it and us goes wrong for good: from then on everything raises that same `AdapterError`.
    """

    def __init__(
        self, channel: Channel, *, time_to_start: float = _TIME_TO_START, time_to_answer: float = _TIME_TO_ANSWER
    ) -> None:
        self._channel = channel
        self._time_to_start = time_to_start
        self._time_to_answer = time_to_answer
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, _Asked] = {}
        self._failure: str | None = None
        self._given_up: set[int] = set()
        self._is_leaving = False
        self._open: set[int] = set()
        self.capabilities: frozenset[str] = frozenset()
        self.abilities: frozenset[str] = frozenset()
        self.title = ""
        channel.listen(self._on_line, self._on_end)

    @property
    def is_fresh(self) -> bool:
        """Whether it is as good as one that has just been started: it works, and no sender of it is at work."""
        return self._failure is None and not self._open

    def complaints(self) -> tuple[str, ...]:
        """Return the last lines that it wrote to its standard error since the previous call."""
        return tuple(printable(line, _SHOWN_OF_A_WORD) for line in self._channel.complaints())

    async def introduce(self) -> None:
        """Introduce the judge to the adapter, and read who it is."""
        told = await self._ask(Hello(id=next(self._ids)), Introduced, within=self._time_to_start)
        if told.protocol != PROTOCOL:
            raise AdapterError(
                f"the adapter speaks version {told.protocol} of the protocol; this is version {PROTOCOL}"
            )
        claimed = frozenset(told.capabilities)
        if unknown := claimed - CAPABILITIES - ABILITIES:
            known = ", ".join(sorted(CAPABILITIES | ABILITIES))
            raise AdapterError(f"the adapter claims {', '.join(sorted(unknown))}; known capabilities are {known}")
        self.capabilities, self.abilities = claimed & CAPABILITIES, claimed & ABILITIES
        self.title = " ".join(filter(None, [told.name, told.version, told.language and f"({told.language})"]))

    async def open(self, settings: Settings) -> RemoteSender:
        """Make a sender."""
        number = next(self._numbers)
        await self._ask(Open(id=next(self._ids), sender=number, settings=RemoteSettings.of(settings)), Done)
        self._open.add(number)
        return RemoteSender(self, number, settings)

    async def enqueue(self, sender: int, events: Sequence[Any]) -> list[str]:
        """Have events enqueued; return the outcomes."""
        offered = await self._ask(Enqueue(id=next(self._ids), sender=sender, events=list(events)), Offered)
        if len(offered.outcomes) != len(events):
            raise self._fail(f"enqueue was given {len(events)} events and answered {len(offered.outcomes)} outcomes")
        return list(offered.outcomes)

    async def enqueue_unserializable(self, sender: int) -> str:
        """Have something enqueued that JSON can't carry; return the outcome."""
        [outcome] = (await self._ask(EnqueueUnserializable(id=next(self._ids), sender=sender), Offered)).outcomes
        return outcome

    async def stop(self, sender: int, *, complete: bool, deadline: float) -> Report | None:
        """Stop a sender, and return its report. Waits for as long as it is let."""
        request = Stop(id=next(self._ids), sender=sender, complete=complete, deadline_ms=round(deadline * 1_000, 3))
        report = (await self._ask(request, Stopped, within=math.inf)).report
        self._open.discard(sender)
        return None if report is None else Report(**msgspec.structs.asdict(report))

    async def exit(self) -> None:
        """Ask it to end, and see to it."""
        self._is_leaving = True
        if self._failure is None:
            with contextlib.suppress(AdapterError):
                await self._ask(Exit(id=next(self._ids)), Done, within=1.0)
        await asyncio.to_thread(self._channel.end)

    # Questions and answers.

    async def _ask(self, request: Request, expected: type[Expected], *, within: float | None = None) -> Expected:
        if self._failure is not None:
            raise AdapterError(self._failure)
        within = self._time_to_answer if within is None else within
        loop = asyncio.get_running_loop()
        line = json.dumps(msgspec.to_builtins(request), separators=(",", ":"))
        asked = _Asked(line=line, kind=str(request.__struct_config__.tag), loop=loop, answer=loop.create_future())
        with self._lock:
            self._waiting[request.id] = asked
        self._channel.send(line.encode())
        try:
            answer = await asyncio.wait_for(asked.answer, within if math.isfinite(within) else None)
        except TimeoutError:
            flushes = "; does the adapter flush after each answer?" if expected is Introduced else ""
            raise self._fail(f"{asked.kind} was not answered within {within:g} s{flushes}", asked=asked) from None
        finally:
            with self._lock:
                if self._waiting.pop(request.id, None) is not None:
                    self._given_up.add(request.id)
        if self._failure is not None:  # by a line that came before this answer
            raise AdapterError(self._failure)
        return self._read(answer, asked, expected)

    def _read(self, line: bytes, asked: _Asked, expected: type[Expected]) -> Expected:
        plain = json.loads(line)
        try:
            if "error" in plain:
                refused = msgspec.convert(plain, Refused)
                raise AdapterError(f"{asked.kind} was answered with an error: {printable(refused.error)}")
            return msgspec.convert(plain, expected)
        except msgspec.ValidationError as error:
            what = f"the answer to {asked.kind} is wrong: {_short(str(error))}"
            raise self._fail(what, asked=asked, expected=EXPECTED[expected], got=line) from None

    def _fail(
        self, what: str, *, asked: _Asked | None = None, expected: str | None = None, got: bytes | None = None
    ) -> AdapterError:
        """Note what went wrong, for good, with all that helps to fix it."""
        lines = [what]
        if asked is not None:
            lines.append(f"  sent      {_short(asked.line)}")
        if expected is not None:
            lines.append(f"  expected  {expected}")
        if got is not None:
            lines.append(f"  got       {_short(got.decode(errors='replace'))}")
        lines += [f"  {printable(line, _SHOWN_OF_A_WORD)}" for line in self._channel.last_words().splitlines()]
        self._failure = self._failure or "\n".join(lines)
        return AdapterError(self._failure)

    # What the thread that reads tells.

    def _on_line(self, line: bytes) -> None:
        try:
            plain = json.loads(line)
        except (ValueError, RecursionError):
            self._break("the adapter wrote a line that is not JSON; its standard output is for answers alone", line)
            return
        number = plain.get("id") if isinstance(plain, dict) else None
        with self._lock:
            asked = self._waiting.pop(number, None) if isinstance(number, int) else None
            is_late = number in self._given_up
        if asked is not None:
            _tell(asked, line)
        elif not isinstance(number, int):
            self._break(
                "the adapter wrote a line that answers nothing: an answer is an object with the id of its request", line
            )
        elif not is_late:
            self._break(f"the adapter answered request {number}, which was not asked, or answered before", line)

    def _on_end(self) -> None:
        if not self._is_leaving:
            self._break("the adapter went away")

    def _break(self, what: str, got: bytes | None = None) -> None:
        with self._lock:
            waiting = list(self._waiting.values())
            self._waiting.clear()
        oldest = waiting[0] if waiting else None
        if oldest is not None:
            what += f", while {oldest.kind} waited for its answer"
        failure = str(self._fail(what, asked=oldest, got=got))
        for asked in waiting:
            _tell(asked, AdapterError(failure))


def _tell(asked: _Asked, answer: bytes | AdapterError) -> None:
    with contextlib.suppress(RuntimeError):  # its loop is closed, and nobody waits any more
        asked.loop.call_soon_threadsafe(_settle, asked.answer, answer)


def _settle(future: asyncio.Future[bytes], answer: bytes | AdapterError) -> None:
    if future.done():
        return
    if isinstance(answer, AdapterError):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _short(text: str) -> str:
    return printable(text) if len(text) <= _SHOWN else f"{printable(text[:_SHOWN])}… ({len(text):,} characters)"


class RemoteSender:
    """A sender behind an adapter; see `InProcessSender` for one in this process."""

    def __init__(self, adapter: Adapter, number: int, settings: Settings) -> None:
        self._adapter = adapter
        self._number = number
        self._deadline = settings.stop_timeout
        self.capabilities = adapter.capabilities

    async def enqueue(self, events: Sequence[Any], calls: Calls) -> list[str]:
        """Enqueue events without a pause; return the outcomes."""
        places = [calls.called(snapshot(event)) for event in events]
        outcomes = await self._adapter.enqueue(self._number, events)
        return [calls.returned(place, outcome) for place, outcome in zip(places, outcomes, strict=True)]

    async def enqueue_unserializable(self, _event: Any, _what: str, calls: Calls) -> str:
        """Enqueue what JSON can't carry in the adapter's language; return the outcome."""
        place = calls.called(None, "something of the adapter's language")
        return calls.returned(place, await self._adapter.enqueue_unserializable(self._number))

    async def stop(self, *, complete: bool) -> Report | None:
        """Stop it, and return its report."""
        return await self._adapter.stop(self._number, complete=complete, deadline=self._deadline)
