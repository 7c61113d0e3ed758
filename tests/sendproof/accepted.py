"""What a test waits for at a backend that runs in another thread."""

import threading

from fake_backend import BackendRecord
from fake_backend.records import LineReceived


class Accepted:
    """Waits until so many events were accepted, in whatever thread that happens."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self, record: BackendRecord) -> None:
        """Take note of what happens at the backend."""
        if isinstance(record, LineReceived) and record.decision == "accepted":
            with self._changed:
                self._count += 1
                self._changed.notify_all()

    def wait(self, count: int) -> None:
        """Wait for it; fail if it takes unreasonably long."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= count, 20)
