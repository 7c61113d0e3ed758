"""WIRE: bugs in what goes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.conformance.mutants.plain_sender import PlainSender
from tests.conformance.mutants.registry import fails

if TYPE_CHECKING:
    from tests.conformance.mutants.plain_sender import Answer

_REDIRECTS = range(300, 400)


@fails("WIRE-1", "a line is not one JSON object of seq and event")
class PrintsPrettily(PlainSender):
    """Writes an event over several lines."""

    def line(self, seq: int, payload: bytes) -> bytes:
        return json.dumps({"seq": seq, "event": json.loads(payload)}, indent=1).encode()


@fails("WIRE-1", "a line is not one JSON object of seq and event")
class AddsAKey(PlainSender):
    """Writes a key of its own beside `seq` and `event`."""

    def line(self, seq: int, payload: bytes) -> bytes:
        return b'{"seq":%d,"at":0,"event":%b}' % (seq, payload)


@fails("WIRE-2", "(sync) says Authorization None, not 'Bearer the-token-of-the-suite'")
class AsksWithoutItsToken(PlainSender):
    """Forgets the token of a sync."""

    def headers(self, lines: list[bytes]) -> dict[str, str]:
        headers = super().headers(lines)
        if not lines:
            del headers["Authorization"]
        return headers


@fails("WIRE-2", "(completion) says Content-Type 'application/json'")
class CompletesAsJson(PlainSender):
    """Takes a completion for a JSON document."""

    def headers(self, lines: list[bytes]) -> dict[str, str]:
        headers = super().headers(lines)
        if lines == [self.completion(self.base)]:
            headers["Content-Type"] = "application/json"
        return headers


@fails("WIRE-3", "number 1 is followed by 1")
class NumbersWindows(PlainSender):
    """Gives one number to all events of a window."""

    def line(self, _seq: int, payload: bytes) -> bytes:
        return super().line(self.base + 1, payload)


@fails("WIRE-4", "an event arrived that was never enqueued in this form")
class SerializesLate(PlainSender):
    """Keeps the caller's object, and serializes it when it goes out."""

    def serialize(self, event: Any) -> bytes:
        payload = _Late(super().serialize(event))
        payload.event = event
        return payload

    def line(self, seq: int, payload: bytes) -> bytes:
        return super().line(seq, super().serialize(payload.event) if isinstance(payload, _Late) else payload)


class _Late(bytes):
    """An event as it was at `enqueue`, by which it is measured, and the caller's object."""

    event: Any


@fails("WIRE-4", "an event arrived that was never enqueued in this form")
class KnowsNoLargeIntegers(PlainSender):
    """Has floats for numbers, as JavaScript does."""

    def serialize(self, event: Any) -> bytes:
        return super().serialize(json.loads(super().serialize(event), parse_int=float))


@fails("WIRE-4", "an event arrived that was never enqueued in this form")
class LeavesOutNulls(PlainSender):
    """Takes a null for something that isn't there."""

    def serialize(self, event: Any) -> bytes:
        return super().serialize(_without_nulls(event))


@fails("WIRE-5", "a redirect was followed to")
class FollowsRedirectsWithItsToken(PlainSender):
    """Sends the same request to wherever a redirect points, token and all."""

    async def post(self, lines: list[bytes]) -> Answer:
        answer = await super().post(lines)
        if answer.status in _REDIRECTS and answer.location is not None:
            return await self.post_to(answer.location, lines)
        return answer


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value]
        case _:
            return value


@fails("WIRE-4", "never enqueued in this form")
class SerializesLargeEventsLate(PlainSender):
    """Serializes events over 32 KiB when they go out, so as not to hold its caller up."""

    def serialize(self, event: Any) -> bytes:
        payload = super().serialize(event)
        if len(payload) > 32_768:
            late = _Late(payload)
            late.event = event
            return late
        return payload

    def line(self, seq: int, payload: bytes) -> bytes:
        if isinstance(payload, _Late):
            payload = super().serialize(payload.event)
        return super().line(seq, payload)


@fails("WIRE-4", "never enqueued in this form")
class ReplacesHalfAPair(PlainSender):
    """Writes a question mark for what UTF-8 can't carry."""

    def serialize(self, event: Any) -> bytes:
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode(errors="replace")
