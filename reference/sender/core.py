"""Decides all that a sender does: order, numbers, retry and drain, without I/O, clock or randomness.

The theory. A run has one writer, and the backend keeps one number for it: the last it accepted. So the sender keeps
one number too, the last that the backend confirmed, and its events in order behind it; see `buffer`. Attempts go out
one at a time. An answer that says how far the backend got settles that many events.

After anything but a clear answer the sender is in *doubt* about `acked`, and asks before it sends events again; see
`position`. What an answer means is in `statuses`, and what becomes of an event that the backend never takes in
`culprit`.

The shell calls `next_command`, performs it, and tells what came of it by `handle`. Time is an argument, in seconds on
any clock that doesn't step; chance is a function that draws evenly from [0, 1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_never

from reference.sender.backoff import Backoff
from reference.sender.buffer import NumberedBuffer
from reference.sender.counters import Counters
from reference.sender.culprit import Culprit, Suspicion
from reference.sender.position import Doubt, Position
from reference.sender.statuses import Meaning, doubt_after, gave_up_on_body, meaning_of, wants_a_length
from reference.sender.types import (
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
from reference.sender.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.sender.config import SenderConfig
    from reference.sender.types import Attempt, Command

BLOCK_BYTES = 256 * 1024
"""How much `fill` gives at once: enough to be cheap, little enough that what is exposed was nearly sent."""


class SenderCore:
    """The state of one sender, for one run.

    Of the configuration it reads limits and times alone. `draw` returns numbers drawn evenly from [0, 1).
    """

    def __init__(self, config: SenderConfig, *, draw: Callable[[], float]) -> None:
        self._config = config

        self._buffer = NumberedBuffer(config)
        self.enqueue = self._buffer.append
        self.credit = self._buffer.credit
        self.credit_bytes = self._buffer.credit_bytes
        self.take_on_credit = self._buffer.take_on_credit
        self._position = Position(settles=config.settle_delay > 0)

        # The attempt in flight.
        self._attempt: Attempt | None = None
        self._window = Window(config)
        self._exposed_before = 0

        # Retry.
        self._backoff = Backoff(config, draw=draw)
        self._conflicts = 0
        self._culprit = Culprit()
        self._foreign_since: float | None = None  # when the first of the foreign final answers in a row came
        self._last_trouble = ""

        # Draining and the end.
        self._linger_since: float | None = None
        self._hurry_to = 0
        self._draining = False
        self._deadline = math.inf
        self._position_wanted = False
        self._completion_wanted = False
        self._completed = False
        self._finished = False
        self._why: str | None = None

        self._counters = Counters(ordinary_wait=config.max_retry_delay)
        self.count_refusal = self._counters.count_refusal
        self.take_notices = self._counters.take_notices

    # What the caller does.

    @property
    def closed(self) -> bool:
        """Whether `enqueue` takes no more events."""
        return self._buffer.is_closed

    def has_room_for(self, size: int) -> bool:
        """Return whether an event of `size` serialized bytes would not be refused as `FULL` now."""
        return self._buffer.has_room_for(size)

    def flush(self) -> int:
        """Hurry until all that is buffered now is settled; return the value of `settled` to wait for."""
        self._hurry_to = self._buffer.accepted
        return self._hurry_to

    def ask_position(self) -> None:
        """Ask for the run's last number until two answers agree, also where there is nothing to send."""
        self._position_wanted = True
        self._position.question(Doubt.SETTLE)

    @property
    def asked_position(self) -> int | None:
        """The answer to `ask_position`, once it is there."""
        return None if self._position.doubt else self._buffer.acked

    def stop(self, *, complete: bool, deadline: float = math.inf) -> None:
        """Refuse further events, deliver what is buffered, then complete the run if asked.

        It ends at once where a `Retry-After` allows no attempt before the deadline: all it could do is wait.
        """
        self._draining = True
        self._deadline = deadline
        self._completion_wanted = complete
        self._buffer.close()

    def give_up(self, why: str) -> None:
        """End here: nothing more is sent, and what is undelivered is reported so."""
        if not self._finished:
            self._finish(f"{why}; the last trouble was: {self._last_trouble}" if self._last_trouble else why)

    # What the shell asks.

    def next_command(self, now: float) -> Command:
        """Return what to do now."""
        completing = self._completion_wanted and not self._completed
        not_before = self._backoff.not_before
        if self._draining and not self._buffer and not completing:
            self._finish(None)
        elif self._draining and now < self._backoff.asked_until > self._deadline:
            self.give_up(f"the backend asked to wait {self._backoff.asked_until - now:.3g} s more, past the deadline")
        if self._finished:
            return Finish()
        if not self._buffer and not completing and not self._position_wanted:
            return Wait(until=math.inf, until_buffered=1)
        if now < not_before:
            return Wait(until=not_before, until_buffered=self._never_buffered)
        if self._position.doubt:
            return self._begin(AskPosition())
        if self._buffer:
            return self._linger(now) or self._begin_window(now)
        return self._begin(CompleteRun(final_seq=self._buffer.acked))

    def fill(self, now: float) -> bytes | Wait | None:
        """Return the next lines of the open window, or to wait for more events, or None when the window is over.

        Each call exposes what it returns, so only what was handed out can be acknowledged.
        """
        window = self._window
        if window.is_closed:
            return None
        lines = self._buffer.lines(window.count, window.most_events - window.count, room=window.room, block=BLOCK_BYTES)
        if lines:
            block = b"".join(lines)
            window.add(len(lines), len(block))
            return block
        is_full = window.count < len(self._buffer)
        if is_full or self._hurrying or now >= window.until:
            window.is_closed = True
            return None
        window.was_left_open = True
        return Wait(until=window.until, until_buffered=window.count + 1)

    @property
    def window_is_closed(self) -> bool:
        """Whether `fill` will give nothing more to the window."""
        return self._window.is_closed

    def close_window(self) -> None:
        """Put no more lines into the open window, for instance since its answer is there already."""
        self._window.is_closed = True

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
        """Return the counters now."""
        return SenderStats(
            enqueued=self._buffer.accepted + sum(self._counters.dropped.values()) - self._counters.dropped_after_all,
            delivered=self._buffer.delivered,
            undelivered=len(self._buffer),
            dropped=dict(self._counters.dropped),
            requests=self._counters.requests,
            failed_requests=self._counters.failed_requests,
            last_accepted_seq=self._buffer.acked if self._position.is_known else None,
            contested=self._position.contested,
            health=self._counters.health,
        )

    def report(self) -> DrainReport:
        """Return what became of everything, once it is over."""
        return DrainReport(
            delivered=self._buffer.delivered,
            undelivered=len(self._buffer),
            unconfirmed=self._buffer.exposed,
            contested=self._position.contested,
            dropped=dict(self._counters.dropped),
            completed=self._completed,
            why=self._why,
        )

    # What the shell tells.

    def handle(self, happened: Answered | AttemptFailed, now: float) -> None:
        """Take in how the attempt ended that the last command began."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            raise RuntimeError(f"no attempt is in flight that {happened!r} could be the end of")
        self._window.is_closed = True
        new = range(0)
        if isinstance(attempt, OpenWindow):
            if isinstance(happened, AttemptFailed) and not happened.was_sent:
                self._buffer.exposed = self._exposed_before
            else:
                new = self._position.sent(self._window.first, self._window.count)
        if isinstance(happened, AttemptFailed):
            is_unclear = isinstance(attempt, OpenWindow) and happened.was_sent
            if is_unclear:
                self._culprit.broke(happened.detail)
            self._on_failure(happened.detail, now, Doubt.SETTLE if is_unclear else Doubt.ASK)
            return
        meaning = meaning_of(happened)
        if meaning is not Meaning.FINAL:
            self._foreign_since = None
        match meaning, attempt, happened.last_accepted_seq:
            case Meaning.SUCCESS, _, int(last):
                self._on_success(attempt, happened, last, new, now)
            case Meaning.CONFLICT, _, int(last):
                self._on_conflict(attempt, last, now)
            case Meaning.FINAL, _, _ if self._is_final(happened, now):
                self._fail_for_good(_in_words(happened))
            case Meaning.REFUSED, OpenWindow(), last:
                self._on_refusal(happened, last, now)
            case _, OpenWindow(), _:
                self._on_failed_window(happened, meaning, now)
            case _:
                self._on_failure(_in_words(happened), now, Doubt.ASK, happened.retry_after)

    def _is_final(self, answer: Answered, now: float) -> bool:
        """Return whether 401, 403, 404 or 410 end it: the backend's own at once, a proxy's after a while (RTY-6)."""
        if self._foreign_since is None:
            self._foreign_since = now
        return answer.is_backends_own or now - self._foreign_since >= self._config.final_after

    def _on_success(self, attempt: Attempt, answer: Answered, last: int, new: range, now: float) -> None:
        match attempt:
            case AskPosition():
                self._on_position(last, now)
            case OpenWindow() if last < self._buffer.acked:
                # Lower than what was confirmed before, and no word of a conflict. Ask before believing it: a backend
                # takes events under numbers that it already has for duplicates.
                self._on_failure(f"an answer went back from {self._buffer.acked} to {last}", now, Doubt.ASK)
            case OpenWindow():
                self._window.answered()
                if last > self._buffer.acked + self._buffer.exposed:
                    # Beyond all that was ever sent, it says nothing of what went out before this window (DLV-7).
                    self._buffer.exposed = self._window.count
                if self._position.count_contested(new, last=last, accepted=answer.accepted):
                    self._report_another_writer("events of this sender were taken for duplicates, under new numbers")
                if self._settle_position(last):
                    self._on_progress()
                else:
                    # Whoever takes a chunked body for an empty one says just this.
                    self._window.are_whole = True
                    detail = f"a success that took nothing: the last number is still {last}"
                    self._on_failure(detail, now, Doubt.ASK)
            case CompleteRun():
                self._completed = True
                self._on_progress()

    def _on_position(self, last: int, now: float) -> None:
        """Take the backend's position; after an ambiguous window that may still be moving."""
        acked, exposed = self._buffer.acked, self._buffer.exposed
        all_sent = acked + exposed if exposed else None
        if self._position.has_settled(last, all_sent=all_sent):
            self._window.settled_at(last)
            if self._settle_position(last):
                self._on_progress()
            self._position_wanted = False
            self._judge_window()
            return
        if last > acked and self._take_position(last):
            self._on_progress()
        self._backoff.pause(now, self._config.settle_delay)

    def _on_conflict(self, attempt: Attempt, last: int, now: float) -> None:
        match attempt:
            case AskPosition():
                # Whatever the status means there, the number is the backend's own.
                self._on_position(last, now)
                return
            case OpenWindow() if last == self._buffer.acked:
                # It began at exactly the number that is asked for, so it can never be taken (DRN-11).
                self._buffer.exposed = 0
                self._fail_for_good(
                    f"the run is complete already; use another run id (number {last + 1} is answered 409, and is what "
                    "the backend asks for)"
                )
                return
            case CompleteRun(final_seq=final_seq) if last == final_seq:
                self._fail_for_good(f"completion at {last} is answered 409, and {last} is what the backend has")
                return
            case OpenWindow() if last > self._buffer.acked + self._buffer.exposed:
                # Past everything that was ever sent: another writer's number. The window was refused, so it is kept.
                self._learn(last)
                self._buffer.renumber(last)
                self._drop_outgrown()
            case OpenWindow():
                if self._settle_position(last):
                    self._on_progress()
            case CompleteRun():
                self._position.question(Doubt.ASK)
        self._conflicts += 1
        if self._conflicts > 1:
            self._on_failure(f"409 again without progress, with {last} as the last number", now, Doubt.ASK)

    def _on_failed_window(self, answer: Answered, meaning: Meaning, now: float) -> None:
        """Go on after an answer to a window that takes nothing, or doesn't say what it took."""
        if wants_a_length(answer):
            self._window.are_whole = True
        self._on_failure(_in_words(answer), now, doubt_after(answer), answer.retry_after)
        if gave_up_on_body(answer):
            self._culprit.broke(_in_words(answer))
        elif meaning is Meaning.ERROR:
            self._act_on(self._culprit.failed(was_alone=self._window.count == 1), _in_words(answer))

    def _on_refusal(self, answer: Answered, last: int | None, now: float) -> None:
        """Go on where something in the window will not be taken as it is; what came before it may have been (DLV-4)."""
        if last is not None and last >= self._buffer.acked and self._settle_position(last):
            # The culprit, if there is one, is at the head of the next window.
            self._on_progress()
            return
        self._culprit.refused(_in_words(answer))
        self._on_failure(_in_words(answer), now, doubt_after(answer), answer.retry_after)
        if last == self._buffer.acked:
            self._position.trust()
            self._judge_window()

    def _judge_window(self) -> None:
        took_nothing = self._buffer.acked == self._window.first - 1
        suspicion = self._culprit.judge(took_nothing=took_nothing, was_alone=self._window.count == 1)
        self._act_on(suspicion, self._culprit.words)

    def _act_on(self, suspicion: Suspicion, words: str) -> None:
        match suspicion:
            case Suspicion.NONE:
                pass
            case Suspicion.SINGLE_OUT:
                self._window.single_out()
            case Suspicion.TELL:
                detail = f"number {self._window.first} fails again and again: {words}"
                self._counters.report_held_up(detail, self._buffer.head, behind=len(self._buffer) - 1)
            case Suspicion.REJECT:
                # None of those behind it was taken: a backend reads no further than the line that it refuses. Should an
                # attempt from before, of which nobody heard, be taken after all, then those behind it are there twice.
                self._culprit.forget()
                self._counters.drop(DropReason.REJECTED, words, self._buffer.remove_head())
            case other:
                assert_never(other)

    def _on_progress(self) -> None:
        self._backoff.reset()
        self._conflicts = 0
        self._culprit.acquit()
        self._window.grow()
        self._last_trouble = ""
        self._counters.change_health(Health.HEALTHY, "delivering")

    def _on_failure(self, detail: str, now: float, doubt: Doubt, retry_after: float | None = None) -> None:
        if doubt is Doubt.SETTLE:
            self._window.broke()
        self._position.question(doubt)
        self._counters.failed_requests += 1
        self._last_trouble = detail
        delay = self._backoff.fail(now, retry_after)
        self._counters.change_health(Health.RETRYING, detail, retry_in=delay)

    def _fail_for_good(self, detail: str) -> None:
        self._counters.failed_requests += 1
        self._finish(detail)
        self._counters.change_health(Health.FAILED, detail)

    def _finish(self, why: str | None) -> None:
        self._finished = True
        self._why = why
        self._buffer.close()

    def _settle_position(self, last: int) -> bool:
        """Take in that `last` is what the backend accepted last, for sure; return whether that delivers anything."""
        self._position.trust()
        return self._take_position(last)

    def _take_position(self, last: int) -> bool:
        self._learn(last)
        taken = self._buffer.settle(last)
        self._drop_outgrown()
        return taken > 0

    def _learn(self, last: int) -> None:
        if self._position.is_known and last < self._buffer.acked:
            self._counters.report_position_lost(self._buffer.acked, last)
        if self._position.learn(last):
            self._report_another_writer(f"the run stands at {last}, which this sender has never sent")

    def _report_another_writer(self, detail: str) -> None:
        self._counters.report_another_writer(detail, contested=self._position.contested)

    def _drop_outgrown(self) -> None:
        for payload in self._buffer.remove_outgrown():
            self._culprit.forget()  # it may have been the head
            self._counters.drop(DropReason.OVERSIZED, "its line outgrew max_event_bytes under a longer number", payload)

    # Windows.

    def _begin(self, attempt: Attempt) -> Attempt:
        self._attempt = attempt
        self._counters.requests += 1
        return attempt

    def _begin_window(self, now: float) -> Attempt:
        self._exposed_before = self._buffer.exposed
        self._window.begin(self._buffer.acked + 1, now)
        self._linger_since = None
        return self._begin(OpenWindow())

    def _linger(self, now: float) -> Wait | None:
        """Return whether an idle sender still waits for company before it opens a window."""
        if self._config.flush_delay == 0 or self._hurrying or len(self._buffer) >= self._window.most_events:
            return None
        if self._linger_since is None:
            self._linger_since = now
        until = self._linger_since + self._config.flush_delay
        return Wait(until=until, until_buffered=self._window.most_events) if now < until else None

    @property
    def _hurrying(self) -> bool:
        # Where there was no room for an event, there is once the open window is answered (WIN-3).
        return self._draining or self._hurry_to > self.settled or self._buffer.has_refused

    @property
    def _never_buffered(self) -> int:
        return self._config.max_buffered_events + 1


def _in_words(answer: Answered) -> str:
    return f"{answer.status} {answer.detail}".strip()
