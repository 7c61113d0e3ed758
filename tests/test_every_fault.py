"""Every fault can be seen on the wire, is met by senders in a scenario, and has its place in the docs."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.harness.worlds import SimulatedWorld
from conformance.scenarios import SCENARIOS
from fake_backend import FakeBackend, Fault, FaultRule, Latency, ResetPeer, Status
from fake_backend.faults import (
    Bandwidth,
    BufferRequest,
    CloseOnReuse,
    CompletedElsewhere,
    Down,
    Duplicate,
    ExpireToken,
    Fence,
    ForeignWriter,
    Forget,
    IdleCut,
    LateAccept,
    LimitData,
    Overlap,
    Partial,
    Poison,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
)
from fake_backend.faults.keys import KINDS
from fake_backend.records import FaultStruck
from reference.adapter import create_sender
from tests.fake_backend.virtual_time import in_virtual_time, now
from tests.fake_backend.wire import event_lines, request_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 4.0
"""Seconds after which the client gives up."""

BODIES = (event_lines(1, 3), event_lines(4, 5), b"")
"""What is posted, a second apart, over one connection while that is kept."""

REST = 0.03
"""Seconds for which a client that rests sends nothing, in the middle of a body."""


@dataclass(frozen=True)
class Seen:
    """What a client sees of a request: its answer, in how many pieces and seconds, and what becomes of the connection.

    `last` is the `last_accepted_seq` of the answer. Where the answer isn't whole, there are the bytes that came.
    """

    status: int | None
    accepted: int | None = None
    duplicate: int | None = None
    last: int | None = None
    end: str = "kept"
    seconds: float = 0.0
    pieces: int = 1
    stray_bytes: int = 0


USUAL = (
    Seen(200, accepted=3, duplicate=0, last=3),
    Seen(200, accepted=2, duplicate=0, last=5),
    Seen(200, accepted=0, duplicate=0, last=5),
)

NO_ANSWER: dict[str, Any] = {"status": None, "accepted": None, "duplicate": None, "last": None, "pieces": 0}
BEHIND: dict[str, Any] = {"status": 409, "accepted": None, "duplicate": None}
REFUSED: dict[str, Any] = {"accepted": None, "duplicate": None, "last": None}

EFFECTS: list[tuple[Fault, int, dict[int, dict[str, Any]]]] = [
    # The fault, which request it strikes, and what is then seen otherwise of which.
    (Latency(seconds=0.5), 1, {1: {"seconds": 0.5}}),
    (Stall(phase="after-accept"), 1, {1: {**NO_ANSWER, "end": "silent", "seconds": PATIENCE}}),
    (Timeout(seconds=2.0, phase="after-accept"), 1, {1: {**NO_ANSWER, "end": "closed", "seconds": 2.0}}),
    (ResetPeer(), 1, {1: {**NO_ANSWER, "end": "reset"}}),
    (
        Down(seconds=1.5, phase="after-accept"),
        1,
        {1: {**NO_ANSWER, "end": "reset"}, 2: {**NO_ANSWER, "end": "refused"}, 3: {"last": 3}},
    ),
    (SlowClose(seconds=1.0), 1, {1: {"end": "closed", "seconds": 1.0}}),
    (CloseOnReuse(), 1, {2: {**NO_ANSWER, "end": "reset"}, 3: {"last": 3}}),
    (IdleCut(seconds=0.5), 1, {2: {**NO_ANSWER, "end": "reset"}, 3: {"last": 3}}),
    (Bandwidth(rate=50, stream="upstream"), 1, {1: {"seconds": len(BODIES[0]) / 50}}),
    (Slicer(size=20, delay=0.1, body_only=True), 1, {1: {"pieces": 4, "seconds": 0.3}}),
    (LimitData(size=40), 1, {1: {**NO_ANSWER, "end": "closed", "pieces": 1, "stray_bytes": 40}}),
    (
        Status(status=503),
        1,
        {1: {**REFUSED, "status": 503}, 2: {**BEHIND, "last": 0}, 3: {"last": 0}},
    ),
    (LateAccept(seconds=0.5), 1, {1: {**REFUSED, "status": 504}}),
    (
        BufferRequest(seconds=0.02),
        1,
        {1: {**REFUSED, "status": 408, "end": "closed"}, 2: {**BEHIND, "last": 0, "end": "closed"}, 3: {"last": 0}},
    ),
    (Overlap(seconds=0.5), 1, {1: {"seconds": 0.5}}),
    (Partial(lines=1), 1, {1: {"accepted": 1, "last": 1}, 2: {**BEHIND, "last": 1}, 3: {"last": 1}}),
    (Duplicate(), 1, {1: {"accepted": 0, "duplicate": 3}}),
    (
        Poison(containing='"n": 2'),
        1,
        {1: {**REFUSED, "status": 400}, 2: {**BEHIND, "last": 1}, 3: {"last": 1}},
    ),
    (Forget(last_accepted_seq=1), 2, {2: {**BEHIND, "last": 1}, 3: {"last": 1}}),
    (ForeignWriter(numbers=1), 2, {2: {"accepted": 1, "duplicate": 1}}),
    (CompletedElsewhere(), 2, {2: {**BEHIND, "last": 3}, 3: {"last": 3}}),
    (ExpireToken(), 2, {2: {**REFUSED, "status": 401}, 3: {**REFUSED, "status": 401}}),
    (Fence(epoch=1), 2, {2: {**REFUSED, "status": 403}, 3: {**REFUSED, "status": 403}}),
]


class Client:
    """A client on bare connections, that opens another one when the last is gone."""

    def __init__(self, backend: FakeBackend, *, rest: float) -> None:
        self._backend = backend
        self._rest = rest
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> Seen:
        """Post a body; tell what is seen of it."""
        began = now()
        try:
            seen = await asyncio.wait_for(self._post(body), PATIENCE)
        except TimeoutError:
            seen = Seen(None, end="silent", pieces=0)
        except ConnectionRefusedError:
            seen = Seen(None, end="refused", pieces=0)
        if seen.end != "kept":
            self.leave()
        return replace(seen, seconds=round(now() - began, 1))

    def leave(self) -> None:
        """End the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _post(self, body: bytes) -> Seen:
        if self._streams is None:
            port = int(self._backend.url.rpartition(":")[2])
            self._streams = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self._streams
        request = request_bytes(self._backend, body)
        halfway = len(request) - len(body) // 2
        writer.write(request[:halfway])
        await asyncio.sleep(self._rest)
        writer.write(request[halfway:])
        received, pieces, end = b"", 0, "kept"
        while not _is_whole(received) or _ends(received):
            try:
                piece = await reader.read(65_536)
            except ConnectionResetError:
                end = "reset"
                break
            if not piece:
                end = "closed"
                break
            received += piece
            pieces += 1
        if not _is_whole(received):
            return Seen(None, end=end, pieces=pieces, stray_bytes=len(received))
        head, _, answer = received.partition(b"\r\n\r\n")
        said = json.loads(answer) if answer.startswith(b"{") else {}
        return Seen(
            int(head.split()[1]),
            accepted=said.get("accepted"),
            duplicate=said.get("duplicate"),
            last=said.get("last_accepted_seq"),
            end=end,
            pieces=pieces,
        )


def _is_whole(received: bytes) -> bool:
    head, end, answer = received.partition(b"\r\n\r\n")
    lengths = [line.split()[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end) and len(answer) == int(lengths[0])


def _ends(received: bytes) -> bool:
    return b"\r\nconnection: close\r\n" in received.lower()


async def talk(*faults: FaultRule, rest: float = 0.0) -> Sequence[Seen]:
    """Post everything to a backend with these faults."""
    async with FakeBackend(faults=faults) as backend:
        client = Client(backend, rest=rest)
        seen = []
        for body in BODIES:
            seen.append(await client.post(body))
            await asyncio.sleep(1.0)
        client.leave()
        return tuple(seen)


@in_virtual_time
async def test_without_a_fault_nothing_is_seen() -> None:
    """What the effects of faults are compared with."""
    assert await talk() == USUAL
    assert await talk(rest=REST) == USUAL


@pytest.mark.parametrize(("fault", "struck", "changes"), EFFECTS, ids=lambda value: type(value).__name__)
@in_virtual_time
async def test_a_fault_is_seen_on_the_wire(fault: Fault, struck: int, changes: dict[int, dict[str, Any]]) -> None:
    """A client sees just what the fault is said to do, and all else as it always is."""
    expected = tuple(replace(usual, **changes.get(number, {})) for number, usual in enumerate(USUAL, start=1))
    assert expected != USUAL
    rest = REST if isinstance(fault, BufferRequest) else 0.0
    seen = await talk(FaultRule(fault=fault, requests=(struck,)), rest=rest)
    assert [replace(each, seconds=0.0) for each in seen] == [replace(each, seconds=0.0) for each in expected]
    assert [each.seconds for each in seen] == pytest.approx([each.seconds for each in expected], abs=0.11)


def test_every_fault_is_tested_on_the_wire() -> None:
    """None is left out above."""
    assert {type(fault) for fault, _, _ in EFFECTS} == set(KINDS.values())


@pytest.mark.no_cover
@pytest.mark.one_python
def test_every_fault_is_met_in_a_scenario(caplog: pytest.LogCaptureFixture) -> None:
    """The reference sender is struck by each while it is judged."""
    caplog.set_level(logging.CRITICAL)
    struck = {
        record.fault.__struct_config__.tag
        for scenario in SCENARIOS
        for record in SimulatedWorld().perform(scenario, create_sender).records
        if isinstance(record, FaultStruck)
    }
    assert struck == set(KINDS)


def test_every_fault_has_a_section_in_the_docs() -> None:
    """With its example."""
    page = (Path(__file__).parent.parent / "docs" / "faults.md").read_text(encoding="utf-8")
    sections = {section.partition("\n")[0]: section for section in page.split("\n### ")[1:]}
    assert set(sections) == set(KINDS)
    assert all(f'kind = "{kind}"' in section for kind, section in sections.items())
