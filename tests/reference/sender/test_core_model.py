"""The core against a model of a backend, under random interleavings of answers, failures, enqueues, timers and stop.

The backend of this test is a list and a number. It takes lines as the protocol says, and the network between it and
the core loses, delays and garbles answers as it likes. Whatever happens: nothing is lost, doubled or reordered, and
what the core claims is what the backend has.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reference.sender import AnotherWriter, DropReason, EventDropped, Outcome, SenderConfig
from reference.sender.core import SenderCore
from reference.sender.types import (
    Answered,
    AskPosition,
    Attempt,
    AttemptFailed,
    CompleteRun,
    Finish,
    OpenWindow,
    Wait,
)

WINDOW_EVENTS = 4
WINDOW_BYTES = 160
EVENT_BYTES = 62
BUFFERED_EVENTS = 9
BUFFERED_BYTES = 300


class Backend:
    """What a backend must do with lines, as the protocol's table says; and nothing else."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.highest = last  # what it had before it forgot
        self.complete_at: int | None = None
        self.accepted: list[int] = []  # the ids of the events, in the order in which they were taken
        self.poison: set[int] = set()

    def take(self, lines: list[dict[str, Any]]) -> tuple[int, bool]:
        """Take lines until one is refused; give the status and whether an answer carries `last_accepted_seq`."""
        for line in lines:
            if self.complete_at is not None:
                return 409, True
            if line["seq"] <= self.last:
                continue
            if line["seq"] != self.last + 1:
                return 409, True
            if line["event"]["id"] in self.poison:
                return (413, True) if line["event"]["id"] % 2 else (400, False)
            self.last += 1
            self.highest = max(self.highest, self.last)
            self.accepted.append(line["event"]["id"])
        return 200, True

    def complete(self, final_seq: int) -> int:
        if self.complete_at is not None:
            return 200
        if final_seq != self.last:
            return 409
        self.complete_at = final_seq
        return 200


class CoreAgainstBackend(RuleBasedStateMachine):
    """The rules are what can happen; the invariants are what must hold whenever."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.next_id = 0
        self.taken: list[int] = []  # the ids of what `enqueue` accepted
        self.refused = 0
        self.attempt: Attempt | None = None
        self.lines: list[dict[str, Any]] = []
        self.window_open = False
        self.stopped = False
        self.gave_up = False
        self.dropped_later: list[int] = []
        self.draw = 0.5
        self.refusals: dict[int, list[int]] = defaultdict(list)  # by head: how large the windows that were refused

    @initialize(
        last=st.sampled_from([0, 0, 8, 42, 97]),
        age=st.sampled_from([0.0, 5.0]),
        delay=st.sampled_from([0.0, 0.5]),
    )
    def begin(self, last: int, age: float, delay: float) -> None:
        self.backend = Backend(last)
        config = SenderConfig(
            url="http://backend.example/v1/runs/r/ingest",
            token="t",
            max_window_events=WINDOW_EVENTS,
            max_window_bytes=WINDOW_BYTES,
            max_event_bytes=EVENT_BYTES,
            max_buffered_events=BUFFERED_EVENTS,
            max_buffered_bytes=BUFFERED_BYTES,
            window_age=age,
            flush_delay=delay,
        )
        self.core = SenderCore(config, draw=lambda: self.draw)

    # What the caller does.

    @rule(
        padding=st.integers(0, 40), poison=st.sampled_from([False, False, False, False, False, True]), ask=st.booleans()
    )
    def enqueue(self, padding: int, poison: bool, ask: bool) -> None:  # noqa: FBT001 - Hypothesis draws it
        identity, self.next_id = self.next_id, self.next_id + 1
        payload = json.dumps({"id": identity, "p": "x" * padding}, separators=(",", ":")).encode()
        if ask and len(payload) <= self.core.credit_bytes and self.core.credit():
            self.core.take_on_credit(payload)
            outcome = Outcome.ACCEPTED
        else:
            outcome = self.core.enqueue(payload)
        if outcome is Outcome.ACCEPTED:
            assert not self.stopped, "an event was taken after stop"
            self.taken.append(identity)
            if poison:
                self.backend.poison.add(identity)
        else:
            self.core.count_refusal(DropReason(outcome))
            self.refused += 1

    @rule(count=st.integers(1, 3))
    def use_up_credit(self, count: int) -> None:
        """Several events at once, as large as they may be."""
        for _ in range(min(count, self.core.credit())):
            identity, self.next_id = self.next_id, self.next_id + 1
            empty = len(b'{"id":%d,"p":""}' % identity)
            padding = max(self.core.credit_bytes - empty, 0)
            payload = b'{"id":%d,"p":"%b"}' % (identity, b"x" * padding)
            if len(payload) <= self.core.credit_bytes:
                self.core.take_on_credit(payload)
                self.taken.append(identity)
            else:
                self.next_id -= 1

    @rule()
    def flush(self) -> None:
        self.core.flush()

    @precondition(lambda self: self.next_id > 4 and not self.stopped)
    @rule(complete=st.booleans())
    def stop(self, complete: bool) -> None:  # noqa: FBT001 - Hypothesis draws it
        self.stopped = True
        self.wants_completion = complete
        self.core.stop(complete=complete)

    # What the shell does.

    @precondition(lambda self: self.attempt is None)
    @rule(draw=st.floats(0, 1, exclude_max=True))
    def step(self, draw: float) -> None:
        self.draw = draw
        match self.core.next_command(self.now):
            case Finish():
                assert self.stopped or self.core.finished
            case Wait(until=until, until_buffered=until_buffered):
                assert until > self.now
                assert until_buffered > self.core.buffered, "told to wait for what is there already"
                if math.isfinite(until):
                    self.now = until
                else:
                    assert self.core.buffered == 0, "it waits for ever with events in hand"
            case OpenWindow() as attempt:
                assert not self.gave_up
                self.attempt, self.lines, self.window_open = attempt, [], True
                self.fill()
            case AskPosition() | CompleteRun() as attempt:
                self.attempt, self.lines, self.window_open = attempt, [], False
                if isinstance(attempt, CompleteRun):
                    assert self.core.buffered == 0, "completion before everything was delivered"

    @precondition(lambda self: self.attempt is not None and self.window_open)
    @rule()
    def fill(self) -> None:
        match self.core.fill(self.now):
            case None:
                self.window_open = False
            case Wait(until=until):
                assert until > self.now
                assert not self.stopped, "a window is kept open during the drain"
            case block:
                lines = block.decode().splitlines()
                assert all(len(line) <= EVENT_BYTES for line in lines)
                self.lines += [json.loads(line) for line in lines]
        numbers = [line["seq"] for line in self.lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        assert len(numbers) <= WINDOW_EVENTS
        assert sum(len(json.dumps(line, separators=(",", ":"))) + 1 for line in self.lines) <= WINDOW_BYTES
        if numbers:
            assert numbers[0] <= self.backend.highest + 1, "a gap was sent on purpose"

    @rule(seconds=st.floats(0.01, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # What the network and the backend do.

    @precondition(lambda self: self.attempt is not None)
    @rule(
        late=st.sampled_from([None, None, 503, 502, 429, 408, 404, "garbled"]),
        retry_after=st.sampled_from([None, 3.0]),
        of_a_proxy=st.booleans(),
    )
    def answer(self, late: int | str | None, retry_after: float | None, of_a_proxy: bool) -> None:  # noqa: FBT001
        """The request is taken; the true answer comes, or a proxy's, or of a backend that isn't done with it."""
        before = len(self.backend.accepted)
        status, says_last = self.perform(self.lines)
        accepted = len(self.backend.accepted) - before
        if late is None:
            last = self.backend.last if says_last else None
            self.end(Answered(status=status, last_accepted_seq=last, accepted=accepted))
        elif late == "garbled":
            self.end(Answered(status=200, detail="<html>", is_backends_own=False))
        else:
            is_own = not of_a_proxy and late != 404
            self.end(Answered(status=int(late), retry_after=retry_after, is_backends_own=is_own))

    @precondition(lambda self: self.attempt is not None)
    @rule(data=st.data())
    def break_off(self, data: st.DataObject) -> None:
        """The connection breaks after any of the lines was taken; maybe even all, and the answer is lost."""
        if isinstance(self.attempt, CompleteRun) and data.draw(st.booleans()):
            self.perform([])
        elif self.lines:
            self.backend.take(self.lines[: data.draw(st.integers(0, len(self.lines)))])
        self.end(AttemptFailed(detail="reset"))

    @precondition(lambda self: self.attempt is not None)
    @rule()
    def never_leave(self) -> None:
        """No connection comes about, which the sender can tell."""
        self.end(AttemptFailed(detail="refused", was_sent=False))

    @precondition(lambda self: isinstance(self.attempt, OpenWindow))
    @rule(data=st.data(), status=st.sampled_from([200, 413, 400]))
    def take_a_prefix(self, data: st.DataObject, status: int) -> None:
        """Some lines are taken, and the answer says so: a 200 that falls short, a limit, or a line that was garbled."""
        taken = data.draw(st.integers(0, max(0, len(self.lines) - 1)))
        before = len(self.backend.accepted)
        true_status, _ = self.backend.take(self.lines[:taken])
        accepted = len(self.backend.accepted) - before
        if true_status == 200:
            if taken == 0 and status != 200 and self.lines:
                self.refusals[self.lines[0]["event"]["id"]].append(len(self.lines))
            last = None if status == 400 else self.backend.last
            self.end(Answered(status=status, last_accepted_seq=last, accepted=accepted if status == 200 else None))
        else:
            self.end(AttemptFailed(detail="reset"))

    @precondition(lambda self: self.attempt is None and self.core.report().unconfirmed == 0)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """The backend restarts and falls back to an older number; what it had acknowledged is not the sender's."""
        if self.backend.complete_at is None:
            self.backend.last = data.draw(st.integers(0, self.backend.last))

    @precondition(lambda self: self.attempt is not None and self.stopped)
    @rule()
    def deadline(self) -> None:
        """The drain ran out of time: the shell aborts the attempt, of which any part may have been taken."""
        self.backend.take(self.lines)
        self.attempt = None
        self.gave_up = True
        self.core.give_up("the deadline passed")
        assert isinstance(self.core.next_command(self.now), Finish)

    def perform(self, lines: list[dict[str, Any]]) -> tuple[int, bool]:
        if isinstance(self.attempt, CompleteRun):
            return self.backend.complete(self.attempt.final_seq), True
        return self.backend.take(lines)

    def end(self, happened: Answered | AttemptFailed) -> None:
        self.attempt = None
        self.window_open = False
        self.core.handle(happened, self.now)

    # What must hold.

    @invariant()
    def nothing_disappears(self) -> None:
        """Enqueued = delivered + undelivered + dropped, counted apart from the core (DLV-1)."""
        for notice in self.core.take_notices():
            assert not isinstance(notice, AnotherWriter), "there is none"
            if isinstance(notice, EventDropped):
                self.dropped_later.append(json.loads(notice.event)["id"])
        stats = self.core.stats()
        assert stats.enqueued == self.next_id
        assert sum(stats.dropped.values()) == self.refused + len(self.dropped_later)
        assert stats.enqueued == stats.delivered + stats.undelivered + sum(stats.dropped.values())

    @invariant()
    def the_buffer_is_bounded(self) -> None:
        """By count and by bytes, however the events came in (WIN-3)."""
        held = self.core._buffer._events
        assert len(held) <= BUFFERED_EVENTS
        assert sum(map(len, held)) <= BUFFERED_BYTES

    @invariant()
    def no_event_is_doubled_or_out_of_order(self) -> None:
        """What the backend took is in the order of `enqueue`, each once (DLV-2, DLV-3)."""
        accepted = self.backend.accepted
        assert all(earlier < later for earlier, later in pairwise(accepted)), accepted

    @invariant()
    def a_claim_is_true(self) -> None:
        """What counts as delivered, the backend has; what is dropped later, it has not (DRN-4)."""
        assert self.core.stats().delivered <= len(self.backend.accepted)
        kept = [each for each in self.taken if each not in self.dropped_later]
        assert set(kept[: self.core.stats().delivered]) <= set(self.backend.accepted)
        assert not set(self.dropped_later) & set(self.backend.accepted)

    def teardown(self) -> None:
        """Whatever happened before, a network that heals lets everything through, once and in order."""
        if not hasattr(self, "core") or self.gave_up:
            return
        if self.attempt is not None:
            self.answer(None, None, of_a_proxy=False)
        if not self.stopped:
            self.stopped = True
            self.core.stop(complete=True)
            self.wants_completion = True
        for _ in range(40 * (len(self.taken) + 3)):
            if self.core.finished:
                break
            self.step(0.5)
            while self.window_open:
                self.fill()
            if self.attempt is not None:
                self.answer(None, None, of_a_proxy=False)
        self.nothing_disappears()
        report = self.core.report()
        assert self.core.finished, "it never came to an end on a healthy network"
        assert report.why is None, report.why
        assert report.completed is self.wants_completion
        assert report.undelivered == 0
        assert self.backend.accepted == [each for each in self.taken if each not in self.dropped_later]
        singled_out = {head for head, sizes in self.refusals.items() if len(sizes) > 1 and 1 in sizes[1:]}
        assert set(self.dropped_later) <= self.backend.poison | singled_out | self.outgrown()
        if self.wants_completion:
            assert self.backend.complete_at == self.backend.last

    def outgrown(self) -> set[int]:
        dropped = self.core.stats().dropped.get(DropReason.OVERSIZED, 0)
        return set(self.dropped_later) if dropped else set()


TestCoreAgainstBackend = pytest.mark.no_cover(CoreAgainstBackend.TestCase)
TestCoreAgainstBackend.settings = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
