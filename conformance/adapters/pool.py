"""A pool of adapters for many scenarios: a few at a time, each used again for as long as it is as good as new."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.adapters.remote import Adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.adapters.channel import Channel
    from conformance.adapters.remote import RemoteSender
    from conformance.evidence.settings import Settings


class AdapterPool:
    """Lends adapters, one to each scenario that is being performed, and starts them when there is none at rest.

    One that failed, or with a sender that was not stopped, is ended when it is given back.

    Args:
        start: Starts an adapter, and returns the line to it.
        at_a_time: How many there may be.
    """

    def __init__(self, start: Callable[[], Channel], *, at_a_time: int) -> None:
        self._start = start
        self.at_a_time = at_a_time
        self._at_rest: list[Adapter] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self) -> Iterator[Lent]:
        """Lend an adapter, and take it back."""
        with self._lock:
            adapter = self._at_rest.pop() if self._at_rest else None
        lent = Lent(adapter, self._start)
        try:
            yield lent
        finally:
            if lent.adapter is not None and lent.adapter.is_fresh:
                with self._lock:
                    self._at_rest.append(lent.adapter)
            elif lent.adapter is not None:
                asyncio.run(lent.adapter.exit())

    def close(self) -> None:
        """End those at rest."""
        with self._lock:
            adapters, self._at_rest = self._at_rest, []
        for adapter in adapters:
            asyncio.run(adapter.exit())


class Lent:
    """An adapter for one scenario; started when its first sender is asked for. It is a factory of senders."""

    def __init__(self, adapter: Adapter | None, start: Callable[[], Channel]) -> None:
        self.adapter = adapter
        self._start = start

    async def __call__(self, settings: Settings) -> RemoteSender:
        """Make a sender."""
        return await (await self.introduced()).open(settings)

    def complaints(self) -> tuple[str, ...]:
        """Return the last lines that it wrote to its standard error since the previous call."""
        return () if self.adapter is None else self.adapter.complaints()

    async def introduced(self) -> Adapter:
        """Return the adapter, once it has introduced itself.

        Raises:
            AdapterError: It can't be started, or has not answered as was agreed.
        """
        if self.adapter is None:
            self.adapter = Adapter(self._start())
            await self.adapter.introduce()
        return self.adapter
