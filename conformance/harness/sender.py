"""A sender under test, as a scenario sees it: in this process, or behind an adapter."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.evidence.history import Report
    from conformance.evidence.settings import Settings

_UNCHANGING = frozenset({str, int, float, bool, type(None)})


class Calls(Protocol):
    """Where a sender under test writes down the calls of `enqueue`, each when it is made and when it has returned."""

    def called(self, event: dict[str, Any] | None, unserializable: str | None = None) -> int:
        """Write down a call, with the event as it is now, or what it is that JSON can't carry; gives its place."""
        ...

    def returned(self, place: int, outcome: str, blocked_for: float = 0.0) -> str:
        """Write down the outcome of the call at a place, and the real seconds that it blocked; gives the outcome."""
        ...


class SenderUnderTest(Protocol):
    """What a scenario needs of a sender, wherever that one is."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What the sender claims."""
        ...

    async def enqueue(self, events: Sequence[dict[str, Any]], calls: Calls) -> list[str]:
        """Enqueue events without a pause between them; gives the outcomes.

        Raises:
            AdapterError: The sender broke the contract of a factory, or its adapter the protocol.
        """
        ...

    async def enqueue_unserializable(self, event: Any, what: str, calls: Calls) -> str:
        """Enqueue something that JSON can't carry, in words `what`, or whatever is such in the sender's language."""
        ...

    async def stop(self, *, complete: bool) -> Report | None:
        """Stop it; gives its report."""
        ...


class SenderMaker(Protocol):
    """Makes the senders of a scenario."""

    async def __call__(self, settings: Settings) -> SenderUnderTest:
        """Make a sender.

        Raises:
            AdapterError: None came of it, or what is none.
        """
        ...


def snapshot(event: Any) -> Any:
    """The event as it is now, however it is changed later."""
    # What JSON is made of goes over three times faster than by `deepcopy`, and a search does little else as often.
    kind = type(event)
    if kind is dict:
        return {key: each if type(each) in _UNCHANGING else snapshot(each) for key, each in event.items()}
    if kind is list:
        return [snapshot(value) for value in event]
    return event if kind in _UNCHANGING else copy.deepcopy(event)
