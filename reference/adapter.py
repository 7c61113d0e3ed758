"""Plugs the reference sender into the conformance suite: `sendproof check --sender reference.adapter:create_sender`.

Also an example of such an adapter. It knows the suite's contract, and none of its code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.sender import EventStreamSender, SenderConfig

if TYPE_CHECKING:
    from reference.sender import DrainReport

# The suite's settings that this sender has by the same names: all but the run's name, which is in the URL.
_SETTINGS = (
    *("url", "token", "max_buffered_events", "max_buffered_bytes", "max_window_events", "max_window_bytes"),
    *("max_event_bytes", "window_age", "flush_delay", "retry_delay", "max_retry_delay", "request_timeout"),
    *("settle_delay", "stop_timeout"),
)


class PluggedReferenceSender:
    """The reference sender behind the three names that the suite knows."""

    capabilities = frozenset({"drain-report", "handoff"})

    def __init__(self, config: SenderConfig) -> None:
        self._sender = EventStreamSender(config)

    def enqueue(self, event: Any) -> str:
        """Enqueue an event; gives the outcome as a word."""
        return self._sender.enqueue(event)

    async def stop(self, *, complete: bool = True) -> DrainReport:
        """Stop within the configured deadline."""
        return await self._sender.stop(complete=complete)


def create_sender(settings: Any) -> PluggedReferenceSender:
    """Make a sender for one run of a scenario. `settings` has the names of `SenderConfig` as attributes."""
    return PluggedReferenceSender(SenderConfig(**{name: getattr(settings, name) for name in _SETTINGS}))
