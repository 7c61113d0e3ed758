"""Maps the status of an answer to what it means to a sender.

See the page "The wire protocol" of the documentation, "Answers".
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from reference.sender.position import Doubt

if TYPE_CHECKING:
    from reference.sender.types import Answered

_SUCCESS = range(200, 300)
_CONFLICT = 409
_FINAL = frozenset({401, 403, 404, 410})
_REFUSED = frozenset({400, 413})
_SERVER_ERRORS = range(500, 600)
_WANTS_A_LENGTH = frozenset({411, 501})
_GAVE_UP_ON_BODY = 408


class Meaning(Enum):
    """What an answer is, as far as its status and its form tell."""

    SUCCESS = auto()
    """A 2xx that says how far the backend got."""
    CONFLICT = auto()
    """A 409 that says how far the backend got."""
    FINAL = auto()
    """401, 403, 404 and 410."""
    REFUSED = auto()
    """400 and 413: something in the request will not be taken as it is."""
    ERROR = auto()
    """Any 5xx."""
    FAILURE = auto()
    """Everything else: it may pass (RTY-1)."""


def meaning_of(answer: Answered) -> Meaning:
    """Return what an answer means."""
    says_how_far = answer.last_accepted_seq is not None
    if answer.status in _SUCCESS and says_how_far:
        return Meaning.SUCCESS
    if answer.status == _CONFLICT and says_how_far:
        return Meaning.CONFLICT
    if answer.status in _FINAL:
        return Meaning.FINAL
    if answer.status in _REFUSED:
        return Meaning.REFUSED
    return Meaning.ERROR if answer.status in _SERVER_ERRORS else Meaning.FAILURE


def wants_a_length(answer: Answered) -> bool:
    """Return whether the peer takes no body without a length."""
    return answer.status in _WANTS_A_LENGTH


def gave_up_on_body(answer: Answered) -> bool:
    """Return whether the peer waited for the body for too long."""
    return answer.status == _GAVE_UP_ON_BODY


def doubt_after(answer: Answered) -> Doubt:
    """Return what a window leaves open that was answered so, and not taken.

    A backend that answers is done with the window. Behind a proxy that answers in its place it may be under way. The
    backend's own 5xx leaves nothing to ask: it may have taken the lines and want to see them once more, for what it
    still has to do for them, so the same lines go out again under their numbers.
    """
    is_backends_own = answer.is_backends_own or answer.last_accepted_seq is not None
    if not is_backends_own:
        return Doubt.SETTLE
    return Doubt.NONE if answer.is_backends_own and answer.status in _SERVER_ERRORS else Doubt.ASK
