"""Events through a proxy that cuts, to a backend that takes overlapping requests both: `python -m benchmarks.overlap`.

The backend goes on taking the lines of a request whose client has gone, and heeds no other request of the run meanwhile
(the fault `overlap`), as a real one does; see `docs/protocol.md`. The proxy delivers late, and cuts connections at
random bytes; see `cutting_proxy`. So after a cut lines are still being taken for `late` seconds, half of them by the
proxy's doing and half by the backend's. A sender that goes on before that has them taken twice.

As long as that is at most half of the sender's `settle_delay`, nothing may be lost, twice or out of order. With longer
delays something may be there twice, since nothing but fencing closes the gap; each time, both requests that it came
with must have been under way at once. Never may a sender be told of another writer: there is none.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import random
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.cutting_proxy import HOST, CuttingProxy
from benchmarks.stored import Stored
from conformance.simulation import LinkConditions, simulate
from fake_backend import FakeBackend, FaultRule
from fake_backend.faults import Overlap
from reference.sender import AnotherWriter, EventStreamSender, Outcome, PositionLost, SenderConfig

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from benchmarks.cutting_proxy import End
    from benchmarks.stored import Pair
    from conformance.simulation import Simulation
    from reference.sender import Notice

_BURST = 60
_PAUSE = 0.02
_WINDOW_EVENTS = 40
_OPEN_FOR = 0.05
_RETRY_DELAY = 0.02  # it asks soon, while lines are being taken
_PATIENCE = 600.0
_LOOK_EVERY = 0.01
_TELL_EVERY = 25
_SHOWN = 10
_NEARBY = LinkConditions(latency=0.0005)  # what is late is late by the proxy's and the backend's doing


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is sent, and what happens to it. Times are seconds.

    Args:
        runs: At the same time, each with a sender. Every other sender keeps its windows open for a while.
        events: Of each run.
        settle_delay: The senders' setting.
        late: For how long after a cut lines are still taken, at the most.
        seed: What the proxy does, and when events come, follows from it; on real sockets from the machine, too.
    """

    runs: int = 25
    events: int = 4_000
    settle_delay: float = 0.1
    late: float = 0.05
    seed: int = 1

    @property
    def is_bounded(self) -> bool:
        """Whether what is late is taken before a sender has asked twice, so that nothing may be there twice."""
        return self.late <= self.settle_delay / 2


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of a course.

    `misreported` counts the senders that didn't report that all was delivered and the run completed. `blamed` is what
    they were told of other writers, or of a number that went back. `ends` are the connections that the proxy ended, by
    how. `stall` is for how many seconds the event loop was held up at the most: what is late may be later by that.
    """

    course: Course
    seconds: float
    requests: int
    lost: int
    pairs: tuple[Pair, ...]
    out_of_order: int
    misreported: int
    blamed: tuple[str, ...]
    ends: Counter[End]
    stall: float

    @property
    def twice(self) -> int:
        """How many events are there a second time."""
        return sum(len(pair.places) for pair in self.pairs)

    @property
    def unexplained(self) -> tuple[Pair, ...]:
        """The pairs of requests that stored the same events without having overlapped."""
        return tuple(pair for pair in self.pairs if not pair.overlapped)

    @property
    def is_right(self) -> bool:
        """Whether all is as a sender promises."""
        wrong = self.pairs if self.course.is_bounded else self.unexplained
        return not (self.lost or wrong or self.out_of_order or self.misreported or self.blamed)


async def perform(course: Course, *, tell: Callable[[str], object] = lambda _: None) -> Found:
    """Perform a course in the running event loop; `tell` is told how far it got, now and then."""
    begun = perf_counter()
    stored = Stored()
    blamed: list[str] = []
    overlap = [FaultRule(fault=Overlap(seconds=course.late / 2), of="data")] if course.late else []
    async with (
        FakeBackend(host=HOST, faults=overlap, keep_history=False, on_record=stored.note) as backend,
        CuttingProxy(int(backend.url.rpartition(":")[2]), late=course.late / 2, seed=course.seed) as proxy,
    ):
        watch = asyncio.create_task(_watch(lambda: tell(f"{stored.events:,} events are stored")))
        sending = (_send_run(course, run, proxy.port, blamed) for run in _runs(course))
        reported = await asyncio.gather(*sending)
        # What is still under way may be stored a second time.
        await asyncio.sleep(2 * course.late)
        watch.cancel()
        stall = await watch
    return Found(
        course=course,
        seconds=perf_counter() - begun,
        requests=stored.requests,
        lost=sum(stored.lost(run, course.events) for run in _runs(course)),
        pairs=tuple(stored.twice()),
        out_of_order=stored.out_of_order,
        misreported=reported.count(False),
        blamed=tuple(blamed),
        ends=proxy.ends,
        stall=stall,
    )


def perform_simulated(course: Course) -> Found:
    """Perform a course in virtual time, where it is the same each time."""

    async def main(_: Simulation) -> Found:
        return await perform(course)

    state = random.getstate()
    random.seed(course.seed)  # what senders draw their delays from
    try:
        return simulate(main, conditions=_NEARBY, seed=course.seed)
    finally:
        random.setstate(state)


async def _send_run(course: Course, run: str, port: int, blamed: list[str]) -> bool:
    """Send the events of a run; return whether the sender reports that all is delivered, and nothing else."""
    source = random.Random(f"{course.seed}/{run}")  # noqa: S311 - chance, not secrecy
    config = SenderConfig(
        url=f"http://{HOST}:{port}/v1/runs/{run}/ingest",
        token="overlap",
        max_window_events=_WINDOW_EVENTS,
        max_buffered_events=course.events,
        window_age=source.choice((0.0, _OPEN_FOR)),
        retry_delay=_RETRY_DELAY,
        max_retry_delay=_RETRY_DELAY,
        settle_delay=course.settle_delay,
    )

    def hear(notice: Notice) -> None:
        if isinstance(notice, AnotherWriter | PositionLost):
            blamed.append(f"{run}: {notice}")

    sender = EventStreamSender(config, on_notice=hear)
    place = 0
    while place < course.events:
        burst = range(place, min(place + source.randint(1, _BURST), course.events))
        for place in burst:
            assert sender.enqueue({"place": place}) is Outcome.ACCEPTED
        place = burst.stop
        await asyncio.sleep(source.uniform(0, _PAUSE))
    report = await sender.stop(timeout=_PATIENCE)
    return report.completed and report.delivered == course.events and not report.contested


async def _watch(tell: Callable[[], object]) -> float:
    """Look in until cancelled, and tell now and then; return for how long the loop was held up at the most."""
    loop, stall, looks = asyncio.get_running_loop(), 0.0, 0
    try:
        while True:
            begun = loop.time()
            await asyncio.sleep(_LOOK_EVERY)
            stall = max(stall, loop.time() - begun - _LOOK_EVERY)
            looks += 1
            if looks % _TELL_EVERY == 0:
                tell()
    except asyncio.CancelledError:
        return stall


def _runs(course: Course) -> list[str]:
    return [f"run-{number}" for number in range(course.runs)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Perform a course, print what became of it, and give the exit code: 1 if anything isn't as promised."""
    asked = _parser().parse_args(arguments)
    course = Course(
        runs=asked.runs,
        events=asked.events,
        settle_delay=asked.settle_delay,
        late=asked.settle_delay / 2 if asked.late is None else asked.late,
        seed=asked.seed,
    )
    logging.disable(logging.WARNING)  # a sender tells of each retry
    found = perform_simulated(course) if asked.simulated else asyncio.run(perform(course, tell=_progress))
    print(file=sys.stderr)
    print("\n".join(_in_words(found)))
    return 0 if found.is_right else 1


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r  {text} ", end="", file=sys.stderr, flush=True)


def _in_words(found: Found) -> list[str]:
    course = found.course
    asked = f"{course.runs} runs of {course.events:,} events, settle_delay {course.settle_delay:g} s"
    lines = [
        f"{asked}, late by up to {course.late:g} s, seed {course.seed}",
        f"{found.requests:,} requests in {found.seconds:.0f} s, {found.ends.total():,} connections cut:",
        *(f"  {count:,} {end}" for end, count in sorted(found.ends.items())),
        f"{found.lost} lost, {found.twice} twice, {found.out_of_order} out of order",
    ]
    if found.pairs:
        overlapped = sum(pair.overlapped for pair in found.pairs)
        lines.append(f"stored twice by {len(found.pairs)} pairs of requests, {overlapped} of which overlapped:")
        shown = sorted(found.pairs, key=lambda pair: pair.overlapped)[:_SHOWN]
        lines += [f"  {pair}" for pair in shown]
        if len(shown) < len(found.pairs):
            lines.append(f"  and {len(found.pairs) - len(shown)} more")
        if course.is_bounded and found.stall > course.late:
            lines.append(f"the machine was busy: lines may have been late by {found.stall:.3f} s more")
    lines += [f"told of what isn't so: {each}" for each in found.blamed[:_SHOWN]]
    if found.misreported:
        lines.append(f"{found.misreported} senders didn't report that all was delivered, and the run completed")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overlap",
        description="Send events through a proxy that cuts and is late, to a backend that takes overlapping requests "
        "both. Exits with 1 if anything is lost or out of order, or twice where nothing may be.",
    )
    parser.add_argument("--runs", type=_positive, default=25, help="senders at a time (default: 25)")
    parser.add_argument("--events", type=_positive, default=4_000, help="events of each run (default: 4000)")
    parser.add_argument("--settle-delay", type=_seconds, default=0.1, help="the senders' setting (default: 0.1)")
    parser.add_argument(
        "--late",
        type=_seconds,
        help="for how long after a cut lines are still taken (default: half of the settle delay); with more, events "
        "may be there twice, and are counted",
    )
    parser.add_argument("--seed", type=int, default=1, help="what is drawn follows from it (default: 1)")
    parser.add_argument("--simulated", action="store_true", help="in virtual time: the same course each time")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of them: 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: seconds, 0 or more, such as 0.05")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
