"""How an answer goes out: at once and whole, or as the faults of its request will have it."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias

from aiohttp import hdrs, web
from multidict import CIMultiDict

from fake_backend.faults import Bandwidth, CloseOnReuse, LimitData, Slicer, SlowClose
from fake_backend.faults.plan import RequestFaults
from fake_backend.open_request import OpenRequest, RequestEnded
from fake_backend.protocol.answers import Answer, phrase
from fake_backend.records import AnswerSent

_WITHOUT_BODY: Final = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}

Strike: TypeAlias = Callable[[], Awaitable[None]]


async def send(
    open_request: OpenRequest,
    answer: Answer,
    *,
    faults: RequestFaults | None = None,
    strike_in_answer: Strike | None = None,
) -> web.StreamResponse:
    """Send the answer to a request; give what was sent.

    Raises RequestEnded if the request is over before that, or before its connection may be used again.
    """
    if open_request.is_over:
        raise RequestEnded
    request = open_request.request
    slow_close = faults.strictest(SlowClose) if faults else None
    bodiless = answer.status in _WITHOUT_BODY or request.method == hdrs.METH_HEAD
    body = "" if bodiless else answer.body
    headers = CIMultiDict(answer.headers)
    headers.setdefault(hdrs.CONTENT_TYPE, answer.content_type)
    response = web.Response(status=answer.status, reason=phrase(answer.status), headers=headers, body=body.encode())
    if not request.content.is_eof():
        # What remains of the body is never taken: aiohttp reads it for a while for the client to see the answer, and
        # then closes. A client that is told so stops to send.
        response.force_close()
        open_request.connection.unread = request.content
    elif (
        slow_close is not None
        or open_request.connection.is_ending
        or headers.get(hdrs.CONNECTION, "").lower() == "close"
    ):
        response.force_close()
    if slow_close is not None:
        open_request.record_fault(slow_close)
    hangs_up = False
    try:
        if faults and strike_in_answer is not None and faults.shape_answer:
            hangs_up = await _send_shaped(open_request, response, faults, strike_in_answer)
        else:
            await response.prepare(request)
            await response.write_eof()
    except ConnectionError as error:
        open_request.break_off("client-disconnected")
        raise RequestEnded from error
    open_request.connection.idleness.stir()
    open_request.is_over = True
    open_request.services.write(
        AnswerSent(
            time=open_request.now(),
            request=open_request.number,
            status=answer.status,
            body=body,
            headers=answer.headers,
        )
    )
    if hangs_up:
        await open_request.connection.hang_up(request.content)
    elif answer.ends_connection:
        open_request.connection.force_close()
    elif slow_close is not None:
        await open_request.wait(open_request.connection.lost, slow_close.seconds)
    elif faults and response.keep_alive:
        _end_on_reuse(open_request, faults)
    return response


def _end_on_reuse(open_request: OpenRequest, faults: RequestFaults) -> None:
    fault = faults.strictest(CloseOnReuse)
    if fault is not None:
        open_request.connection.on_reuse = lambda: open_request.record_fault(fault)


async def _send_shaped(
    open_request: OpenRequest, response: web.Response, faults: RequestFaults, strike_in_answer: Strike
) -> bool:
    """Send the answer in pieces, as far as it may go; tell whether the connection ends with it."""
    request, connection = open_request.request, open_request.connection
    with connection.holding_back() as held:
        await response.prepare(request)
        await response.write_eof()
    body = response.body
    head = len(held) - len(body) if isinstance(body, bytes) else len(held)
    halfway = (head + len(held)) // 2 if head < len(held) else head // 2
    slicer = faults.strictest(Slicer)
    bandwidth, limit = faults.strictest(Bandwidth, "downstream"), faults.strictest(LimitData, "downstream")
    for fault in (bandwidth, slicer):
        if fault is not None:
            open_request.record_fault(fault)
    ends = len(held) if limit is None else min(len(held), limit.size)
    slow, cut = (len(held) if fault is None else fault.piece for fault in (bandwidth, slicer))
    began = open_request.now()
    sent = 0
    while sent < ends:
        spares = slicer is not None and slicer.body_only and sent < head
        stop = min(sent + slow, head if spares else sent + cut, ends)
        if sent < halfway < stop and faults.at("in-answer"):
            stop = halfway
        if bandwidth is not None:
            # The last byte of a piece is there when so many bytes could be.
            await open_request.wait(connection.lost, began + stop / bandwidth.rate - open_request.now())
        if connection.transport is None or connection.transport.is_closing():
            raise ConnectionResetError("the connection is lost")
        connection.transport.write(bytes(held[sent:stop]))
        connection.idleness.stir()
        await request.writer.drain()
        sent = stop
        if sent == halfway:
            await strike_in_answer()
        if slicer is not None and sent < ends and (sent >= head or not slicer.body_only):
            await open_request.wait(connection.lost, slicer.delay)
    if limit is None or limit.size > len(held):
        return False
    open_request.record_fault(limit)
    if sent < len(held):
        await open_request.hang_up()
    return True
