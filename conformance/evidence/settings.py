"""The settings that a sender under test is given."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a factory is called with, once for each sender. Times are seconds, sizes are bytes.

    `url` is the run's whole ingest URL; `run_id` is the run's name in it, for senders that want to know. A sender
    that has no such setting ignores it, and fails the rules that ask for it. `window_age` is how long a request may
    stay open for more events: 0 means that it closes as soon as the buffer is drained. `flush_delay` is how long an
    idle sender may wait for company before it sends. `settle_delay` is how far apart two answers about where the
    backend stands have to be, and agree, before a sender goes by them after a window whose outcome it doesn't know.
    """

    url: str
    token: str
    run_id: str
    max_buffered_events: int = 1_000
    max_buffered_bytes: int = 1_000_000
    max_window_events: int = 50
    max_window_bytes: int = 100_000
    max_event_bytes: int = 10_000
    window_age: float = 0.0
    flush_delay: float = 0.0
    retry_delay: float = 0.2
    max_retry_delay: float = 5.0
    request_timeout: float = 2.0
    settle_delay: float = 0.1
    stop_timeout: float = 30.0

    def scaled(self, factor: float) -> "Settings":
        """The same with all times multiplied, for a world in which time costs time."""
        return msgspec.structs.replace(self, **{name: getattr(self, name) * factor for name in TIMES})


TIMES = (
    *("window_age", "flush_delay", "retry_delay", "max_retry_delay", "request_timeout", "settle_delay"),
    "stop_timeout",
)
