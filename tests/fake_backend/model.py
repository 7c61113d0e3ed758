"""A model of the backend, written from the text of the protocol alone, to hold the fake against.

It is made unlike the fake on purpose, so that the two don't share mistakes. The fake reads a stream; the model has the
whole body of a request before it begins, lays out what happens when (`plan`), and then follows every course that the
protocol leaves open at once. What is observed rules courses out. When none is left, the fake has contradicted the
protocol.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self, assert_never

from fake_backend import Limits
from tests.fake_backend.model_lines import BAD_FINAL_SEQ, UNCOMPARED, Blank, Broken, Completion, Event, Reading
from tests.fake_backend.model_requests import Answer, Begin, Break, End, Line, Request, Step, heads, plan

NOT_HTTP: Final = Answer(400, None)
"""What a server says to bytes that aren't HTTP. It is HTTP's answer, not the protocol's: only its status counts."""

_TOO_MANY_EVENTS: Final = "Too many events in request"
_NOT_FINAL: Final = "Completion line must be the final event stream line"


@dataclass(frozen=True, slots=True)
class Run:
    """What a backend remembers of a run; the events as `canonical` writes them."""

    last_accepted_seq: int = 0
    complete: bool = False
    events: tuple[str, ...] = ()

    def agrees(self, seen: Self) -> bool:
        """Whether this is what was seen, as far as events are compared."""
        return (
            (self.last_accepted_seq, self.complete, len(self.events))
            == (seen.last_accepted_seq, seen.complete, len(seen.events))
        ) and all(mine in {UNCOMPARED, other} for mine, other in zip(self.events, seen.events, strict=True))


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a request has got in one course.

    `closing` is a completion that was stated, to be carried out at the end; `closed` says that one was carried out.
    """

    run_id: str | None = None
    body_counts: bool = True
    accepted: int = 0
    duplicate: int = 0
    events: int = 0
    closing: Completion | Broken | None = None
    by_header: bool = False
    closed: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Course:
    """One way in which things may have gone so far."""

    runs: tuple[tuple[str, Run], ...]
    requests: tuple[_Progress, ...]

    def run(self, run_id: str) -> Run:
        return dict(self.runs).get(run_id, Run())

    def with_request(self, index: int, progress: _Progress, run: Run | None = None) -> "_Course":
        runs = self.runs
        if run is not None and progress.run_id is not None:
            runs = tuple(sorted((dict(runs) | {progress.run_id: run}).items()))
        return _Course(runs, (*self.requests[:index], progress, *self.requests[index + 1 :]))


@dataclass(kw_only=True)
class Model:
    """All that a backend with these limits, tokens and runs may do.

    `legacy_completion` says that it knows completion by headers. `holds_back` says that a rule waits for an event that
    never comes: lines are taken when the body is over.
    """

    limits: Limits
    tokens: Mapping[str, str | None]
    known_runs: frozenset[str]
    legacy_completion: bool = False
    holds_back: bool = False
    _requests: Sequence[Request] = ()
    _courses: list[_Course] = field(default_factory=lambda: [_Course((), ())])
    _steps: list[list[tuple[int, Step]]] = field(default_factory=list)

    def begin(self, requests: Sequence[Request]) -> None:
        """Set out on requests that are under way at the same time; those before them are over."""
        self._requests = requests
        self._courses = _distinct(replace(course, requests=(_Progress(),) * len(requests)) for course in self._courses)
        self._steps = [
            [(request.end if self.holds_back and isinstance(step, Line) else moment, step) for moment, step in steps]
            for request, steps in ((request, plan(request, self.limits)) for request in requests)
        ]

    def advance(self, moment: int) -> None:
        """Follow every course through a moment, in which bytes of one request at most arrive."""
        for index, steps in enumerate(self._steps):
            while steps and steps[0][0] == moment:
                step = steps.pop(0)[1]
                may_be_missed = self._requests[index].broken and self._requests[index].end == moment
                courses = list(self._courses)
                self._courses = _distinct(
                    outcome
                    for course in courses
                    for outcome in (
                        *self._follow(course, index, step),
                        # What arrives together with the break may be lost to it.
                        *(self._follow(course, index, Break()) if may_be_missed else ()),
                    )
                )

    def observe_runs(self, seen: Mapping[str, Run]) -> bool:
        """Keep the courses that lead to these states; say whether there are any. If there are none, keep all."""
        left = [course for course in self._courses if all(course.run(key).agrees(run) for key, run in seen.items())]
        self._courses = left or self._courses
        return bool(left)

    def observe_answers(self, seen: Sequence[Answer | None]) -> bool:
        """Keep the courses that lead to these answers, as `observe_runs` does; None: the connection ended first."""

        def agrees(index: int, course: _Course) -> bool:
            return seen[index] == course.requests[index].answer or (self._requests[index].left and seen[index] is None)

        left = [course for course in self._courses if all(agrees(index, course) for index in range(len(seen)))]
        self._courses = left or self._courses
        return bool(left)

    def runs(self) -> Mapping[str, Run]:
        """Give the state of the runs, in the first course of those that are left."""
        return dict(self._courses[0].runs)

    def expectations(self) -> str:
        """Write down the courses that are left, for people."""
        return "\n".join(
            f"  {[progress.answer for progress in course.requests]} {dict(course.runs)}" for course in self._courses
        )

    def _follow(self, course: _Course, index: int, step: Step) -> Iterator[_Course]:
        progress = course.requests[index]
        if progress.answer is not None:
            yield course  # nothing more is read
            return
        match step:
            case Begin():
                for head in heads(
                    self._requests[index],
                    tokens=self.tokens,
                    known_runs=self.known_runs,
                    legacy_completion=self.legacy_completion,
                ):
                    begun = (
                        _Progress(answer=head)
                        if isinstance(head, Answer)
                        else _Progress(
                            run_id=head.run_id,
                            body_counts=head.body_counts,
                            closing=head.closing,
                            by_header=head.closing is not None,
                        )
                    )
                    yield course.with_request(index, begun)
            case Line():
                for reading in step.readings if progress.body_counts else ():
                    for run, after in self._take(course.run(progress.run_id or ""), progress, reading):
                        yield course.with_request(index, after, run)
                if not progress.body_counts:
                    yield course
            case End():
                for run, after in _finish(course.run(progress.run_id or ""), progress):
                    yield course.with_request(index, after, run)
            case Break():
                run = course.run(progress.run_id or "")
                yield course.with_request(index, _refused(progress, 408, "Client disconnected", run))
                if self._requests[index].garbled:
                    yield course.with_request(index, replace(progress, answer=NOT_HTTP))
            case _:
                assert_never(step)

    def _take(self, run: Run, progress: _Progress, reading: Reading | str) -> Iterator[tuple[Run, _Progress]]:
        """Take a line, or refuse it: the section "What a backend does with a line"."""
        stated = progress.closed or (progress.closing is not None and not progress.by_header)
        match reading:
            case Blank():
                yield run, progress
            case str():
                yield run, _refused(progress, 413, reading, run)
                if stated:  # silent: a line after completion that is too large besides
                    yield run, _broken(progress, _NOT_FINAL)
            case Broken(text):
                yield run, _broken(progress, text)
                if stated:  # silent: a line after completion that is broken besides
                    yield run, _broken(progress, _NOT_FINAL)
                elif run.complete and text == BAD_FINAL_SEQ:
                    # Silent: "200 again, whatever its final_seq", and "400: a bad final_seq".
                    yield run, replace(progress, closed=True)
            case _ if stated:
                yield run, _broken(progress, _NOT_FINAL)
            case Completion():
                # Silent: whether it takes effect when it comes, or when it turns out to be the last line.
                yield run, replace(progress, closing=reading)
                yield _complete(run, progress, reading)
            case Event():
                yield from self._take_event(run, replace(progress, events=progress.events + 1), reading)
            case _:
                assert_never(reading)

    def _take_event(self, run: Run, progress: _Progress, event: Event) -> Iterator[tuple[Run, _Progress]]:
        expected = run.last_accepted_seq + 1
        is_over = progress.events > self.limits.max_request_events
        if is_over:
            yield run, _refused(progress, 413, _TOO_MANY_EVENTS, run)
        # Silent: an event over the limit that would be refused anyway.
        if run.complete:
            yield run, _refused(progress, 409, "Task run stream is already complete", run)
        elif event.seq > expected:
            yield run, _refused(progress, 409, f"Expected sequence {expected}, got {event.seq}", run)
        elif is_over:
            return
        elif event.seq < expected:
            yield run, replace(progress, duplicate=progress.duplicate + 1)
        else:
            taken = replace(run, last_accepted_seq=expected, events=(*run.events, event.event))
            yield taken, replace(progress, accepted=progress.accepted + 1)


def _complete(run: Run, progress: _Progress, completion: Completion) -> tuple[Run, _Progress]:
    if not run.complete and completion.final_seq != run.last_accepted_seq:
        final, last = completion.final_seq, run.last_accepted_seq
        why = f"Cannot complete stream at sequence {final}; last accepted sequence is {last}"
        return run, _refused(progress, 409, why, run)
    return replace(run, complete=True), replace(progress, closed=True)


def _finish(run: Run, progress: _Progress) -> Iterator[tuple[Run, _Progress]]:
    match progress.closing:
        case Broken(text):
            yield run, _broken(progress, text)
            if not run.complete or text != BAD_FINAL_SEQ:
                return  # else silent, as in a line
        case Completion() as completion:
            run, progress = _complete(run, progress, completion)
    if progress.answer is None:
        last = run.last_accepted_seq
        taken = Answer.of(200, accepted=progress.accepted, duplicate=progress.duplicate, last_accepted_seq=last)
        progress = replace(progress, answer=taken)
    yield run, progress


def _broken(progress: _Progress, text: str) -> _Progress:
    return replace(progress, answer=Answer.of(400, error=text))


def _refused(progress: _Progress, status: int, text: str, run: Run) -> _Progress:
    return replace(progress, answer=Answer.of(status, error=text, last_accepted_seq=run.last_accepted_seq))


def _distinct(courses: Iterable[_Course]) -> list[_Course]:
    return list(dict.fromkeys(courses))
