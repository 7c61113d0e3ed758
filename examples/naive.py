"""A sender as nearly everyone writes it: a list, a task, a loop that posts, and five attempts.

It works in every demo. To see what it does in production:

    sendproof check --sender examples.naive:create_sender
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson


class NaiveSender:
    """Collects events, and posts what has come together every 50 ms."""

    capabilities: frozenset[str] = frozenset()

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.events: list[Any] = []
        self.last_seq = 0
        self.stopping = False
        self.task = asyncio.create_task(self.post_batches())

    def enqueue(self, event: Any) -> str:
        """Take an event."""
        self.events.append(event)
        return "accepted"

    async def stop(self, *, complete: bool = True) -> None:
        """Send what is left, and complete the run."""
        self.stopping = True
        await self.task
        if complete:
            await self.post(orjson.dumps({"type": "_posthog/stream_complete", "final_seq": self.last_seq}))

    async def post_batches(self) -> None:
        """Post batch after batch, until stopped."""
        while self.events or not self.stopping:
            batch, self.events = self.events, []
            if batch:
                lines = [
                    orjson.dumps({"seq": seq, "event": event}) for seq, event in enumerate(batch, self.last_seq + 1)
                ]
                if await self.post(b"\n".join(lines)):
                    self.last_seq += len(batch)
            await asyncio.sleep(0.05)

    async def post(self, body: bytes) -> bool:
        """Post a body; try five times."""
        headers = {"Authorization": f"Bearer {self.settings.token}", "Content-Type": "application/x-ndjson"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for _ in range(5):
                try:
                    async with session.post(self.settings.url, data=body) as response:
                        if response.ok:
                            return True
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(self.settings.retry_delay)
        return False


def create_sender(settings: Any) -> NaiveSender:
    """Make a sender for the suite."""
    return NaiveSender(settings)
