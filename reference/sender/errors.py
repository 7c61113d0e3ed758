"""The errors of the sender: a small tree with one root."""

from __future__ import annotations


class SenderError(Exception):
    """The root of everything that the sender raises on purpose."""


class ConfigError(SenderError, ValueError):
    """A field of the configuration has a value that can't work.

    `field` names it, `value` is what it was (the token is never shown), `expected` says what would be right.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"{field}={value!r}: expected {expected}")


class UnserializableError(SenderError, ValueError):
    """An event is not a JSON object, or holds something that JSON can't carry; the message names what."""


class NotDeliveredError(SenderError):
    """What `flush` waited for will never be acknowledged: the run is closed to this sender, or it was stopped."""

    def __init__(self, undelivered: int, why: str) -> None:
        self.undelivered = undelivered
        self.why = why
        super().__init__(f"{undelivered} events are undelivered: {why}")
