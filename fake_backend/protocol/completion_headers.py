"""The older form of completion: an empty body and two headers.

Backends of today know it no more: to them such a request is a sync, and so it is here, unless it is switched on
(`FakeBackend(legacy_completion=True)`).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

COMPLETE_HEADER: Final = "X-PostHog-Event-Stream-Complete"
FINAL_SEQ_HEADER: Final = "X-PostHog-Event-Stream-Final-Seq"


class CompletionHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers ask for. `problem` is the text of a 400, and then `final_seq` is None."""

    final_seq: int | None = None
    problem: str | None = None


def read_completion_headers(headers: Mapping[str, str]) -> CompletionHeaders | None:
    """Read the completion that the headers of a request ask for, or None where they ask for none."""
    if headers.get(COMPLETE_HEADER) != "true":  # nothing else asks for completion
        return None
    said = headers.get(FINAL_SEQ_HEADER)
    if said is None:
        return CompletionHeaders(problem=f"Completion request must include {FINAL_SEQ_HEADER}")
    digits = said.strip()
    try:
        # int() alone would also take "+5", "1_0" and the digits of other scripts.
        final_seq = int(digits) if digits.isascii() and digits.isdigit() else None
    except ValueError:  # more digits than Python turns into a number
        final_seq = None
    if final_seq is None:
        return CompletionHeaders(problem="Completion final sequence must be a non-negative integer")
    return CompletionHeaders(final_seq=final_seq)
