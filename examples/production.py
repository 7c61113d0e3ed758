"""The reference sender in a program: `python examples/production.py URL`."""

import asyncio
import sys

from reference.sender import EventStreamSender, SenderConfig


async def main(url: str) -> None:
    """Do some work, and stream what happens."""
    config = SenderConfig(url=url, token="my-token")
    sender = EventStreamSender(config, on_notice=print)
    for turn in range(1, 4):
        sender.enqueue({"type": "turn.started", "turn": turn})  # returns at once, whatever the backend does
        await asyncio.sleep(0.01)  # your work
    print(await sender.stop())  # drains, completes the run, and says what became of everything


if __name__ == "__main__":
    if len(sys.argv) <= 1:
        sys.exit("usage: python examples/production.py URL (the run's ingest URL)")
    asyncio.run(main(sys.argv[1]))
