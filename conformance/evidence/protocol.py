"""How the wire is read: what an answer means, and what the backend made of a line or a completion.

The judge reads it for itself, and shares no code with the fake backend's `protocol`: a mistake in one of them shows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fake_backend.records import CompletionDecision, LineDecision

CONTENT_TYPE: Final = "application/x-ndjson"
COMPLETION_TYPE: Final = "_posthog/stream_complete"

OK: Final = 200
SUCCESS: Final = range(200, 300)
"""It succeeded, as far as the answer's `last_accepted_seq` says; without one it acknowledges nothing."""
REDIRECTS: Final = range(300, 400)
CONFLICT: Final = 409
"""The numbers don't follow the backend's last, which the answer says; or the run is complete."""
CONTENT_TOO_LARGE: Final = 413
REFUSALS: Final = frozenset({400, CONTENT_TOO_LARGE})
"""A line is refused, and what is behind it wasn't taken; that line will never be."""
FINAL: Final = frozenset({401, 403, 404, 410})
"""This sender may not write the run, or not any more; if it was the backend that said so, and no proxy."""
TRY_AGAIN: Final = frozenset({408, 429})
SERVER_ERRORS: Final = range(500, 600)
TRANSIENT: Final = TRY_AGAIN | {500, 502, 503, 504}
"""It may pass, and a sender has to try again: RTY-1 asks for that after these alone."""

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
TOO_LARGE: Final = "too-large"
"""The line is over the limit, and isn't read to its end."""
REFUSED: Final = "refused"
IGNORED: Final = "ignored"
"""A fault left it unread."""
PRESENT: Final[frozenset[LineDecision]] = frozenset({ACCEPTED, DUPLICATE})
"""The backend has a line of that number, this one or an earlier one."""
NEVER_TAKEN: Final[frozenset[LineDecision]] = frozenset({TOO_LARGE, REFUSED})
"""The line is well formed, and refused whenever it comes."""
REFUSED_BY_ITSELF: Final[frozenset[LineDecision]] = NEVER_TAKEN | {"invalid"}
"""The backend refused this line, whatever came before it."""

COMPLETED: Final = "completed"
MISMATCH: Final = "mismatch"
"""A completion at another number than the backend's last."""
COMPLETE: Final[frozenset[CompletionDecision]] = frozenset({COMPLETED, "already-complete"})
"""The run is complete at the number that was sent, by this completion or an earlier one."""


def read_last(body: str) -> int | None:
    """Return the `last_accepted_seq` of an answer's body, if it is there beyond doubt."""
    last = _read_object(body).get("last_accepted_seq")
    return last if isinstance(last, int) and not isinstance(last, bool) and last >= 0 else None


def is_backends_own_error(body: str) -> bool:
    """Whether an answer's body has the protocol's own form of an error: a JSON object with a string `error`."""
    return isinstance(_read_object(body).get("error"), str)


def _read_object(body: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
