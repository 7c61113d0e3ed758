"""Sizes the request window: how much fits, how long it stays open, and what failures change for the next ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference.sender.config import SenderConfig

_OPEN_WINDOWS_BROKEN = 2


class Window:
    """The window that is open, or was last."""

    def __init__(self, config: SenderConfig) -> None:
        self._config = config
        self.first = 1
        """The number of its first event."""
        self.count = 0
        self.bytes = 0
        self.until = 0.0
        """When it closes at the latest."""
        self.is_closed = True
        """Whether nothing more is given to it."""
        self.was_left_open = False
        """Whether it waited for events that were not there yet."""
        self.most_events = config.max_window_events
        """How many events it takes; less than configured while a culprit is searched for."""
        self.are_whole = False
        """Whether the windows of this run are closed before they are sent, and so have a length."""
        self._broken_open = 0

    def begin(self, first: int, now: float) -> None:
        """Open the next one.

        It stays open for `window_age`, and never longer than `request_timeout`: nothing confirms its events before it
        is closed, so this is also how long a connection that died in silence goes unnoticed.
        """
        self.first = first
        self.count = 0
        self.bytes = 0
        age = 0.0 if self.are_whole else min(self._config.window_age, self._config.request_timeout)
        self.until = now + age
        self.is_closed = False
        self.was_left_open = False

    @property
    def last(self) -> int:
        """The number of its last event so far."""
        return self.first - 1 + self.count

    @property
    def room(self) -> int:
        """The bytes that it still takes."""
        return self._config.max_window_bytes - self.bytes

    def add(self, count: int, size: int) -> None:
        """Take in that events were given to it."""
        self.count += count
        self.bytes += size
        self.is_closed = self.count == self.most_events

    def answered(self) -> None:
        """Take in that it had a clear answer."""
        if self.was_left_open:
            self._broken_open = 0

    def broke(self) -> None:
        """Take in that it ended without a clear answer. What cuts open windows again and again needs whole ones."""
        if self.was_left_open:
            self._broken_open += 1
            self.are_whole = self.are_whole or self._broken_open >= _OPEN_WINDOWS_BROKEN

    def settled_at(self, last: int) -> None:
        """Take in how far the backend got: who took nothing of a window that was left open may hold bodies back."""
        if self._broken_open and self.was_left_open and last < self.first:
            self.are_whole = True

    def single_out(self) -> None:
        """Send the next event alone."""
        self.most_events = 1

    def grow(self) -> None:
        """Let the windows grow again, up to the configured size (slow start)."""
        self.most_events = min(self.most_events * 2, self._config.max_window_events)
