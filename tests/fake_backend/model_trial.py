"""The fake and its model side by side: traffic goes over bare connections, in virtual time, and both are compared."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from conformance.simulation import Simulation, simulate
from fake_backend import FakeBackend, FaultRule, Limits
from tests.fake_backend.model import Model, Run
from tests.fake_backend.model_lines import canonical
from tests.fake_backend.model_requests import ANY_CODE, Answer, Request
from tests.fake_backend.model_traffic import KNOWN_RUNS, RUNS, TOKENS, Exchange, Leave, RequestSpec, Wire, wire_of

SETTLING: Final = 0.1
"""Seconds of virtual time in which a piece has arrived, and all that follows from it has happened."""

SETTLING_A_BYTE: Final = 1e-6
"""Seconds more for each byte of it: aiohttp stops reading for a while where tiny chunks pile up."""

PATIENCE: Final = 60.0
"""Seconds of virtual time after which an answer won't come any more."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a client does in one moment: it writes, and then it may leave."""

    data: bytes
    leave: Leave | None = None


@dataclass(slots=True)
class Peer:
    """A connection that is open, and kept if the backend keeps it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


def pieces_of(spec: RequestSpec, wire: Wire) -> list[Piece]:
    """Cut a request into what is written at a time."""
    end = len(wire.data) if spec.leave is None else min(spec.leave.after, len(wire.data))
    within = range(wire.garbled_from + 1, len(wire.data)) if wire.garbled_from is not None else range(0)
    places = sorted({0, end, *(cut for cut in spec.cuts if cut < end and cut not in within)})
    pieces = [Piece(wire.data[start:stop]) for start, stop in pairwise(places)]
    if wire.garbled_from is not None:
        # Silent: whether a server says that it can't find the end of a body, or waits for more; nobody waits with it.
        return [*pieces, Piece(b"", Leave(end, "abort"))]
    if spec.leave is None:
        return pieces
    if pieces and not spec.leave.settled and end < len(wire.data):
        pieces[-1] = Piece(pieces[-1].data, spec.leave)
        return pieces
    return [*pieces, Piece(b"", spec.leave)]


def request_of(spec: RequestSpec, wire: Wire, pieces: Sequence[Piece], moments: Sequence[int]) -> Request:
    """Tell the model of a request, each piece of which arrives in its moment."""
    moment_of = [moment for piece, moment in zip(pieces, moments, strict=True) for _ in piece.data]
    sent = len(moment_of)
    body_sent = sum(place < sent for place in wire.places)
    is_whole = sent == len(wire.data)
    garbled = wire.garbled_from is not None and sent > wire.garbled_from
    broken = garbled or not is_whole
    return Request(
        method=spec.method,
        path=wire.path,
        headers=wire.headers,
        begin=moment_of[wire.head_end - 1] if sent >= wire.head_end else None,
        body=wire.body[:body_sent],
        arrivals=[moment_of[place] for place in wire.places[:body_sent]],
        end=moments[-1] if broken and not garbled else moment_of[-1],
        broken=broken,
        garbled=garbled,
        left=spec.leave is not None or garbled,
    )


def schedule(counts: Sequence[int], turns: Sequence[int]) -> Iterator[int]:
    """Say whose turn it is, until each has had as many as it needs."""
    left, at = list(counts), 0
    while any(left):
        turn = turns[at % len(turns)] % len(left) if turns else 0
        at += 1
        if not left[turn]:
            turn = next(index for index, count in enumerate(left) if count)
        left[turn] -= 1
        yield turn


async def read_answer(reader: asyncio.StreamReader) -> tuple[Answer | None, bool]:
    """Read an answer, None if the connection ends first; say whether the connection is kept."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(fields["content-length"]))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None, False
    status = int(head.split(" ")[1])
    is_kept = fields.get("connection") != "close"
    try:
        found = json.loads(body)
    except ValueError:
        return Answer(status, None), is_kept
    if str(found.get("error")).startswith("Not a readable request: "):
        return Answer(status, None), is_kept  # HTTP's answer, in words that the protocol doesn't have
    if isinstance(found.get("code"), str):
        found["code"] = ANY_CODE
    return Answer.of(status, **found), is_kept


class Trial:
    """The fake and its model, side by side."""

    def __init__(self, backend: FakeBackend, model: Model) -> None:
        self.backend = backend
        self.limits = model.limits
        self.model = model
        self.peers: dict[int, Peer] = {}

    def states(self) -> dict[str, Run]:
        """Look at the runs of the fake."""
        views = [self.backend.run(run_id) for run_id in sorted(KNOWN_RUNS)]
        return {
            view.run_id: Run(view.last_accepted_seq, view.complete, tuple(canonical(event) for event in view.events))
            for view in views
        }

    async def peer(self, index: int) -> Peer:
        """Give a connection: the one from before, if the backend kept it."""
        found = self.peers.get(index)
        if found is None or found.reader.at_eof() or found.reader.exception() is not None:
            port = int(self.backend.url.rpartition(":")[2])
            found = self.peers[index] = Peer(*await asyncio.open_connection("127.0.0.1", port))
        return found

    async def run(self, exchange: Exchange) -> None:
        """Let an exchange happen, and compare after each moment."""
        specs = exchange.requests
        lasts = [self.model.runs().get(_run_id(spec), Run()).last_accepted_seq for spec in specs]
        wires = [wire_of(spec, last, self.limits) for spec, last in zip(specs, lasts, strict=True)]
        pieces = [pieces_of(spec, wire) for spec, wire in zip(specs, wires, strict=True)]
        turns = list(schedule([len(each) for each in pieces], exchange.turns))
        requests = [
            request_of(
                spec, wires[index], pieces[index], [moment for moment, turn in enumerate(turns) if turn == index]
            )
            for index, spec in enumerate(specs)
        ]
        self.model.begin(requests)
        peers = [await self.peer(index) for index in range(len(specs))]
        answers = [asyncio.ensure_future(read_answer(peer.reader)) for peer in peers]
        waiting = [iter(each) for each in pieces]
        for moment, turn in enumerate(turns):
            piece = next(waiting[turn])
            _do(peers[turn].writer, piece)
            await asyncio.sleep(SETTLING + SETTLING_A_BYTE * len(piece.data))
            self.model.advance(moment)
            states = self.states()
            assert self.model.observe_runs(states), self.explain(f"after moment {moment}", requests, states)
        _, unanswered = await asyncio.wait(answers, timeout=PATIENCE)
        assert not unanswered, self.explain("long after the end", requests, "not answered")
        found = [answer.result() for answer in answers]
        seen = [answer for answer, _ in found]
        assert self.model.observe_answers(seen), self.explain("at the end", requests, seen)
        states = self.states()
        assert self.model.observe_runs(states), self.explain("after the end", requests, states)
        for index, (_, is_kept) in enumerate(found):
            if not is_kept or requests[index].broken or requests[index].left:
                self.peers.pop(index).writer.transport.abort()
        await asyncio.sleep(SETTLING)

    def explain(self, when: str, requests: Sequence[Request], seen: object) -> str:
        """Say what contradicts what."""
        asked = "\n".join(f"  {request}" for request in requests)
        return f"{when} of\n{asked}\nthe fake has\n  {seen}\nand the model\n{self.model.expectations()}"


def _run_id(spec: RequestSpec) -> str:
    return RUNS[spec.run]


def _do(writer: asyncio.StreamWriter, piece: Piece) -> None:
    if piece.data:
        writer.write(piece.data)
    match piece.leave:
        case Leave(how="close"):
            writer.close()
        case Leave(how="half-close"):
            with suppress(OSError):
                writer.write_eof()
        case Leave(how="abort"):
            writer.transport.abort()


def compare(
    limits: Limits,
    exchanges: Sequence[Exchange],
    *,
    rules: Sequence[FaultRule] = (),
    legacy_completion: bool = False,
) -> None:
    """Let all of it happen to a fake and to the model, in virtual time.

    The `rules` of the fake strike nothing; those that wait for events have it hold lines back all the same.
    """

    async def main(_: Simulation) -> None:
        model = Model(
            limits=limits,
            tokens=TOKENS,
            known_runs=KNOWN_RUNS,
            legacy_completion=legacy_completion,
            holds_back=any(rule.events for rule in rules),
        )
        async with FakeBackend(
            limits=limits,
            tokens=TOKENS,
            known_runs=KNOWN_RUNS,
            legacy_completion=legacy_completion,
            faults=rules,
        ) as backend:
            trial = Trial(backend, model)
            for exchange in exchanges:
                await trial.run(exchange)
            for peer in trial.peers.values():
                peer.writer.transport.abort()
            assert not any(active.struck for active in backend.faults)

    simulate(main)
