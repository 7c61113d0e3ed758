"""What 20,000 buffered events take of memory, beside their bytes of JSON.

It is what `tracemalloc` traces between a new sender and the same one with a full buffer: every block that Python's
allocator gave away meanwhile, and is still in use. It is exact and the same in each run; what the allocator itself
rounds up (16 bytes at the most a block) is not in it.
"""

from __future__ import annotations

import gc
import tracemalloc

from benchmarks.events import EVENT_BYTES, events
from benchmarks.figures import Figure, Goal
from reference.sender import EventStreamSender, SenderConfig

_EVENTS = 20_000


def memory(_rounds: int) -> Figure:
    """Measure a sender with a full buffer. It runs in no event loop, so it holds all that it is given."""
    sender = EventStreamSender(SenderConfig(url="http://127.0.0.1:9/runs/1", token="benchmark"))
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for event in events(_EVENTS):
        sender.enqueue(event)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sender.stats().undelivered == _EVENTS
    held, payload = (after - before) / 1e6, _EVENTS * EVENT_BYTES / 1e6
    return Figure(
        what=f"memory of {_EVENTS:,} buffered events",
        beside="their bytes of JSON",
        unit="MB",
        measured=held,
        yardstick=payload,
        ratio=held / payload,
        goal=Goal(at_most=2),
        samples={"held": [held]},
    )
