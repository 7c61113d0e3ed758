"""A core in the hands of a test: what the shell would do, step by step, with the time in the test's hands."""

from __future__ import annotations

import json
from typing import Any, assert_never

from reference.sender import (
    AnotherWriter,
    DropReason,
    EventDropped,
    EventHeldUp,
    HealthChanged,
    Outcome,
    PositionLost,
    SenderConfig,
)
from reference.sender.core import SenderCore
from reference.sender.types import Answered, AskPosition, AttemptFailed, CompleteRun, Finish, OpenWindow, Wait

URL = "http://backend.example/v1/runs/r/ingest"
TOKEN = "a-secret-that-nobody-may-see"


def settings(**changes: Any) -> SenderConfig:
    """A configuration, with changes."""
    return SenderConfig(**{"url": URL, "token": TOKEN, **changes})


def payload(size: int) -> bytes:
    """A serialized event of so many bytes."""
    frame = len(b'{"p":""}')
    return b'{"p":"%b"}' % (b"x" * (size - frame))


class Driver:
    """A core, the time, and the count of the events that were enqueued, which are `{"n": 0}`, `{"n": 1}` and so on."""

    def __init__(self, **changes: Any) -> None:
        self.now = 100.0
        self.draw = 0.5
        self.count = 0
        self.core = SenderCore(settings(**changes), draw=lambda: self.draw)
        self.drops: list[EventDropped] = []
        self.health: list[HealthChanged] = []
        self.others: list[EventHeldUp | AnotherWriter | PositionLost] = []

    def enqueue(self, count: int = 1) -> None:
        """Enqueue the next events; each must be accepted."""
        for _ in range(count):
            assert self.core.enqueue(b'{"n":%d}' % self.count) is Outcome.ACCEPTED
            self.count += 1

    def enqueue_raw(self, event: bytes) -> Outcome:
        """Enqueue an event of the test's own, and count a refusal as the shell does."""
        outcome = self.core.enqueue(event)
        if outcome is not Outcome.ACCEPTED:
            self.core.count_refusal(DropReason(outcome))
        return outcome

    # Attempts.

    def ask(self) -> None:
        """The core asks for the position now."""
        assert self.core.next_command(self.now) == AskPosition()

    def sync(self, last: int) -> None:
        """The core asks for the position now, and is told it."""
        self.ask()
        self.answer(200, last)

    def settle(self, last: int) -> None:
        """The core asks for the position until it stands still, and is told the same each time."""
        self.sync(last)
        if self.core.asked_position is None:
            self.wait()
            self.sync(last)

    def window(self) -> list[tuple[int, Any]]:
        """The core opens a window now; gives the numbers and what `n` is in their events, as far as it has them."""
        assert self.core.next_command(self.now) == OpenWindow()
        return self.more_of_window()

    def more_of_window(self) -> list[tuple[int, Any]]:
        """What the open window gives now."""
        lines: list[bytes] = []
        while isinstance(block := self.core.fill(self.now), bytes):
            lines += block.splitlines()
        parsed = [json.loads(line) for line in lines]
        return [(line["seq"], line["event"].get("n")) for line in parsed]

    def numbers(self) -> list[int]:
        """The numbers of the window that the core opens now."""
        return [seq for seq, _ in self.window()]

    def complete(self) -> int:
        """The core completes the run now; gives the final number."""
        command = self.core.next_command(self.now)
        assert isinstance(command, CompleteRun)
        return command.final_seq

    # What comes of them.

    def answer(
        self,
        status: int,
        last: int | None = None,
        *,
        retry_after: float | None = None,
        accepted: int | None = None,
        of_a_proxy: bool = False,
    ) -> None:
        """The attempt is answered, by the backend unless a proxy is said."""
        detail = "" if status == 200 else f"answer {status}"
        answered = Answered(
            status=status,
            last_accepted_seq=last,
            accepted=accepted,
            is_backends_own=not of_a_proxy,
            retry_after=retry_after,
            detail=detail,
        )
        self.core.handle(answered, self.now)
        self.listen()

    def break_off(self, detail: str = "reset") -> None:
        """The attempt ends, and nobody knows how."""
        self.core.handle(AttemptFailed(detail=detail), self.now)
        self.listen()

    def listen(self) -> None:
        """Take the notices."""
        for notice in self.core.take_notices():
            match notice:
                case EventDropped():
                    self.drops.append(notice)
                case HealthChanged():
                    self.health.append(notice)
                case EventHeldUp() | AnotherWriter() | PositionLost():
                    self.others.append(notice)
                case other:
                    assert_never(other)

    # Time.

    def waiting_until(self) -> float:
        """The core waits now; gives the time until when."""
        command = self.core.next_command(self.now)
        assert isinstance(command, Wait)
        return command.until

    def wait(self) -> float:
        """The core waits, and the time passes; gives how long it took."""
        until = self.waiting_until()
        took, self.now = until - self.now, until
        return took

    def is_over(self) -> bool:
        """Whether the core has finished."""
        return self.core.next_command(self.now) == Finish()

    def started(self, last: int = 0, events: int = 1) -> Driver:
        """With events enqueued, and the position asked for; gives itself."""
        self.enqueue(events)
        self.sync(last)
        return self


def refuse(core: Driver, status: int, last: int) -> None:
    """The window is refused as a backend does it, and if its answer doesn't say so, the sync tells the position."""
    core.answer(status, last if status == 413 else None)
    core.wait()
    if status == 400:
        core.sync(last)
