"""One request, from its head to its answer: reads, asks `ingest`, lets the faults strike, writes the records.

The path of a request that nothing goes wrong with, with the points at which faults strike in brackets:

    head → [before-read] → first line → [before-accept] → each line decided as it arrives [after-lines]
    → end of the body → completion → [after-accept] → answer [in-answer]

A request that is turned away by its head alone (401, 403, 404, 405) reaches no run: it is answered at once, isn't
counted, and no fault strikes it. What a limit or a bad line ends early goes straight to `after-accept`; an answer put
in the place of the true one by a fault, straight to `in-answer`.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, assert_never

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from fake_backend import answers
from fake_backend.access import Access, run_of_path
from fake_backend.answers import Answer
from fake_backend.body import BodyBrokenError, RequestBody, RequestEnded
from fake_backend.completion_headers import asks_for_completion, read_completion_headers
from fake_backend.connection import Connection
from fake_backend.fault_plan import FaultPlan, RequestFaults
from fake_backend.faults import Latency, Phase, ResetPeer, Stall, Status
from fake_backend.ingest import Limits, RequestIngest, Run
from fake_backend.records import (
    AnswerSent,
    BackendRecord,
    BodyEnded,
    BreakCause,
    FaultStruck,
    RequestBroken,
    RequestStarted,
)

_WITHOUT_BODY: Final = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one backend share."""

    access: Access
    plan: FaultPlan
    limits: Limits
    run: Callable[[str], Run]
    write: Callable[[BackendRecord], None]


class Exchange:
    """A request, and what has become of it so far."""

    __slots__ = ("_backend", "_connection", "_now", "_number", "_over", "_request")

    def __init__(self, backend: Backend, request: web.BaseRequest, connection: Connection, *, number: int) -> None:
        self._backend = backend
        self._request = request
        self._connection = connection
        self._number = number
        self._now = asyncio.get_running_loop().time
        self._over = False

    async def answer(self) -> web.StreamResponse:
        """Handle the request; give the answer that was written, or one that a lost connection swallows."""
        connection = self._connection
        connection.on_end = self._break_off
        try:
            run_id = self._start()
            if connection.lost.done():
                # aiohttp handles a head that arrived all the same when its connection is lost in the turn between.
                self._break_off("shutdown" if connection.cut.done() else "client-disconnected")
            authorization = self._request.headers.get(hdrs.AUTHORIZATION)
            refusal = self._backend.access.refuse(
                method=self._request.method, run_id=run_id, authorization=authorization
            )
            if run_id is None or refusal is not None:
                return await self._send(refusal or answers.no_such_run())
            return await self._answer_for(run_id)
        except RequestEnded:
            return web.Response()
        finally:
            connection.on_end = None

    def _start(self) -> str | None:
        request = self._request
        headers = request.headers
        run_id = run_of_path(request.rel_url.raw_path)
        record = RequestStarted(
            time=self._now(),
            request=self._number,
            connection=self._connection.number,
            method=request.method,
            path=_text(request.raw_path),
            host=_text(headers.get(hdrs.HOST, "")),
            run_id=run_id,
            authorization=_text(headers[hdrs.AUTHORIZATION]) if hdrs.AUTHORIZATION in headers else None,
            content_type=_text(headers[hdrs.CONTENT_TYPE]) if hdrs.CONTENT_TYPE in headers else None,
            completion_header=asks_for_completion(headers),
            content_length=request.content_length,
        )
        self._backend.write(record)
        return run_id

    async def _answer_for(self, run_id: str) -> web.StreamResponse:
        run = self._backend.run(run_id)
        work = _Work(
            ingest=RequestIngest(run, request=self._number, write=self._backend.write, limits=self._backend.limits),
            body=RequestBody(self._request, self._connection, self._backend.limits),
            faults=self._backend.plan.open_request(run_id),
        )
        try:
            answer = await self._ingest(work)
        except _StatusStruckError as struck:
            answer = answers.of_fault(
                struck.fault,
                accepted=work.ingest.accepted,
                duplicate=work.ingest.duplicate,
                last_accepted_seq=run.last_accepted_seq,
            )
        except BodyBrokenError:
            answer = answers.disconnected(run.last_accepted_seq)
        return await self._send(answer, work.faults)

    async def _ingest(self, work: "_Work") -> Answer:
        if work.faults.wants_kind_first:
            await work.learn_kind()
        await self._strike(work.faults, "before-read")
        asked = read_completion_headers(self._request.headers)
        if asked is not None and asked.problem is not None:
            answer = work.ingest.refuse_completion_headers(asked.problem, time=self._now())
        else:
            await work.learn_kind()
            await self._strike(work.faults, "before-accept")
            refusal = await self._take_lines(work)
            answer = refusal or work.ingest.finish(
                time=self._now(), header_final_seq=None if asked is None else asked.final_seq
            )
        await self._strike(work.faults, "after-accept")
        return answer

    async def _take_lines(self, work: "_Work") -> Answer | None:
        """Decide every line of the body as it arrives; give the answer that refuses one, or None at the end."""
        ingest, body, faults = work.ingest, work.body, work.faults
        while True:
            while body.lines:
                self._ignore_from_here(work)
                stop = faults.next_stop(ingest.lines)
                count = len(body.lines) if stop is None else stop - ingest.lines
                batch, body.lines = body.lines[:count], body.lines[count:]
                refusal = ingest.take(batch, time=self._now())
                if ingest.lines == stop:
                    await self._strike(faults, "after-lines", lines=stop)
                if refusal is not None:
                    return refusal
            if body.overflow is not None:
                return ingest.refuse_overflow(body.overflow, time=self._now())
            if body.ended:
                break
            await body.read()
        self._backend.write(BodyEnded(time=self._now(), request=self._number, size=body.size, lines=ingest.lines))
        return None

    def _ignore_from_here(self, work: "_Work") -> None:
        partial = work.faults.partial
        if partial is not None and work.ingest.lines >= partial.lines and not work.ingest.ignoring:
            work.ingest.ignoring = True
            self._backend.write(FaultStruck(time=self._now(), request=self._number, fault=partial))

    async def _strike(self, faults: RequestFaults, phase: Phase, *, lines: int = 0) -> None:
        for fault in faults.at(phase, lines=lines):
            self._backend.write(FaultStruck(time=self._now(), request=self._number, fault=fault))
            match fault:
                case Latency(seconds=seconds):
                    # A slow backend goes on with what it has read, although the client may have left meanwhile.
                    await self._wait(self._connection.cut, seconds)
                case Stall(seconds=seconds):
                    await self._wait(self._connection.lost, seconds)
                case ResetPeer():
                    self._break_off("fault")
                    self._connection.reset()
                    raise RequestEnded
                case Status():
                    raise _StatusStruckError(fault)
                case _:
                    assert_never(fault)

    async def _wait(self, end: asyncio.Future[None], seconds: float | None) -> None:
        """Wait, at most until `end` is done: then the request is over."""
        await asyncio.wait((end,), timeout=seconds)
        if end.done():
            raise RequestEnded

    async def _send(self, answer: Answer, faults: RequestFaults | None = None) -> web.StreamResponse:
        if self._over:
            raise RequestEnded
        request = self._request
        bodiless = answer.status in _WITHOUT_BODY or request.method == hdrs.METH_HEAD
        body = "" if bodiless else answer.body
        headers = CIMultiDict(answer.headers)
        headers.setdefault(hdrs.CONTENT_TYPE, answer.content_type)
        # What remains of the body is never taken: aiohttp reads it for a while for the client to see the answer, and
        # then closes. A client that is told so stops to send.
        ends = not request.content.is_eof() or headers.get(hdrs.CONNECTION, "").lower() == "close"
        try:
            if faults is not None and faults.at("in-answer"):
                response = await self._send_in_halves(answer.status, headers, body.encode(), faults, ends=ends)
            else:
                response = web.Response(status=answer.status, headers=headers, body=body.encode())
                if ends:
                    response.force_close()
                await response.prepare(request)
                await response.write_eof()
        except ConnectionError as error:
            self._break_off("client-disconnected")
            raise RequestEnded from error
        self._over = True
        self._backend.write(
            AnswerSent(time=self._now(), request=self._number, status=answer.status, body=body, headers=answer.headers)
        )
        if answer.ends_connection:
            self._connection.force_close()
        return response

    async def _send_in_halves(
        self, status: int, headers: CIMultiDict[str], body: bytes, faults: RequestFaults, *, ends: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(body)
        if ends:
            response.force_close()
        await response.prepare(self._request)  # this sends the head
        half = len(body) // 2
        await response.write(body[:half])
        await self._strike(faults, "in-answer")
        await response.write_eof(body[half:])
        return response

    def _break_off(self, cause: BreakCause) -> None:
        if not self._over:
            self._over = True
            self._backend.write(RequestBroken(time=self._now(), request=self._number, cause=cause))


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that has reached its run."""

    ingest: RequestIngest
    body: RequestBody
    faults: RequestFaults

    async def learn_kind(self) -> None:
        await self.body.read_first_line()
        self.faults.kind_is(self.body.kind)


class _StatusStruckError(Exception):
    """A fault answers in the place of the backend."""

    def __init__(self, fault: Status) -> None:
        super().__init__(fault)
        self.fault = fault


def _text(header: str) -> str:
    """Make a header storable: aiohttp keeps bytes that aren't UTF-8 as lone surrogates, which JSON doesn't know."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
