"""Correct senders that take what the guarantees leave open: they are slow, or write in their own way, and are legal."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.conformance.mutants.plain_sender import PlainSender


class JittersByATenth(PlainSender):
    """Waits for nearly as long as it may, each time: its jitter takes a tenth away at the most."""

    def delay(self) -> float:
        grown = self.settings.retry_delay * 2.0 ** min(self.failures - 1, 30)
        return min(grown, self.settings.max_retry_delay) * random.uniform(0.9, 1.0)  # noqa: S311 - jitter


class JittersByHowItGrows(PlainSender):
    """Waits for anything from the first delay to all that it has grown to."""

    def delay(self) -> float:
        grown = self.settings.retry_delay * 2.0 ** min(self.failures - 1, 30)
        return random.uniform(self.settings.retry_delay, min(grown, self.settings.max_retry_delay))  # noqa: S311 - jitter


class WritesInItsOwnWay(PlainSender):
    """Writes ASCII alone, with spaces, and a newline behind the last line too."""

    def headers(self, lines: list[bytes]) -> dict[str, str]:
        return {**super().headers(lines), "Content-Type": "application/x-ndjson; charset=utf-8"}

    def serialize(self, event: Any) -> bytes:
        return json.dumps(event, separators=(",", ": "), allow_nan=False).encode()

    def line(self, seq: int, payload: bytes) -> bytes:
        return b'{"seq": %d, "event": %b}' % (seq, payload)

    async def post_to(self, url: str, lines: list[bytes]) -> Any:
        return await super().post_to(url, [*lines, b""] if lines else lines)


LEGAL = (JittersByATenth, JittersByHowItGrows, WritesInItsOwnWay)
