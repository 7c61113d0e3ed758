"""The messages of a shipment under way: the first of each kind as they are, then their number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reference.sender import Health
from reference.sender.foreign_text import ForeignText

if TYPE_CHECKING:
    from reference.sender import HealthChanged
    from sendproof.progress import ShippingProgress

_MOST = 20
_EXCERPT = 60
_LONG_WAIT = 5.0
_STYLES = {Health.HEALTHY: "green", Health.RETRYING: "yellow", Health.FAILED: "bold red"}


class Messages:
    """Shows what happens.

    Args:
        progress: Where it is shown.
    """

    def __init__(self, progress: ShippingProgress) -> None:
        self._progress = progress
        self._complaints = 0
        self._health_changes = 0

    def complain(self, message: str, *, line: int | None = None) -> None:
        """Show what is wrong, with the number of the line that it is about."""
        self._complaints += 1
        if self._complaints <= _MOST:
            self._progress.say(message if line is None else f"line {line:,}: {message}", style="yellow")

    def show_health(self, notice: HealthChanged) -> None:
        """Show how delivery goes; that it has ended is shown in any case."""
        self._health_changes += 1
        if self._health_changes <= _MOST or notice.health is Health.FAILED:
            is_long = notice.retry_in is not None and notice.retry_in > _LONG_WAIT
            wait = f"; the next attempt is in {notice.retry_in:,.0f} s" if is_long else ""
            self._progress.say(f"{notice.health}: {notice.detail}{wait}", style=_STYLES[notice.health])

    def announce(self, message: str) -> None:
        """Show what comes next."""
        self._progress.say(message, style="bold")

    def end(self) -> None:
        """Show how much was left out."""
        if self._complaints > _MOST:
            self._progress.say(f"… and {self._complaints - _MOST:,} more like these")
        if self._health_changes > _MOST:
            self._progress.say(f"… and {self._health_changes - _MOST:,} more changes of health")


def excerpt(event: Any) -> str:
    """Return the beginning of an event, as a line that can be printed."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return ForeignText(()).shown(text, most=_EXCERPT)
