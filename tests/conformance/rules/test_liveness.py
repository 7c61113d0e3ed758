"""The checkers of LIV, on histories made by hand."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import msgspec
import pytest

from conformance.evidence.facts import Facts
from conformance.evidence.history import BackendWentDown, NetworkTrouble
from conformance.rules.catalogue import rule_of
from conformance.rules.findings import Findings
from fake_backend.faults import BufferRequest, IdleCut
from fake_backend.records import AnswerSent, FaultStruck
from tests.conformance.rules.case import Case, breaks, hold, is_silent_on, keeps
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from collections.abc import Mapping


def idle(story: Story | None = None) -> Story:
    """A sender has delivered an event, and ten seconds have passed."""
    story = Story() if story is None else story
    return story.open().enqueue(event(1)).request((1, event(1)), last=1).wait(10)


def equal_and_retried() -> Story:
    """An event equal to an earlier one is tried again after three seconds; the number tells nothing of it."""
    return idle().enqueue(event(1)).request(status=503).wait(3).request((2, event(1)), last=2)


def busy(status: int = 200) -> Story:
    """An event comes while a window is in flight, which then ends."""
    story = Story().open().enqueue(event(1)).request((1, event(1)), last=1 if status == 200 else None, status=status)
    answer = story.records.pop()
    return story.enqueue(event(2)).wait(0.001).write(msgspec.structs.replace(answer, time=story.now))


def unanswered() -> Story:
    """All is there, and the sender was not told."""
    return Story().open().enqueue(event(1)).request((1, event(1)), status=None)


def held_back(waits: float, *, window_age: float = 0.0) -> Story:
    """Each body passes a proxy that holds it back; that of the second event has an end after so many seconds."""
    held = [BufferRequest(seconds=1.0)]
    story = Story(settings={"window_age": window_age}).open().enqueue(event(1))
    story.request((1, event(1)), last=1, faults=held).wait(10)
    story.enqueue(event(2)).request((2, event(2)), last=2, faults=held)
    late = [msgspec.structs.replace(record, time=record.time + waits) for record in story.records[-3:]]
    story.records[-3:] = late
    return story


def thrown_away(times: int, *, settings: Mapping[str, float] | None = None, status: int | None = 408) -> Story:
    """A proxy that holds bodies back has had enough of windows of one event, one after the other."""
    story = Story(settings=settings or {}).open().enqueue(event(1))
    for _ in range(times):
        story.request(status=None, faults=[BufferRequest(seconds=1.0)], took=1.0)
        if status is not None:
            broken = story.records.pop()
            story.write(AnswerSent(time=broken.time, request=story.requests, status=status, body="<html>"))
        story.wait(0.2).request(last=0)
    return story.request((1, event(1)), last=1)


def cut_while_idle(before: float) -> Story:
    """The connection of a sender at rest is cut, so many seconds before the next event."""
    story = idle()
    story.write(FaultStruck(time=story.now - before, request=1, fault=IdleCut(seconds=9.0)))
    return story.reconnect().enqueue(event(2))


MEGABYTE = {"text": "x" * 1_000_000}

CASES = [
    keeps("LIV-1", "at once", idle()),
    breaks("LIV-1", "in virtual time", Story().open().enqueue(event(1), took=2.0), "enqueue took 2 s", "EnqueueCalled"),
    breaks("LIV-1", "in real time", Story().open().enqueue(event(1), blocked_for=0.3), "took 0.3 s", "EnqueueCalled"),
    keeps("LIV-1", "a busy machine is no network", Story(slack=0.3).open().enqueue(event(1), blocked_for=0.5)),
    keeps("LIV-1", "a megabyte is parsed by an adapter", Story(world="tcp").open().enqueue(MEGABYTE, took=0.9)),
    breaks(
        "LIV-1",
        "a megabyte is no network",
        Story().open().enqueue(MEGABYTE, took=0.9),
        "at most 0.1 s are allowed",
        "EnqueueCalled",
    ),
    breaks(
        "LIV-1",
        "nor is an adapter's",
        Story(world="tcp").open().enqueue(MEGABYTE, took=1.5),
        "enqueue took 1.5 s to return; at most 1.1 s are allowed",
        "EnqueueCalled",
    ),
    keeps("LIV-2", "soon", idle().enqueue(event(2)).request((2, event(2)), last=2)),
    keeps(
        "LIV-2",
        "after the flush delay",
        idle(Story(settings={"flush_delay": 1.0})).enqueue(event(2)).wait(1).request((2, event(2)), last=2),
    ),
    breaks(
        "LIV-2",
        "late",
        idle().enqueue(event(2)).wait(1).request((2, event(2)), last=2),
        "1 s later",
        "EnqueueCalled",
        "LineReceived",
    ),
    breaks("LIV-2", "never", idle().enqueue(event(2)).wait(9).stop(), "it arrived never", "EnqueueCalled"),
    keeps("LIV-2", "not after a downtime", idle().write(BackendWentDown(time=5.0)).enqueue(event(2)).wait(9).stop()),
    keeps("LIV-2", "not yet", idle().enqueue(event(2))),
    keeps("LIV-2", "at the end of the window in flight", busy().request((2, event(2)), last=2)),
    breaks(
        "LIV-2",
        "after the window in flight it waits",
        busy().wait(0.5).request((2, event(2)), last=2),
        "an event waited for 0.5 s",
        "EnqueueCalled",
        "AnswerSent",
        "RequestStarted",
    ),
    breaks(
        "LIV-2",
        "after the window in flight it is forgotten",
        busy().wait(9).stop(),
        "and was never sent",
        "EnqueueCalled",
    ),
    keeps("LIV-2", "a backoff is no neglect", busy(status=503).wait(3).request((2, event(2)), last=2)),
    keeps(
        "LIV-2",
        "nor is one behind a sync",
        busy(status=503).request(last=1).wait(3).request((2, event(2)), last=2),
    ),
    keeps("LIV-2", "two windows are thrown away until it knows", thrown_away(2)),
    breaks(
        "LIV-2",
        "windows are thrown away again and again",
        thrown_away(3),
        "3 windows were left open for so long that a proxy which holds bodies back threw them away, since nothing more "
        "came for 1 s",
        "RequestStarted",
        "AnswerSent",
        "RequestStarted",
        "AnswerSent",
    ),
    breaks(
        "LIV-2",
        "a proxy may hang up instead",
        thrown_away(4, settings={"window_age": 4.0}, status=None),
        "4 windows were left open",
        "RequestStarted",
        "RequestBroken",
        "RequestStarted",
        "RequestBroken",
    ),
    is_silent_on(
        "LIV-2",
        "a network that stalls makes a body quiet too",
        thrown_away(3).write(NetworkTrouble(time=1.0, what="nothing arrives", seconds=9.0)),
    ),
    is_silent_on("LIV-2", "another writer may hide what was taken", thrown_away(3).set(9)),
    keeps("LIV-2", "a proxy that holds back holds no whole body up", held_back(0.0)),
    breaks(
        "LIV-2",
        "nor is it an excuse",
        held_back(1.0),
        "1 s later",
        "EnqueueCalled",
        "LineReceived",
    ),
    keeps("LIV-2", "but an open window it does", held_back(1.0, window_age=4.0)),
    keeps(
        "LIV-2",
        "a connection that was cut is made again",
        cut_while_idle(5).request((2, event(2)), last=2),
    ),
    breaks(
        "LIV-2",
        "and not after a rest",
        cut_while_idle(5.0).wait(1).request((2, event(2)), last=2),
        "1 s later",
        "EnqueueCalled",
        "LineReceived",
    ),
    keeps("LIV-2", "a cut may cross an event", cut_while_idle(0.001).wait(1).request((2, event(2)), last=2)),
    keeps("LIV-3", "silent", idle().stop().request(last=1)),
    breaks("LIV-3", "it polls", idle().request(last=1).wait(10), "(sync), 10 s after all was done", "RequestStarted"),
    keeps("LIV-3", "who was not told that all is there asks", unanswered().wait(5).request(last=1)),
    keeps("LIV-3", "a retry is no poll, even of an equal event", equal_and_retried()),
    is_silent_on("LIV-3", "never idle", Story().open().enqueue(event(1)).request((1, event(1)), last=1).stop()),
]


@pytest.mark.parametrize("case", CASES)
def test_a_checker_of_liveness_blames_what_it_should(case: Case) -> None:
    """Promptness is held against LIV, and the records that contradict it are named."""
    hold(case)


def _seconds(requests: int) -> float:
    """How much processor time the rules take for a sender that is given one event at a time; the least of three."""
    story = Story().open()
    for seq in range(1, requests + 1):
        story.enqueue(event(seq)).request((seq, event(seq)), last=seq).wait(10)
    history = story.history()
    taken = []
    for _ in range(3):
        facts = Facts(history)
        begun = process_time()
        for rule in ("LIV-2", "LIV-3"):
            found = Findings(rule)
            rule_of(rule).check(facts, found)
            assert found.judged
            assert not found.violations
        taken.append(process_time() - begun)
    return min(taken)


def test_four_times_as_many_requests_take_about_four_times_as_long() -> None:
    """They would take sixteen times as long if each were compared with each."""
    assert _seconds(2_000) < 9 * _seconds(500)
