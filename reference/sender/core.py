"""Where a sender thinks: every rule about order, numbers, retry and drain, without I/O, clock or randomness.

The theory. A run has one writer, and the backend keeps one number for it: the last it accepted. So the sender keeps
one number too, the last that the backend confirmed, and its events in order behind it; see `buffer`. Attempts go out
one at a time. An answer that says how far the backend got settles that many events.

After anything but a clear answer the sender is in *doubt* about `acked`, and asks before it sends events again.

The shell calls `next_command`, performs it, and tells what came of it by `handle`. Time is an argument, in seconds on
any clock that doesn't step; chance is a function that draws evenly from [0, 1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reference.sender.buffer import NumberedBuffer
from reference.sender.messages import (
    Answered,
    AskPosition,
    AttemptFailed,
    CompleteRun,
    DrainReport,
    DropReason,
    Finish,
    Health,
    OpenWindow,
    SenderStats,
    Wait,
)
from reference.sender.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.sender.config import SenderConfig
    from reference.sender.messages import Attempt, Command

BLOCK_BYTES = 256 * 1024
"""How much `fill` gives at once: enough to be cheap, little enough that what is exposed was nearly sent."""

_SUCCESS = range(200, 300)
_REFUSED = frozenset({400, 413})
_FINAL = frozenset({401, 403, 404, 410})
_CONFLICT = 409


class SenderCore:
    """The state of one sender, for one run.

    Of the configuration it reads limits and times alone. `draw` gives numbers drawn evenly from [0, 1).
    """

    def __init__(self, config: SenderConfig, *, draw: Callable[[], float]) -> None:
        self._config = config
        self._draw = draw

        self._buffer = NumberedBuffer(config)
        self.enqueue = self._buffer.append
        self.credit = self._buffer.credit
        self.credit_bytes = self._buffer.credit_bytes
        self.take_on_credit = self._buffer.take_on_credit
        self._in_doubt = True  # nobody has asked yet
        self._position_known = False

        # The attempt in flight.
        self._attempt: Attempt | None = None
        self._window_start = 1
        self._exposed_before = 0
        self._window_count = 0
        self._window_bytes = 0
        self._window_until = 0.0
        self._window_closed = True

        # Retry.
        self._failures = 0
        self._not_before = -math.inf
        self._conflicts = 0
        self._window_cap = config.max_window_events
        self._refusal: str | None = None  # of the last window, until it is known how far the backend got
        self._refusals_of_head = 0
        self._last_trouble = ""

        # Draining and the end.
        self._linger_since: float | None = None
        self._hurry_to = 0
        self._draining = False
        self._completion_wanted = False
        self._completed = False
        self._finished = False
        self._why: str | None = None

        self._tally = Tally()
        self.count_refusal = self._tally.count_refusal
        self.take_notices = self._tally.take_notices

    # What the caller does.

    @property
    def closed(self) -> bool:
        """Whether `enqueue` takes no more events."""
        return self._buffer.is_closed

    def has_room_for(self, size: int) -> bool:
        """Whether an event of so many serialised bytes would not be refused as `FULL` now."""
        return self._buffer.has_room_for(size)

    def flush(self) -> int:
        """Hurry until all that is buffered now is settled; gives the value of `settled` to wait for."""
        self._hurry_to = self._buffer.accepted
        return self._hurry_to

    def stop(self, *, complete: bool) -> None:
        """Refuse further events, deliver what is buffered, then complete the run if asked."""
        self._draining = True
        self._completion_wanted = complete
        self._buffer.close()

    def give_up(self, why: str) -> None:
        """End here: nothing more is sent, and what is undelivered is reported so."""
        if not self._finished:
            self._finish(f"{why}; the last trouble was: {self._last_trouble}" if self._last_trouble else why)

    # What the shell asks.

    def next_command(self, now: float) -> Command:
        """What to do now."""
        completing = self._completion_wanted and not self._completed
        if self._draining and not self._buffer and not completing:
            self._finish(None)
        if self._finished:
            return Finish()
        if not self._buffer and not completing:
            return Wait(until=math.inf, until_buffered=1)
        if now < self._not_before:
            return Wait(until=self._not_before, until_buffered=self._never_buffered)
        if self._in_doubt:
            return self._begin(AskPosition())
        if self._buffer:
            return self._linger(now) or self._begin_window(now)
        return self._begin(CompleteRun(final_seq=self._buffer.acked))

    def fill(self, now: float) -> bytes | Wait | None:
        """The next lines of the open window; or to wait for more events; or None when the window is over.

        Each call exposes what it gives, so only what was handed out can be acknowledged.
        """
        if self._window_closed:
            return None
        lines = self._buffer.lines(
            self._window_count,
            self._window_cap - self._window_count,
            room=self._config.max_window_bytes - self._window_bytes,
            block=BLOCK_BYTES,
        )
        if lines:
            block = b"".join(lines)
            self._window_count += len(lines)
            self._window_bytes += len(block)
            self._window_closed = self._window_count == self._window_cap
            return block
        is_full = self._window_count == self._window_cap or self._window_count < len(self._buffer)
        if is_full or self._hurrying or now >= self._window_until:
            self._window_closed = True
            return None
        return Wait(until=self._window_until, until_buffered=self._window_count + 1)

    @property
    def window_is_closed(self) -> bool:
        """Whether `fill` will give nothing more to the window."""
        return self._window_closed

    def close_window(self) -> None:
        """Give no more lines to the open window, for instance since its answer is there already."""
        self._window_closed = True

    @property
    def buffered(self) -> int:
        """The events that are held, unacknowledged."""
        return len(self._buffer)

    @property
    def settled(self) -> int:
        """How many of the accepted events, from the first on, have met their end: delivered, or reported as dropped."""
        return self._buffer.settled

    @property
    def finished(self) -> bool:
        """Whether nothing more will be sent; the report says why."""
        return self._finished

    def stats(self) -> SenderStats:
        """The counters now."""
        return SenderStats(
            enqueued=self._buffer.accepted + sum(self._tally.dropped.values()) - self._tally.dropped_after_all,
            delivered=self._buffer.delivered,
            undelivered=len(self._buffer),
            dropped=dict(self._tally.dropped),
            requests=self._tally.requests,
            failed_requests=self._tally.failed_requests,
            last_accepted_seq=self._buffer.acked if self._position_known else None,
            health=self._tally.health,
        )

    def report(self) -> DrainReport:
        """What became of everything, once it is over."""
        return DrainReport(
            delivered=self._buffer.delivered,
            undelivered=len(self._buffer),
            unconfirmed=self._buffer.exposed,
            dropped=dict(self._tally.dropped),
            completed=self._completed,
            why=self._why,
        )

    # What the shell tells.

    def handle(self, happened: Answered | AttemptFailed, now: float) -> None:
        """Take in how the attempt ended that the last command began."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            raise RuntimeError(f"no attempt is in flight that {happened!r} could be the end of")
        self._window_closed = True
        match happened:
            case Answered(status=status, last_accepted_seq=int(last)) if status in _SUCCESS:
                self._on_success(attempt, last, now)
            case Answered(status=status, last_accepted_seq=int(last)) if status == _CONFLICT:
                self._on_conflict(attempt, last, now)
            case Answered(status=status) if status in _REFUSED and isinstance(attempt, OpenWindow):
                self._on_refusal(happened, now)
            case Answered(status=status) if status in _FINAL:
                self._fail_for_good(_in_words(happened))
            case Answered(retry_after=retry_after):
                self._on_failure(_in_words(happened), now, retry_after)
            case AttemptFailed(detail=detail, was_sent=was_sent):
                if isinstance(attempt, OpenWindow) and not was_sent:
                    self._buffer.exposed = self._exposed_before
                self._on_failure(detail, now)

    def _on_success(self, attempt: Attempt, last: int, now: float) -> None:
        match attempt:
            case AskPosition():
                if self._settle_position(last):
                    self._on_progress()
                self._judge_refused_window()
            case OpenWindow() if last < self._buffer.acked:
                # Lower than what was confirmed before, and no word of a conflict. Ask before believing it: a backend
                # takes events under numbers that it already has for duplicates.
                self._on_failure(f"an answer went back from {self._buffer.acked} to {last}", now)
            case OpenWindow():
                if self._settle_position(last):
                    self._on_progress()
                else:
                    self._on_failure(f"a success that took nothing: the last number is still {last}", now)
            case CompleteRun():
                self._completed = True
                self._on_progress()

    def _on_conflict(self, attempt: Attempt, last: int, now: float) -> None:
        match attempt:
            case OpenWindow() if last == self._buffer.acked:
                # It began at exactly the number that is asked for, so it can never be taken (DRN-11).
                self._buffer.exposed = 0
                self._fail_for_good(f"the run is closed: number {last + 1} is answered 409, and is what it asks for")
                return
            case CompleteRun(final_seq=final_seq) if last == final_seq:
                self._fail_for_good(f"completion at {last} is answered 409, and {last} is what the backend has")
                return
            case OpenWindow() if last > self._buffer.acked + self._buffer.exposed:
                # Past everything that was ever sent: another writer's number. The window was refused, so it is kept.
                self._buffer.renumber(last)
                self._drop_outgrown()
            case AskPosition() | OpenWindow():
                if self._settle_position(last):
                    self._on_progress()
            case CompleteRun():
                self._in_doubt = True
        self._conflicts += 1
        if self._conflicts > 1:
            self._on_failure(f"409 again without progress, with {last} as the last number", now)

    def _on_refusal(self, answer: Answered, now: float) -> None:
        """400 or 413: something in the window will not be taken as it is; what came before it may have been (DLV-4)."""
        last = answer.last_accepted_seq
        if last is not None and last >= self._buffer.acked and self._settle_position(last):
            # The culprit, if there is one, is at the head of the next window.
            self._on_progress()
            return
        self._refusal = _in_words(answer)
        self._on_failure(self._refusal, now, answer.retry_after)
        if last == self._buffer.acked:
            self._in_doubt = False
            self._judge_refused_window()

    def _judge_refused_window(self) -> None:
        """A window was refused, and now the position is known: is the event at its head to blame (RTY-7)?

        Nothing of it was taken, or there would have been progress. Once may be chance. The second time, if the head
        was alone, it is the culprit; if it wasn't, it is sent alone next.
        """
        refusal, self._refusal = self._refusal, None
        if refusal is None or self._buffer.acked != self._window_start - 1:
            return
        self._refusals_of_head += 1
        if self._window_count == 1 and self._refusals_of_head > 1:
            self._reject_head(refusal)
        else:
            self._window_cap = 1

    def _reject_head(self, refusal: str) -> None:
        # None of those behind it was taken: a backend reads no further than the line that it refuses. Should an attempt
        # from before, of which nobody heard, be taken after all, then those behind it are there twice.
        self._refusals_of_head = 0
        self._tally.drop(DropReason.REJECTED, refusal, self._buffer.remove_head())

    def _on_progress(self) -> None:
        self._failures = 0
        self._conflicts = 0
        self._refusals_of_head = 0
        self._refusal = None
        self._window_cap = min(self._window_cap * 2, self._config.max_window_events)
        self._last_trouble = ""
        self._tally.change_health(Health.HEALTHY, "delivering")

    def _on_failure(self, detail: str, now: float, retry_after: float | None = None) -> None:
        self._in_doubt = True
        self._tally.failed_requests += 1
        self._last_trouble = detail
        ceiling = min(self._config.max_retry_delay, self._config.retry_delay * 2.0 ** min(self._failures, 64))
        self._failures += 1
        self._not_before = now + max(ceiling * self._draw(), retry_after or 0.0)
        self._tally.change_health(Health.RETRYING, detail)

    def _fail_for_good(self, detail: str) -> None:
        self._tally.failed_requests += 1
        self._finish(detail)
        self._tally.change_health(Health.FAILED, detail)

    def _finish(self, why: str | None) -> None:
        self._finished = True
        self._why = why
        self._buffer.close()

    def _settle_position(self, last: int) -> bool:
        """The backend says that `last` is the last number it accepted. Gives whether that delivers anything."""
        taken = self._buffer.settle(last)
        self._in_doubt = False
        self._position_known = True
        self._drop_outgrown()
        return taken > 0

    def _drop_outgrown(self) -> None:
        for payload in self._buffer.remove_outgrown():
            self._refusals_of_head = 0  # it may have been the head that they were of
            self._tally.drop(DropReason.OVERSIZED, "its line outgrew max_event_bytes under a longer number", payload)

    # Windows.

    def _begin(self, attempt: Attempt) -> Attempt:
        self._attempt = attempt
        self._tally.requests += 1
        return attempt

    def _begin_window(self, now: float) -> Attempt:
        self._window_start = self._buffer.acked + 1
        self._exposed_before = self._buffer.exposed
        self._window_count = 0
        self._window_bytes = 0
        self._window_until = now + self._config.window_age
        self._window_closed = False
        self._linger_since = None
        return self._begin(OpenWindow())

    def _linger(self, now: float) -> Wait | None:
        """Whether an idle sender still waits for company before it opens a window."""
        if self._config.flush_delay == 0 or self._hurrying or len(self._buffer) >= self._window_cap:
            return None
        if self._linger_since is None:
            self._linger_since = now
        until = self._linger_since + self._config.flush_delay
        return Wait(until=until, until_buffered=self._window_cap) if now < until else None

    @property
    def _hurrying(self) -> bool:
        # Where there was no room for an event, there is once the open window is answered (WIN-3).
        return self._draining or self._hurry_to > self.settled or self._buffer.has_refused

    @property
    def _never_buffered(self) -> int:
        return self._config.max_buffered_events + 1


def _in_words(answer: Answered) -> str:
    return f"{answer.status} {answer.detail}".strip()
