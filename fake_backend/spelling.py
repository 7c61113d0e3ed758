"""Suggests what may have been meant by a name that isn't known."""

import difflib
from collections.abc import Iterable


def did_you_mean(wrong: str, known: Iterable[str], *, n: int = 1, cutoff: float = 0.6) -> str:
    """Return a hint to put behind a message, with a space before it; empty if no name is near.

    Args:
        wrong: The name that was given.
        known: Those there are.
        n: How many to name at the most.
        cutoff: How near a name must be, as `difflib.get_close_matches` counts it, from 0 to 1.
    """
    near = difflib.get_close_matches(wrong, list(known), n=n, cutoff=cutoff)
    return f" (did you mean {', '.join(near)}?)" if near else ""
