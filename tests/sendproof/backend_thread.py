"""A fake backend in a thread of its own, for a command that has the main thread, and for one in another process."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fake_backend import BackendRecord, FakeBackend, FaultRule, Limits, RunView

TOKEN = "good"


class BackendThread:
    """What a test sees of it. The state is read after the command has ended."""

    def __init__(self, backend: FakeBackend) -> None:
        self._backend = backend
        self.url = backend.ingest_url("run")

    def clear_faults(self) -> None:
        """Take all faults away, while nothing is being sent."""
        self._backend.clear_faults()

    @property
    def run(self) -> RunView:
        """The run that `url` leads to."""
        return self._backend.run("run")

    @property
    def records(self) -> Sequence[BackendRecord]:
        """All that happened there."""
        return self._backend.history

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was accepted, in order."""
        return list(self.run.events)


@contextmanager
def backend_thread(
    *faults: FaultRule, limits: Limits | None = None, on_record: Callable[[BackendRecord], object] | None = None
) -> Iterator[BackendThread]:
    """Run a backend which takes `TOKEN`; `on_record` is called in its thread."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    made: list[BackendThread] = []

    async def serve() -> None:
        async with FakeBackend(faults=faults, tokens={TOKEN: None}, limits=limits, on_record=on_record) as backend:
            made.append(BackendThread(backend))
            ready.set()
            await ended.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="backend")
    thread.start()
    try:
        assert ready.wait(10)
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
