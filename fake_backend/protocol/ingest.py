"""Where a line is taken: the state of a run, and the work of one request on it. No I/O, no clock.

A run is one number, `last_accepted_seq`, and whether it is complete. A request brings lines; each is decided on its
own, in order, and a line that was taken stays taken whatever happens later in the request. Several requests may work
on one run at a time: each line is decided against the run as it is at that moment.

    seq <= last_accepted_seq        duplicate: ignored, counted
    seq == last_accepted_seq + 1    accepted
    anything else                   gap: 409, and the rest isn't read
    any, in a complete run          409

A completion is decided when the body has ended, because only then is it known that it was the last line; a body that
breaks off after its completion line has completed nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from fake_backend.faults import Duplicate, Fault, Partial, Poison
from fake_backend.protocol import answers
from fake_backend.protocol.answers import Answer
from fake_backend.protocol.lines import BadLine, CompletionLine, EventLine, Overflow, parse_line
from fake_backend.records import (
    BackendRecord,
    CompletionDecision,
    CompletionReceived,
    FaultStruck,
    LineDecision,
    LineReceived,
)

RAW_BYTES: Final = 1_000
"""How much of a line that isn't well-formed is kept in its record."""

LINE_AFTER_COMPLETION: Final = "Completion line must be the final event stream line"

Write: TypeAlias = Callable[[BackendRecord], None]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a request may carry. Sizes are bytes; a line is counted without its newline, a body with them.

    Exactly as much as a limit is allowed; one more is a 413 (wire protocol, "Answers"). Raises ValueError for a limit
    below 1.

    `proxy_request_bytes` is the limit of a proxy in front, None for no such proxy. It refuses a larger body whole, with
    a page that says nothing of numbers; a body whose length isn't announced it holds until its end, so that lines then
    aren't decided as they arrive.
    """

    max_line_bytes: int = 1_000_000
    max_request_bytes: int = 5_000_000
    max_request_events: int = 1_000
    proxy_request_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value!r}; a limit is an integer from 1")


class Run:
    """The state of one run.

    `epoch` is that of the writer that has fenced the run, 0 where none has. `requests` counts those at work on it, and
    `times_set` how often its state was changed from outside.
    """

    __slots__ = ("complete", "epoch", "last_accepted_seq", "requests", "run_id", "times_set")

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.last_accepted_seq = 0
        self.complete = False
        self.epoch = 0
        self.requests = 0
        self.times_set = 0

    @property
    def is_blank(self) -> bool:
        """Whether the run is as one that just begins."""
        return not (self.last_accepted_seq or self.complete or self.epoch)

    def forget(self) -> None:
        """Begin anew. What is under way goes on from here."""
        self.last_accepted_seq = 0
        self.complete = False
        self.epoch = 0
        self.times_set += 1


class RequestIngest:
    """The work of one request on a `run`: lines in, records out, and the answer.

    `write` is given a record of every decision. While `ignoring` is set, lines are read and not taken; `partial`
    sets it in time. `poisons` say which lines are refused for their content, and `duplicated_by` that a 200 tells all
    as duplicates. Those three are faults, and None or empty without them.
    """

    __slots__ = (
        "_completion",
        "_events",
        "_limits",
        "_own_count",
        "_request",
        "_write",
        "accepted",
        "duplicate",
        "duplicated_by",
        "ignoring",
        "lines",
        "partial",
        "poisons",
        "run",
    )

    def __init__(self, run: Run, *, request: int, write: Write, limits: Limits) -> None:
        self.run = run
        self._request = request
        self._write = write
        self._limits = limits
        self._events = 0
        self._completion: CompletionLine | None = None
        self._own_count: tuple[int, int] | None = None
        self.ignoring = False
        self.partial: Partial | None = None
        self.poisons: Sequence[Poison] = ()
        self.duplicated_by: Duplicate | None = None
        self.accepted = 0
        self.duplicate = 0
        self.lines = 0

    def count_alone(self) -> None:
        """Go by where the run stands now, and count on from there, whatever other requests take meanwhile.

        It is a fault: number 4 may then be stored twice, if this request and another both stood at 3.
        """
        self._own_count = self.run.times_set, self.run.last_accepted_seq

    def take(self, lines: Iterable[bytes], *, time: float) -> Answer | None:
        """Decide lines in order, up to the first that is refused; give the answer that refuses it, or None."""
        for line in lines:
            if self.partial is not None and self.lines >= self.partial.lines and not self.ignoring:
                self.ignoring = True
                self._record_fault(self.partial, time)
            self.lines += 1
            if self.ignoring:
                self._ignore(line, time)
            elif (refusal := self._take_line(line, time)) is not None:
                return refusal
        return None

    def refuse_overflow(self, overflow: Overflow, *, time: float) -> Answer:
        """Refuse what goes past a limit of bytes. The line in question was never read whole."""
        if overflow == "request":
            return answers.request_too_large(self.run.last_accepted_seq)
        self.lines += 1
        record = LineReceived(
            time=time,
            request=self._request,
            run_id=self.run.run_id,
            size=self._limits.max_line_bytes + 1,
            decision="too-large",
            well_formed=False,
        )
        self._write(record)
        return answers.line_too_large(self.run.last_accepted_seq)

    def finish(self, *, time: float, header_final_seq: int | None = None) -> Answer:
        """Decide the completion, if one was asked for, now that the body has ended; give the request's answer.

        A completion by headers comes after the lines of its body, if it has any. Where both forms are there, the line
        counts and the headers are not looked at.
        """
        if self._completion is not None:
            refusal = self._complete(self._completion.final_seq, "line", time)
        elif header_final_seq is not None and not self.ignoring:
            refusal = self._complete(header_final_seq, "headers", time)
        else:
            refusal = None
        if refusal is not None:
            return refusal
        if self.duplicated_by is not None and self.accepted:
            self._record_fault(self.duplicated_by, time)
            return answers.taken(
                accepted=0, duplicate=self.accepted + self.duplicate, last_accepted_seq=self.run.last_accepted_seq
            )
        return answers.taken(
            accepted=self.accepted, duplicate=self.duplicate, last_accepted_seq=self.run.last_accepted_seq
        )

    def refuse_completion_headers(self, text: str, *, time: float) -> Answer:
        """Refuse completion headers that can't be understood, before anything of the body is read."""
        self._record_completion(None, "headers", "invalid", time)
        return answers.bad_request(text)

    def _take_line(self, line: bytes, time: float) -> Answer | None:
        parsed = parse_line(line)
        held = self._completion
        if held is not None:
            # Whatever follows, the completion wasn't the last line after all; what follows is told by its own fault.
            self._completion = None
            self._record_completion(held.final_seq, "line", "invalid", time)
        match parsed:
            case EventLine() if held is None:
                if self.poisons and (poison := self._poison_in(line)) is not None:
                    return self._refuse(parsed, line, poison, time)
                return self._take_event(parsed, line, time)
            case CompletionLine() if held is None:
                self._completion = parsed
                return None
            case EventLine():
                self._record_line(parsed, line, "invalid", time)
                return answers.bad_request(LINE_AFTER_COMPLETION)
            case CompletionLine(final_seq):
                self._record_completion(final_seq, "line", "invalid", time)
                return answers.bad_request(LINE_AFTER_COMPLETION)
            case BadLine(text, completion=True):
                self._record_completion(None, "line", "invalid", time)
                return answers.bad_request(text)
            case BadLine(text):
                self._record_line(None, line, "invalid", time)
                return answers.bad_request(text)
            case _:
                assert_never(parsed)

    def _take_event(self, parsed: EventLine, line: bytes, time: float) -> Answer | None:
        run = self.run
        self._events += 1
        expected = self._stands_at() + 1
        decision: LineDecision
        refusal: Answer | None = None
        if self._events > self._limits.max_request_events:
            decision, refusal = "too-large", answers.too_many_events(run.last_accepted_seq)
        elif run.complete:
            decision, refusal = "complete", answers.already_complete(run.last_accepted_seq)
        elif parsed.seq == expected:
            decision = "accepted"
            self.accepted += 1
            run.last_accepted_seq = max(run.last_accepted_seq, expected)
            if self._own_count is not None:
                self._own_count = run.times_set, expected
        elif parsed.seq < expected:
            decision = "duplicate"
            self.duplicate += 1
        else:
            decision, refusal = "gap", answers.gap(expected=expected, got=parsed.seq)
        self._record_line(parsed, line, decision, time)
        return refusal

    def _stands_at(self) -> int:
        """Give the number that the next line is held against, less one."""
        if self._own_count is not None and self._own_count[0] != self.run.times_set:
            self.count_alone()  # what is set from outside is seen by all
        return self.run.last_accepted_seq if self._own_count is None else self._own_count[1]

    def _poison_in(self, line: bytes) -> Poison | None:
        return next((poison for poison in self.poisons if poison.containing.encode() in line), None)

    def _refuse(self, parsed: EventLine, line: bytes, poison: Poison, time: float) -> Answer:
        self._record_fault(poison, time)
        self._record_line(parsed, line, "refused", time)
        if poison.status == 413:  # noqa: PLR2004 - as the fault says it: Too Large
            return answers.line_too_large(self.run.last_accepted_seq)
        return answers.bad_request("Event payload must be an object")

    def _ignore(self, line: bytes, time: float) -> None:
        parsed = parse_line(line)
        self._record_line(parsed if isinstance(parsed, EventLine) else None, line, "ignored", time)

    def _complete(self, final_seq: int, by: Literal["line", "headers"], time: float) -> Answer | None:
        run = self.run
        refusal: Answer | None = None
        decision: CompletionDecision
        if run.complete:
            decision = "already-complete"
        elif final_seq == run.last_accepted_seq:
            decision = "completed"
            run.complete = True
        else:
            decision = "mismatch"
            refusal = answers.completion_mismatch(final_seq=final_seq, last_accepted_seq=run.last_accepted_seq)
        self._record_completion(final_seq, by, decision, time)
        return refusal

    def _record_fault(self, fault: Fault, time: float) -> None:
        self._write(FaultStruck(time=time, request=self._request, fault=fault))

    def _record_line(self, parsed: EventLine | None, line: bytes, decision: LineDecision, time: float) -> None:
        exact = parsed is not None and parsed.exact
        self._write(
            LineReceived(
                time=time,
                request=self._request,
                run_id=self.run.run_id,
                size=len(line),
                decision=decision,
                seq=None if parsed is None else parsed.seq,
                event=None if parsed is None else parsed.event,
                raw=None if exact else line[:RAW_BYTES].decode(errors="replace"),
                well_formed=exact,
            )
        )

    def _record_completion(
        self, final_seq: int | None, by: Literal["line", "headers"], decision: CompletionDecision, time: float
    ) -> None:
        self._write(
            CompletionReceived(
                time=time,
                request=self._request,
                run_id=self.run.run_id,
                final_seq=final_seq,
                by=by,
                decision=decision,
            )
        )
