"""Traffic to hold the fake against its model: requests of every shape, as Hypothesis makes them and as bytes.

Numbers in it are relative to the state of the run when an exchange begins: `@` is the number that comes next, and `#`
the last one, counted on through the lines of a body. So what is generated makes sense whatever came before it, and
still does when Hypothesis leaves parts out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Final, Literal

from fake_backend import Limits
from tests.fake_backend.model_requests import COMPLETE_HEADER, FINAL_SEQ_HEADER

TOKENS: Final[Mapping[str, str | None]] = {"any": None, "only-a": "a"}
RUNS: Final = {"a": "a", "%61": "a", "..%2Fb%20%C3%A9%25": "../b é%", "%2E%2e": "..", "no-such": "no-such"}
"""The runs of the traffic: how each is written in a path, and its id."""

KNOWN_RUNS: Final = frozenset(RUNS.values()) - {"no-such"}

EVENT: Final = b'{"seq": @, "event": {"n": @}}'
COMPLETION: Final = b'{"type": "_posthog/stream_complete", "final_seq": #}'


@dataclass(frozen=True, slots=True)
class LineSpec:
    """A line to be: `step` is added to its numbers; `pad_to` fills it up to so much past a limit.

    `typo` puts a byte in the place of another.
    """

    text: bytes = EVENT
    step: int = 0
    ending: bytes = b"\n"
    pad_to: tuple[Literal["line", "request"], int] | None = None
    typo: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """The client leaves after so many bytes of the request; `settled`: and only when they have arrived."""

    after: int
    how: Literal["close", "half-close", "abort"]
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSpec:
    """A request to be.

    `chunks` are the sizes of its chunks, again and again; without them it has a length. `cuts` are where its bytes are
    cut into pieces. With `garble`, no chunk makes sense that begins behind so many bytes of the body.
    """

    lines: tuple[LineSpec, ...] = ()
    method: str = "POST"
    path: str = "/v1/runs/{}/ingest"
    run: str = "a"
    authorization: str | None = "Bearer any"
    complete: str | None = None
    final_seq: str | None = None
    chunks: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()
    leave: Leave | None = None
    garble: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, or two whose pieces alternate as `turns` says, in turn and again."""

    requests: tuple[RequestSpec, ...]
    turns: tuple[int, ...] = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request as bytes: of `body`, each byte is at its place of `places`; the head ends before `head_end`.

    `garbled_from` is the place from which on the framing makes no sense.
    """

    data: bytes
    head_end: int
    headers: tuple[tuple[str, str], ...]
    path: str
    body: bytes
    places: tuple[int, ...]
    garbled_from: int | None


def body_of(lines: tuple[LineSpec, ...], last: int, limits: Limits) -> bytes:
    """Write a body for a run whose last number is `last`."""
    body = b""
    for spec in lines:
        seq = max(last + 1 + spec.step, 0)
        line = spec.text.replace(b"@", b"%d" % seq).replace(b"#", b"%d" % max(last + spec.step, 0))
        if b"@" in spec.text and not spec.step:
            last = seq
        if spec.typo is not None and line:
            place = spec.typo[0] % len(line)
            line = line[:place] + bytes([spec.typo[1]]) + line[place + 1 :]
        match spec.pad_to:
            case "line", past:
                line = line.ljust(limits.max_line_bytes + past)
            case "request", past:
                line = line.ljust(limits.max_request_bytes + past - len(body))
        body += line + spec.ending
    return body


def wire_of(spec: RequestSpec, last: int, limits: Limits) -> Wire:
    """Write a request for a run whose last number is `last`."""
    body = body_of(spec.lines, last, limits)
    headers = [("Host", "backend"), ("Content-Type", "application/x-ndjson")]
    if spec.authorization is not None:
        headers.append(("Authorization", spec.authorization))
    if spec.complete is not None:
        headers.append((COMPLETE_HEADER, spec.complete))
    if spec.final_seq is not None:
        headers.append((FINAL_SEQ_HEADER, spec.final_seq.replace("#", str(last))))
    if spec.chunks:
        headers.append(("Transfer-Encoding", "chunked"))
    elif body:
        headers.append(("content-length", str(len(body))))
    path = spec.path.format(spec.run)
    head = f"{spec.method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    data = bytearray(head.encode())
    head_end = len(data)
    places: list[int] = []
    garbled_from = None
    if not spec.chunks:
        places += range(head_end, head_end + len(body))
        data += body
    else:
        sizes, sound = cycle(spec.chunks), len(body) if spec.garble is None else min(spec.garble, len(body))
        while len(places) < sound:
            chunk = body[len(places) : len(places) + next(sizes)]
            data += b"%x\r\n" % len(chunk)
            places += range(len(data), len(data) + len(chunk))
            data += chunk + b"\r\n"
        if spec.garble is not None:
            garbled_from = len(data)
        data += b"0\r\n\r\n" if spec.garble is None else b"no chunk\r\n"
    return Wire(
        data=bytes(data),
        head_end=head_end,
        headers=tuple(headers),
        path=path,
        body=body[: len(places)],
        places=tuple(places),
        garbled_from=garbled_from,
    )
