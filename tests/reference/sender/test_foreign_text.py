"""What strangers write, as it is shown: without the token, printable, and bounded."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference.sender import EventStreamSender, Notice
from reference.sender.foreign_text import ForeignText
from reference.sender.http import HttpAttempts
from reference.sender.types import AttemptFailed
from tests.reference.sender.peer import LOOPS, TOKEN, Peer, answer, run, server_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "Zq7/kL+w'9\\x\"Rt&e3=%uVb"
VISIBLE = st.characters(min_codepoint=33, max_codepoint=126)


def in_full(text: str) -> str:
    """Escape each character."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in lower case": str.lower,
    "in upper case": str.upper,
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of repr": lambda text: repr(repr(text.encode())),
    "JSON": json.dumps,
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in full": in_full,
    "URL": quote,
    "URL in full": lambda text: "".join(f"%{ord(each):02X}" for each in text),
    "URL twice": lambda text: quote(quote(text, safe="")),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML in full": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 of a header": lambda text: base64.b64encode(f"Authorization: Bearer {text}".encode()).decode(),
    "Base64 of a longer header": lambda text: base64.b64encode(f"authorization: Bearer {text}\r\n".encode()).decode(),
    "Base64 in lines": lambda text: base64.encodebytes(f"{text}{text}{text}{text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal after a digit": lambda text: "f" + text.encode().hex(),
    "in lines": "\r\n ".join,
    "in lines, by repr": lambda text: repr("\r\n".join([text[:9], text[9:]])),
    "with escape sequences": "\x1b".join,
    "the first half": lambda text: text[: len(text) // 2],
    "the second half": lambda text: text[len(text) // 2 :],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [TOKEN, SECRET, "0123456789abcdef" * 40])
def test_a_secret_is_not_shown_in_any_form(secret: str, form: str) -> None:
    """No eight characters of what repeats it, behind and before other words."""
    written = FORMS[form](secret)
    shown = ForeignText([secret]).shown(f"you sent {written} to me", most=10_000)
    pieces = {written[at : at + 8] for at in range(len(written) - 7)}
    assert not [piece for piece in pieces if piece in shown]
    assert "…" in shown or "withheld" in shown


@given(st.text(VISIBLE, min_size=8, max_size=60), st.text(max_size=60), st.text(max_size=60))
@example(SECRET, "", "\\")
@example("0000000\\", "", "")
def test_no_secret_is_shown_as_it_is(secret: str, before: str, behind: str) -> None:
    """Whatever stands around it."""
    assert secret not in ForeignText([secret]).shown(before + secret + behind, most=10_000)


@given(st.text() | st.binary(), st.integers(1, 300))
@example("\ud800", 10)
@example("\x1b[2J\r\n\u202e\u2028\U000e0001", 100)
def test_what_is_shown_is_printable_and_bounded(text: str | bytes, most: int) -> None:
    """One line, that can be written to a terminal and to a file."""
    shown = ForeignText([TOKEN]).shown(text, most=most)
    assert shown.isprintable()
    assert len(shown) <= most
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Expected sequence 45, got 47", "Expected sequence 45, got 47"),
        ("  <html>502</html>\n", "<html>502</html>"),
        ("a\x1b[2J\r\nb", "a\\x1b[2J\\r\\nb"),
        ("abc\u202egnp", "abc\\u202egnp"),
        ("\udc80", "\\udc80"),
        ("日本語, café", "日本語, café"),
        (b"caf\xe9", "caf\ufffd"),
        ("x" * 1_000, "x" * 199 + "…"),
        ("", ""),
        ("Zm9vYmFyYmF6 0123456789abcdef0123 %41&amp;\\x41", "Zm9vYmFyYmF6 0123456789abcdef0123 %41&amp;\\x41"),
    ],
)
def test_what_is_no_secret_is_shown(text: str | bytes, shown: str) -> None:
    """As it is, but for what can't be printed."""
    assert ForeignText([TOKEN]).shown(text) == shown


def test_a_short_secret_is_no_secret() -> None:
    """It may be an ordinary word."""
    assert ForeignText(["service", ""]).shown("service unavailable") == "service unavailable"


# What comes in by the network.

REPEATED = f"authorization: Bearer {TOKEN}".encode()
ESCAPES = "\x1b[2J\u202e".encode()
OTHERS: dict[str, bytes] = {
    "not HTTP": b"SSH-2.0 " + REPEATED + ESCAPES + b"\r\n\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\n" + REPEATED.replace(b":", b" ") + b"\r\n\x1b[2J\r\n\r\n",
    "a bad header, in pieces": b"HTTP/1.1 200 OK\r\n" + REPEATED[:-9],
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + REPEATED + ESCAPES + b"\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: " + REPEATED + b"\r\n\r\n",
    "a reason": answer(503, b"", reason=REPEATED.decode() + "\x1b[2J"),
    "a body": answer(503, REPEATED + ESCAPES),
    "a body of a success": answer(200, REPEATED + ESCAPES),
    "an error": answer(400, json.dumps({"error": (REPEATED + ESCAPES).decode()}).encode()),
    "an error in Base64": answer(400, json.dumps({"error": base64.b64encode(REPEATED).decode()}).encode()),
    "a redirect": answer(307, b"", f"Location: https://x.example/?{quote(REPEATED)}\x1b[2J"),
    "an encoding": answer(200, b"", f"Content-Encoding: {TOKEN}"),
    "cookies": answer(503, b"", f"Set-Cookie: {TOKEN}[]=1; path=/", f"Set-Cookie: a=[{TOKEN}"),
    "a long header": b"HTTP/1.1 200 OK\r\n" + REPEATED + b"x" * 200_000 + b"\r\n\r\n",
    "a header without an end": b"HTTP/1.1 200 OK\r\n" + REPEATED,
    "an interim answer": b"HTTP/1.1 103 " + REPEATED + b"\r\n\r\n" + answer(500, b"", reason=TOKEN),
    "a switch": b"HTTP/1.1 101 " + REPEATED + b"\r\nUpgrade: " + REPEATED + b"\r\n\r\n" + REPEATED,
}


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What any logger says, asyncio's and aiohttp's too, with the exceptions."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("context", [None, server_context()], ids=["plain", "tls"])
def test_who_repeats_a_request_gets_nothing_into_logs_and_notices(
    context: object, other: str, loop: str, everything_logged: io.StringIO
) -> None:
    """Neither the token, nor what moves the cursor of a terminal (AUTH-1)."""
    heard: list[object] = []

    async def main(peer: Peer) -> None:
        asyncio.get_running_loop().set_debug(True)
        failed = asyncio.Event()

        def hear(notice: Notice) -> None:
            heard.append(notice)
            failed.set()

        sender = EventStreamSender(peer.settings(retry_delay=0.01), on_notice=hear)
        sender.enqueue({"n": 1})
        connection = await peer.accept()
        await connection.request()
        await connection.say(OTHERS[other])
        if other == "a bad header, in pieces":
            await asyncio.sleep(0.05)
            await connection.say(REPEATED[-9:] + b"\x00\x1b\r\n\r\n")
        connection.leave()
        await failed.wait()
        heard.extend([await sender.stop(timeout=0), sender.stats(), repr(sender)])

    with Peer(context=context) as peer:  # type: ignore[arg-type]
        run(main(peer), loop)
    said = everything_logged.getvalue() + repr(heard) + str([getattr(each, "detail", "") for each in heard])
    for at in range(len(TOKEN) - 7):
        assert TOKEN[at : at + 8] not in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_an_unforeseen_exception_is_logged_without_its_words(
    monkeypatch: pytest.MonkeyPatch, everything_logged: io.StringIO
) -> None:
    """Those of the peer may be in it, or in one behind it; where it was raised is told."""

    async def broken(*_: object) -> None:
        raise LookupError(f"\x1b {TOKEN}") from ZeroDivisionError(f"{TOKEN} \x1b")

    async def main(peer: Peer) -> None:
        http = HttpAttempts(peer.settings())
        sending = asyncio.create_task(http.send(b""))
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer())
        assert await sending == AttemptFailed(detail="LookupError: \\x1b …")
        await http.close()

    monkeypatch.setattr("reference.sender.http.read_answer", broken)
    with Peer() as peer:
        run(main(peer))
    logged = everything_logged.getvalue()
    assert "LookupError: \\x1b …" in logged
    assert "in broken" in logged
    assert TOKEN not in logged
    assert "\x1b" not in logged
