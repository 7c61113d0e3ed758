"""The reference event sender: in order, none lost, none twice, and it never makes its caller wait.

Start with `EventStreamSender` and `SenderConfig`. What it guarantees, rule by rule, is in `docs/guarantees.md`; what
travels, in `docs/protocol.md`. To read how it works, start at `core`, where it thinks.
"""

from reference.sender.config import CompletionForm, SenderConfig
from reference.sender.errors import ConfigError, NotDeliveredError, SenderError, UnserializableError
from reference.sender.messages import (
    DrainReport,
    DropReason,
    EventDropped,
    Health,
    HealthChanged,
    Notice,
    Outcome,
    SenderStats,
)
from reference.sender.stream import EventStreamSender

__all__ = [
    "CompletionForm",
    "ConfigError",
    "DrainReport",
    "DropReason",
    "EventDropped",
    "EventStreamSender",
    "Health",
    "HealthChanged",
    "NotDeliveredError",
    "Notice",
    "Outcome",
    "SenderConfig",
    "SenderError",
    "SenderStats",
    "UnserializableError",
]
