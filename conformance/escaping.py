"""Escapes text so that it can be printed: in HTML, in XML, in a terminal, and in UTF-8 to begin with."""

from __future__ import annotations

import re
import unicodedata

_MOST = 400
_CLASSES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SUSPECT = re.compile(r"[^ -~]")


def printable(text: str, most: int = _MOST) -> str:
    r"""Return the text with what can't be seen, or can't be written, escaped as in JSON, and cut to `most` characters.

    Escaped are control characters, which XML forbids; halves of surrogate pairs, which UTF-8 can't carry; what
    changes the direction of text; and what Unicode has not assigned. `a\x00b` becomes `a\\u0000b`.
    """
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return _SUSPECT.sub(_visible, cut)


def _visible(found: re.Match[str]) -> str:
    character = found.group()
    if unicodedata.category(character) not in _CLASSES:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits hold
