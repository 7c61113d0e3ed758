"""From a request to what it asks for, and from an answer to its bytes: by types, within bounds, with clear errors."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from fake_backend.connection import BROKEN_OFF, Connection
from fake_backend.control.api import Asked, Problem
from fake_backend.control.codec import convert, encode
from fake_backend.protocol.answers import phrase

MAX_BODY_BYTES: Final = 65_536
"""How large the body of a control request may be."""

MAX_ANSWER_BYTES: Final = 4_000_000
"""How large the events in an answer may be together."""

BODY_TIMEOUT: Final = 10.0
"""In how many seconds it must have arrived."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

AskedT_co = TypeVar("AskedT_co", bound=Asked, covariant=True)
BodyT_co = TypeVar("BodyT_co", covariant=True)
T = TypeVar("T")


class RefusedError(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[AskedT_co, BodyT_co]):
    """A request that was understood: what its path and query ask for, and what its body says."""

    request: web.BaseRequest
    connection: Connection
    asked: AskedT_co
    body: BodyT_co


def read_query(request: web.BaseRequest, ids: Mapping[str, str], wanted: type[T]) -> T:
    """Read what the path (`ids`) and the query ask for. Raises RefusedError (400)."""
    query = request.rel_url.query
    twice = [name for name in query if len(query.getall(name)) > 1]
    if twice:
        raise RefusedError(400, f"{twice[0]} is given more than once")
    return _convert({**query, **ids}, wanted, strict=False)


async def read_body(request: web.BaseRequest, connection: Connection, wanted: type[T]) -> T:
    """Read the body; an empty one says nothing, as `{}` does. Raises RefusedError (400, 408, 413, 415)."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while piece := await connection.read(request.content):
                content += piece
                if len(content) > MAX_BODY_BYTES:
                    raise RefusedError(413, f"The body is larger than {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise RefusedError(408, f"The body took longer than {BODY_TIMEOUT:g} s to arrive") from error
    except BROKEN_OFF as error:
        raise RefusedError(400, "The body broke off") from error
    if content and request.content_type != "application/json":
        said = request.headers.get(hdrs.CONTENT_TYPE, "missing")
        raise RefusedError(415, f"Content-Type is {said}; it must be application/json")
    try:
        said = msgspec.json.decode(bytes(content) or b"{}")
    except RecursionError as error:
        raise RefusedError(400, "The body is nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"The body is not JSON: {error}") from error
    return _convert(said, wanted, strict=True)


def answer(status: int, said: object = None) -> web.Response:
    """Write an answer, with `said` as JSON."""
    headers = dict(HEADERS)
    if status == 204:  # noqa: PLR2004 - No Content
        return web.Response(status=status, reason=phrase(status), headers=headers)
    headers[hdrs.CONTENT_TYPE] = "application/json"
    return web.Response(status=status, reason=phrase(status), headers=headers, body=encode(said))


def answer_problem(refused: RefusedError) -> web.Response:
    """Write the answer to a request that was refused."""
    response = answer(refused.status, Problem(error=refused.text))
    response.headers.update(refused.headers)
    return response


def fitting(found: Sequence[T], size: Callable[[T], int]) -> Sequence[T]:
    """Give as many, from the first, as an answer holds: no more than `MAX_ANSWER_BYTES` of them, but at least one."""
    room = MAX_ANSWER_BYTES
    for place, each in enumerate(found):
        room -= size(each)
        if room < 0:
            return found[: max(1, place)]
    return found


def given(value: T | UnsetType) -> T | None:
    """Give what was said, or None where nothing was."""
    return None if value is UNSET else value


def _convert(said: object, wanted: type[T], *, strict: bool) -> T:
    try:
        return convert(said, wanted, strict=strict)
    except msgspec.ValidationError as error:
        raise RefusedError(400, _told(str(error), said, wanted)) from error


def _told(problem: str, said: object, wanted: type) -> str:
    """Name the key and its value in a message of msgspec, which says what it expected and at which `$.path`."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem, flags=re.DOTALL)
    if unknown is not None:
        known = ", ".join(field.name for field in msgspec.structs.fields(wanted)) or "none"
        return f"unknown key {unknown[1]!r}; there are: {known}"
    expected, _, path = problem.partition(" - at `")
    key = path.removeprefix("$.").removesuffix("`")
    if isinstance(said, dict) and key in said:
        return f"{key} is {said[key]!r:.100}; {expected[0].lower()}{expected[1:]}"
    return problem
