"""The reference event sender: in order, none lost, none twice, and it never makes its caller wait.

Start with `EventStreamSender` and `SenderConfig`. What it guarantees, rule by rule, is on the page
"What a sender must guarantee" of the documentation; what travels, on the page "The wire protocol" of the documentation.
To read how it works, start at `core`, where it thinks.
"""

from reference.sender.config import SenderConfig
from reference.sender.errors import ConfigError, NotDeliveredError, SenderError, UnserializableError
from reference.sender.sender import EventStreamSender
from reference.sender.types import (
    AnotherWriter,
    DrainReport,
    DropReason,
    EventDropped,
    EventHeldUp,
    Health,
    HealthChanged,
    Notice,
    Outcome,
    PositionLost,
    SenderStats,
)

__all__ = [
    "AnotherWriter",
    "ConfigError",
    "DrainReport",
    "DropReason",
    "EventDropped",
    "EventHeldUp",
    "EventStreamSender",
    "Health",
    "HealthChanged",
    "NotDeliveredError",
    "Notice",
    "Outcome",
    "PositionLost",
    "SenderConfig",
    "SenderError",
    "SenderStats",
    "UnserializableError",
]
