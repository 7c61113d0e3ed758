"""The one place where text of a peer enters: without our secrets, printable, and bounded.

A backend, a proxy, or whatever else answers at an address, writes reason phrases, bodies and headers, and aiohttp
quotes them in its exceptions. All of that ends up in log lines, notices and reports, which are read on terminals and
kept in places where no token belongs (AUTH-1). Whoever repeats a request repeats its token, as it was or in another
form; and a line end in a log line, or an escape sequence in a terminal, says what the stranger wants it to say.
"""

from __future__ import annotations

import html
import re
from binascii import a2b_base64
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Shorter than this neither a token nor a piece of one is a secret: it may be an ordinary word.
_SHORTEST_SECRET = 8
_MOST_LOOKED_AT = 1_000
_MOST_SHOWN = 200
_HIDDEN = "…"
_WITHHELD = "<withheld: it repeats a secret of the request in another form>"

# What may stand inside of a secret, and is passed over where one is looked for: all but visible ASCII, and what a
# `repr`, or JSON, puts before a quote.
_PASSED_OVER = re.compile(r"[^!-~]|\\")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|[nrt])")
_HEX = re.compile(r"[0-9a-fA-F]{16,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,}")
_GROUP = 4
# A text may have been encoded more than once: a `repr` within a `repr` for one, as in aiohttp's errors.
_LAYERS = 3


class ForeignText:
    """Makes text of strangers fit to be shown.

    Pieces of a secret of eight characters and more are cut out, in upper or lower case, and also where white space,
    or what can't be printed, is strewn in. A text that holds such a piece in another form (escaped as by `repr` or in
    JSON, for a URL, for HTML, in Base64 or in hexadecimal) is withheld as a whole. So a secret doesn't get into a log
    by somebody who repeats what he was sent. A peer that disguises it on purpose knows it already.

    Args:
        secrets: What must not be shown. One of less than eight characters isn't looked for.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._as_they_are = tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)
        compact = (_compact(secret).lower() for secret in self._as_they_are)
        self._secrets = tuple(secret for secret in compact if len(secret) >= _SHORTEST_SECRET)

    def shown(self, text: str | bytes, *, most: int = _MOST_SHOWN) -> str:
        """Return a text as it may be shown: one printable line of at most `most` characters."""
        start = text[:_MOST_LOOKED_AT]
        if isinstance(start, bytes):
            start = start.decode(errors="replace")
        return _shorten(_printable(self._without_secrets(start).strip()), most)

    def shown_error(self, error: BaseException) -> str:
        """Return the kind of an exception and its text, as they may be shown."""
        return self.shown(f"{type(error).__name__}: {error}", most=2 * _MOST_SHOWN)

    def _without_secrets(self, text: str) -> str:
        for secret in self._as_they_are:
            text = text.replace(secret, _HIDDEN)
        for secret in self._secrets:
            text = _cut_out(secret, text)
        if self._secrets and any(self._repeats_a_secret(form) for form in _other_forms(text)):
            return _WITHHELD
        return text

    def _repeats_a_secret(self, text: str) -> bool:
        compact = _compact(text).lower()
        return any(True for secret in self._secrets for _ in _pieces(secret, compact))


def _compact(text: str) -> str:
    return _PASSED_OVER.sub("", text)


def _cut_out(secret: str, text: str) -> str:
    places = [place for place, each in enumerate(text) if not _PASSED_OVER.match(each)]
    kept: list[str] = []
    end = 0
    for first, last in _pieces(secret, _compact(text).lower()):
        kept += [text[end : places[first]], _HIDDEN]
        end = places[last] + 1
    return "".join([*kept, text[end:]])


def _pieces(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Find where a piece of a secret is in a text: its first and its last place."""
    first = 0
    while (after := first + _SHORTEST_SECRET) <= len(text):
        if text[first:after] not in secret:
            first += 1
            continue
        while after < len(text) and text[first : after + 1] in secret:
            after += 1
        yield first, after - 1
        first = after


def _other_forms(text: str) -> Iterator[str]:
    """Return what a text may stand for."""
    for _ in range(_LAYERS):
        yield from _decoded_runs(_compact(text))
        before, text = text, unquote(html.unescape(_ESCAPE.sub(_unescaped, text)))
        if text == before:
            return
        yield text


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else ""


def _decoded_runs(text: str) -> Iterator[str]:
    for found in _HEX.finditer(text):
        for skipped in range(2):
            digits = found[0][skipped:]
            yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("latin-1")
    for found in _BASE64.finditer(text):
        run = found[0].translate(_STANDARD_BASE64)
        for skipped in range(_GROUP):
            symbols = run[skipped:]
            yield a2b_base64(symbols[: len(symbols) // _GROUP * _GROUP]).decode("latin-1")


_STANDARD_BASE64 = str.maketrans("-_", "+/")


def _printable(text: str) -> str:
    r"""Escape what can't be printed as Python does: ESC becomes `\x1b`, a mark for right-to-left `\u200f`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
