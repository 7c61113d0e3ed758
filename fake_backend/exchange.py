"""One request, from its head to its answer: reads, asks `ingest`, lets the faults strike, writes the records.

The path of a request that nothing goes wrong with, with the points at which faults strike in brackets:

    head → [before-read] → first line → [before-accept] → each line decided as it arrives [after-lines]
    → end of the body → completion → [after-accept] → answer [in-answer]

A request that is turned away by its head alone (401, 403, 404, 405) reaches no run: it is answered at once, isn't
counted, and no fault strikes it. What a limit or a bad line ends early goes straight to `after-accept`; an answer put
in the place of the true one by a fault or a proxy, straight to `in-answer`.
"""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web

from fake_backend.apply_faults import EPOCH_HEADER, Striker
from fake_backend.body import BodyBrokenError, BodyLimitedError, RequestBody
from fake_backend.connection import Connection
from fake_backend.faults import BufferRequest, Duplicate, IdleCut, LateAccept, Overlap, Partial, Poison
from fake_backend.lag import Lag
from fake_backend.open_request import AnsweredInsteadError, OpenRequest, RequestEnded, Services
from fake_backend.protocol import answers
from fake_backend.protocol.access import refuse_epoch, run_of_path
from fake_backend.protocol.answers import Answer
from fake_backend.protocol.ingest import RequestIngest, Run
from fake_backend.records import BodyEnded, RequestStarted
from fake_backend.sending import send


async def answer_request(
    services: Services, request: web.BaseRequest, connection: Connection, *, number: int
) -> web.StreamResponse:
    """Handle the request; give the answer that was written, or one that a lost connection swallows."""
    open_request = OpenRequest(services, request, connection, number=number)
    connection.on_end = open_request.break_off
    connection.idleness.begin_request(open_request.cut_off)
    try:
        run_id = run_of_path(request.rel_url.raw_path)
        refusal = _refuse_head(open_request, run_id)
        _start(open_request, run_id)
        # aiohttp handles a head that arrived all the same when its connection is lost in the turn between.
        if connection.cut.done():
            open_request.break_off("shutdown")
            return web.Response()
        if connection.lost.done():
            open_request.break_off("client-disconnected")
        if run_id is None or refusal is not None:
            return await send(open_request, refusal or answers.no_such_run())
        run = services.run(run_id)
        run.requests += 1
        try:
            return await Exchange(open_request, run).answer()
        finally:
            run.requests -= 1
    except RequestEnded:
        return web.Response()
    finally:
        connection.on_end = None


def _start(open_request: OpenRequest, run_id: str | None) -> None:
    request = open_request.request
    headers = request.headers
    record = RequestStarted(
        time=open_request.now(),
        request=open_request.number,
        connection=open_request.connection.number,
        method=request.method,
        path=_text(request.raw_path),
        host=_text(headers.get(hdrs.HOST, "")),
        run_id=run_id,
        authorization=_text(headers[hdrs.AUTHORIZATION]) if hdrs.AUTHORIZATION in headers else None,
        content_type=_text(headers[hdrs.CONTENT_TYPE]) if hdrs.CONTENT_TYPE in headers else None,
        completion_header=open_request.completion is not None,
        content_length=request.content_length,
    )
    open_request.services.write(record)


def _refuse_head(open_request: OpenRequest, run_id: str | None) -> Answer | None:
    """Give the answer that turns a request away by its head alone; where it is None, the run has begun."""
    request, services = open_request.request, open_request.services
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    refusal = services.access.refuse(method=request.method, run_id=run_id, authorization=authorization)
    if run_id is None or refusal is not None:
        return refusal
    return refuse_epoch(services.run(run_id), request.headers.get(EPOCH_HEADER))


class Exchange:
    """A request that has reached its run, and what has become of it so far."""

    __slots__ = ("_body", "_faults", "_ingest", "_lag", "_open", "_run", "_striker")

    def __init__(self, open_request: OpenRequest, run: Run) -> None:
        services = open_request.services
        self._open = open_request
        self._run = run
        self._faults = services.plan.open_request(run.run_id)
        self._ingest = RequestIngest(run, request=open_request.number, write=services.write, limits=services.limits)
        self._body = RequestBody(open_request, self._faults)
        self._striker = Striker(open_request, self._faults, self._ingest, run)
        self._lag: Lag | None = None

    async def answer(self) -> web.StreamResponse:
        """Take the request; give the answer that was written. Raises RequestEnded where there is none."""
        try:
            answer = await self._take()
        except AnsweredInsteadError as instead:
            answer = instead.answer
        except BodyBrokenError:
            answer = answers.disconnected(self._run.last_accepted_seq)
        except BodyLimitedError as limited:
            self._open.record_fault(limited.fault)
            await self._open.hang_up()
        except _GivenUpError as given_up:
            return await self._give_up(given_up.fault)
        if self._lag is not None:
            await self._lag.taken()
        return await self._send(answer)

    async def _send(self, answer: Answer) -> web.StreamResponse:
        return await send(
            self._open,
            answer,
            faults=self._faults,
            strike_in_answer=lambda: self._striker.strike("in-answer"),
        )

    async def _take(self) -> Answer:
        self._watch_idleness()
        if self._faults.before_kind.wanted_first:
            await self._body.learn_kind()
        if self._faults:
            await self._striker.strike("before-read")
        asked = self._open.completion
        if asked is not None and asked.problem is not None:
            answer = self._ingest.refuse_completion_headers(asked.problem, time=self._open.now())
        else:
            await self._hold_back()
            await self._body.learn_kind()
            await self._hold_back()
            if self._faults.await_event:
                await self._body.seek_events()
            self._watch_idleness()
            if self._faults:
                await self._striker.strike("before-accept")
            if self._open.services.limits.proxy_request_bytes is not None:
                await self._pass_proxy(self._open.services.limits.proxy_request_bytes)
            if self._faults:
                await self._prepare_taking()
            if self._lag is not None:
                answer = await self._take_lines_lagging(self._lag)
            else:
                answer = await self._take_lines() or self._finish()
            answer = self._name_encoding(answer)
        if self._faults:
            await self._striker.strike("after-accept")
        return answer

    def _watch_idleness(self) -> None:
        """Have the connection cut when it idles, if that is among the faults that strike by now."""
        fault = self._faults.strictest(IdleCut)
        if fault is not None:
            self._open.connection.idleness.obey(fault)

    async def _hold_back(self) -> None:
        """Read the body to its end before any of it is looked at, as a proxy does that holds bodies back.

        Raises AnsweredInsteadError or RequestEnded where the proxy throws it away, and as `RequestBody.read` does.
        """
        fault, body = self._faults.strictest(BufferRequest), self._body
        if fault is None or body.is_over:
            return
        self._open.record_fault(fault)
        try:
            while not body.is_over:
                async with asyncio.timeout(fault.seconds):
                    await body.read()
        except TimeoutError:
            if fault.status is None:
                await self._open.hang_up()
            raise AnsweredInsteadError(answers.thrown_away_by_proxy(fault.status)) from None

    async def _prepare_taking(self) -> None:
        """Have the faults hold that change how lines are taken. Raises _GivenUpError where that isn't now."""
        self._ingest.partial = self._faults.strictest(Partial)
        self._ingest.poisons = self._faults.of(Poison)
        late_accept = self._faults.strictest(LateAccept)
        if late_accept is not None:
            await self._body.read_whole()
            raise _GivenUpError(late_accept)
        overlap = self._faults.strictest(Overlap)
        if overlap is not None:
            self._lag = Lag(self._open, self._ingest, overlap)
        self._ingest.duplicated_by = self._faults.strictest(Duplicate)

    async def _pass_proxy(self, limit: int) -> None:
        size = self._open.request.content_length
        if size is None:
            await self._body.read_whole(most=limit)
            size = self._body.arrived
        if size > limit:
            raise AnsweredInsteadError(answers.too_large_for_proxy())

    async def _take_lines(self) -> Answer | None:
        """Decide every line of the body as it arrives; give the answer that refuses one, or None at the end."""
        ingest, body, faults = self._ingest, self._body, self._faults
        while True:
            while body.lines:
                stop = faults.next_stop(ingest.lines)
                count = len(body.lines) if stop is None else stop - ingest.lines
                batch, body.lines = body.lines[:count], body.lines[count:]
                refusal = ingest.take(batch, time=self._open.now())
                if ingest.lines == stop:
                    await self._striker.strike("after-lines", lines=stop)
                if refusal is not None:
                    return refusal
            if body.overflow is not None:
                return ingest.refuse_overflow(body.overflow, time=self._open.now())
            if body.ended:
                return None
            await body.read()

    async def _take_lines_lagging(self, lag: Lag) -> Answer:
        """Have every line of the body taken some time after it was read; give the answer when all are.

        A client that leaves meanwhile ends this, and not the taking.
        """
        body, faults = self._body, self._faults
        stop = faults.next_stop(0)
        while True:
            lines, body.lines = body.lines, []
            lag.add(lines)
            while stop is not None and stop <= lag.read:
                await lag.taken(stop)
                if self._ingest.lines < stop:
                    break  # a line before was refused
                await self._striker.strike("after-lines", lines=stop)
                stop = faults.next_stop(stop)
            if lag.refusal is not None:
                return lag.refusal
            if body.overflow is not None:
                return await lag.taken() or self._ingest.refuse_overflow(body.overflow, time=self._open.now())
            if body.ended:
                return await lag.finish(self._finish)
            await body.read()

    def _name_encoding(self, answer: Answer) -> Answer:
        encoding = self._open.request.headers.get(hdrs.CONTENT_ENCODING, "identity")
        is_of_content = answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
        return answers.encoded(answer, _text(encoding)) if is_of_content and encoding != "identity" else answer

    def _finish(self) -> Answer:
        """Decide the completion, now that the body has ended; give the answer."""
        asked, body, now = self._open.completion, self._body, self._open.now()
        self._open.services.write(
            BodyEnded(time=now, request=self._open.number, size=body.size, lines=self._ingest.lines)
        )
        return self._ingest.finish(time=now, header_final_seq=None if asked is None else asked.final_seq)

    async def _give_up(self, fault: LateAccept) -> web.StreamResponse:
        """Answer as a proxy does whose backend is slow, and have the backend take the request later."""
        self._open.record_fault(fault)
        try:
            if fault.status is None:
                self._open.reset()
            return await self._send(answers.given_up(fault.status))
        finally:
            # Only now, because the answer comes first, however it fared; and a backend that went down takes nothing.
            if not self._open.connection.cut.done():
                self._open.services.take_later(fault.seconds, self._take_late)

    def _take_late(self) -> None:
        if _refuse_head(self._open, self._run.run_id) is not None:
            return
        self._ingest.run = self._open.services.run(self._run.run_id)  # a blank one may have been forgotten meanwhile
        now = self._open.now()
        if self._ingest.take(self._body.lines, time=now) is not None:
            return
        if self._body.overflow is not None:
            self._ingest.refuse_overflow(self._body.overflow, time=now)
        else:
            self._finish()


class _GivenUpError(Exception):
    """A proxy gives up on the request, whose body was read whole."""

    def __init__(self, fault: LateAccept) -> None:
        super().__init__(fault)
        self.fault = fault


def _text(header: str) -> str:
    """Make a header storable: aiohttp keeps bytes that aren't UTF-8 as lone surrogates, which JSON doesn't know."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
