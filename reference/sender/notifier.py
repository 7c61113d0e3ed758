"""How notices reach the caller: by a callback, which can't hurt the sender, and by the log."""

from __future__ import annotations

import inspect
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from reference.sender.errors import ConfigError
from reference.sender.types import (
    AnotherWriter,
    DropReason,
    EventDropped,
    EventHeldUp,
    Health,
    HealthChanged,
    PositionLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.sender.config import SenderConfig
    from reference.sender.types import Notice

_log = logging.getLogger("sendproof.sender")


class Notifier:
    """Tells the caller what happens.

    Raises:
        ConfigError: The callback can't be called, or is a coroutine function, which nobody would await.
    """

    def __init__(self, config: SenderConfig, callback: Callable[[Notice], None] | None) -> None:
        _check_callback(callback)
        self._config = config
        self._callback = callback
        self._is_telling = False

    def tell(self, notice: Notice) -> None:
        """Log a notice of the core and call back with it; its event is as the core holds it, serialized."""
        url = self._config.url
        match notice:
            case EventDropped(event=payload):
                notice = replace(notice, event=_read_back(payload))
            case EventHeldUp(event=payload):
                _log.warning("%s: %s; %d events wait behind it", url, notice.detail, notice.behind)
                notice = replace(notice, event=_read_back(payload))
            case HealthChanged():
                level = logging.INFO if notice.health is Health.HEALTHY else logging.WARNING
                wait = "" if notice.retry_in is None else f"; the next attempt is in {notice.retry_in:.3g} s"
                _log.log(level, "%s: %s (%s)%s", url, notice.health, notice.detail, wait)
            case AnotherWriter():
                text = "%s: another writer is on this run: %s (%d contested so far)"
                _log.warning(text, url, notice.detail, notice.contested)
            case PositionLost():
                _log.warning("%s: %s", url, notice.detail)
            case other:
                assert_never(other)
        self._call_back(notice)

    def tell_refusal(self, reason: DropReason, event: Any, detail: str | None) -> None:
        """Call back with an event that `enqueue` refused. It isn't logged: the caller has the outcome in hand."""
        if self._callback is not None:
            self._call_back(EventDropped(reason=reason, detail=detail or self._why_refused(reason), event=event))

    def _why_refused(self, reason: DropReason) -> str:
        match reason:
            case DropReason.FULL:
                held = f"max_buffered_events={self._config.max_buffered_events}"
                return f"the buffer is full: {held}, max_buffered_bytes={self._config.max_buffered_bytes}"
            case DropReason.OVERSIZED:
                return f"its line is larger than max_event_bytes={self._config.max_event_bytes}"
            case _:
                return "the sender takes no more events: it was stopped, or the run is closed to it"

    def _call_back(self, notice: Notice) -> None:
        # A callback that enqueues while the buffer is full would otherwise be called by itself, without an end.
        if self._callback is None or self._is_telling:
            return
        self._is_telling = True
        try:
            returned: object = self._callback(notice)
            if inspect.iscoroutine(returned):
                returned.close()
                _log.error("on_notice returned a coroutine, which nobody awaits; it must be an ordinary function")
        except Exception:  # noqa: BLE001 - the caller's callback must not end the sender
            _log.exception("on_notice raised")
        finally:
            self._is_telling = False


def _check_callback(callback: object) -> None:
    if callback is None:
        return
    expected = "an ordinary function that takes a Notice, or None"
    if not callable(callback):
        raise ConfigError("on_notice", callback, expected)
    if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(type(callback).__call__):
        raise ConfigError("on_notice", callback, f"{expected}: nobody would await a coroutine")


def _read_back(payload: bytes) -> object:
    """Return an event as its sender knew it, or as text where it is too deep or too long to be read."""
    try:
        # Not by orjson, which can't read all that it may be given to write.
        return json.loads(payload)
    except (RecursionError, ValueError):
        return payload.decode()
