"""What a backend says: every answer of the wire protocol, with its text, in one place."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from fake_backend.faults import Status

_RENAMED: Final = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""What the standard calls these today; Python does from 3.13 on."""

_OF_A_GATEWAY: Final = frozenset({502, 504})

JSON_TYPE: Final = "application/json"
HTML_TYPE: Final = "text/html; charset=utf-8"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A status, its body as text, and the headers beyond the ordinary ones.

    `ends_connection` marks an answer after which nothing more can be read from the connection.
    """

    status: int
    body: str
    headers: dict[str, str] = {}
    content_type: str = JSON_TYPE
    ends_connection: bool = False


def taken(*, accepted: int, duplicate: int, last_accepted_seq: int) -> Answer:
    """200: the whole body was taken."""
    return _json(200, {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last_accepted_seq})


def bad_request(text: str) -> Answer:
    """400: a line, or the headers of a completion, can't be understood. It says nothing of the run's state."""
    return _json(400, {"error": text})


def encoded(refusal: Answer, encoding: str) -> Answer:
    """Name the `Content-Encoding` of a body in what refuses its lines, which don't look as if they were compressed."""
    said = json.loads(refusal.body)
    said["error"] += f" (Content-Encoding is {encoding!r:.100}; bodies are read as they come, without decoding)"
    return msgspec.structs.replace(refusal, body=json.dumps(said))


def unreadable(why: str) -> Answer:
    """400: what arrived isn't HTTP, or is HTTP that may be read in two ways. `why` is what a parser says."""
    return _json(400, {"error": f"Not a readable request: {why.partition(chr(10))[0].rstrip(':')}"})


def no_token() -> Answer:
    """401: no `Authorization: Bearer TOKEN`."""
    return _json(401, {"error": "Missing authorization bearer token"})


def bad_token() -> Answer:
    """401: a token that this backend didn't give out."""
    return _json(401, {"error": "Invalid event ingest token", "code": "InvalidTokenError"})


def token_of_another_run() -> Answer:
    """403: a good token, for another run."""
    return _json(403, {"error": "Token does not match run"})


def fenced(*, epoch: int, current_epoch: int) -> Answer:
    """403: a writer that a newer one has fenced out."""
    said = {"error": f"Producer epoch {epoch} is fenced by epoch {current_epoch}", "current_epoch": current_epoch}
    return _json(403, said)


def no_such_run() -> Answer:
    """404: no run has this id, or the path names no run at all."""
    return _json(404, {"error": "Task run not found"})


def not_post() -> Answer:
    """405: events are sent by POST alone."""
    return _json(405, {"error": "Method not allowed"}, {"Allow": "POST"})


def disconnected(last_accepted_seq: int) -> Answer:
    """408: the body broke off while the connection still stood (its framing is broken)."""
    answer = _json(408, {"error": "Client disconnected", "last_accepted_seq": last_accepted_seq})
    return msgspec.structs.replace(answer, ends_connection=True)


def gap(*, expected: int, got: int) -> Answer:
    """409: a number past the next one."""
    return _refused(409, f"Expected sequence {expected}, got {got}", expected - 1)


def already_complete(last_accepted_seq: int) -> Answer:
    """409: an event, be it a duplicate, after completion."""
    return _refused(409, "Task run stream is already complete", last_accepted_seq)


def completion_mismatch(*, final_seq: int, last_accepted_seq: int) -> Answer:
    """409: a completion at a number that isn't the last one accepted."""
    text = f"Cannot complete stream at sequence {final_seq}; last accepted sequence is {last_accepted_seq}"
    return _refused(409, text, last_accepted_seq)


def line_too_large(last_accepted_seq: int) -> Answer:
    """413: a line over the limit of bytes."""
    return _refused(413, "Event line is too large", last_accepted_seq)


def request_too_large(last_accepted_seq: int) -> Answer:
    """413: a body over the limit of bytes."""
    return _refused(413, "Event ingest request is too large", last_accepted_seq)


def too_many_events(last_accepted_seq: int) -> Answer:
    """413: one event more than a request may carry."""
    return _refused(413, "Too many events in request", last_accepted_seq)


def too_large_for_proxy() -> Answer:
    """413 of a proxy, which knows nothing of events: a page, and no number."""
    return _of_a_proxy(413)


def thrown_away_by_proxy(status: int) -> Answer:
    """Say what a proxy says that had enough of a body that didn't come: a page, and the end of the connection."""
    words = f"{status} {phrase(status)}"
    page = f"<html><head><title>{words}</title></head><body><h1>{words}</h1></body></html>"
    return Answer(status=status, body=page, content_type=HTML_TYPE, ends_connection=True)


def given_up(status: int) -> Answer:
    """Say what a proxy says that gave up on the backend behind it."""
    return _of_a_proxy(status)


def of_fault(fault: Status, *, accepted: int, duplicate: int, last_accepted_seq: int) -> Answer:
    """Give the answer that a `Status` fault puts in the place of the true one.

    Without a body of its own it says what a backend says at that status: 200 the true counts so far; 409 and 413 an
    error with the true `last_accepted_seq`; any other an error alone. 502 and 504 are a gateway's, so they are a page.
    """
    if fault.body is not None:
        # A sender may look at the type before it parses: JSON is called JSON, and the rest is what proxies send.
        content_type = JSON_TYPE if fault.body.lstrip().startswith(("{", "[")) else HTML_TYPE
        return Answer(status=fault.status, body=fault.body, headers=dict(fault.headers), content_type=content_type)
    if fault.status in _OF_A_GATEWAY:
        return _of_a_proxy(fault.status, fault.headers)
    said: dict[str, Any]
    if fault.status == HTTPStatus.OK:
        said = {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last_accepted_seq}
    else:
        said = {"error": phrase(fault.status)}
        if fault.status in {HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            said["last_accepted_seq"] = last_accepted_seq
    return _json(fault.status, said, fault.headers)


def phrase(status: int) -> str:
    """Name a status, the same on every release of Python."""
    if status in _RENAMED:
        return _RENAMED[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a status that no standard names is still one that a proxy may send
        return f"Status {status}"


def _of_a_proxy(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    page = f"<html><h1>{status} {phrase(status)}</h1></html>"
    return Answer(status=status, body=page, headers=dict(headers or {}), content_type=HTML_TYPE)


def _refused(status: int, text: str, last_accepted_seq: int) -> Answer:
    return _json(status, {"error": text, "last_accepted_seq": last_accepted_seq})


def _json(status: int, said: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=json.dumps(said), headers=dict(headers or {}))
