"""Suggests what may have been meant by a name that isn't known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def did_you_mean(wrong: str, known: Collection[str], *, cutoff: float = 0.6) -> str:
    """Return a hint to put behind a message, with a space before it; empty if none of `known` is near `wrong`."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=cutoff)
    return f" (did you mean {near[0]}?)" if near else ""
