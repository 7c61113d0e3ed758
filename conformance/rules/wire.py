"""WIRE: what goes out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from conformance.evidence.alterations import difference
from conformance.evidence.history import StrayRequest
from conformance.evidence.protocol import COMPLETION_TYPE, CONTENT_TYPE, IGNORED, REDIRECTS, TOO_LARGE

if TYPE_CHECKING:
    from conformance.evidence.facts import Facts
    from conformance.rules.findings import Findings
    from fake_backend.records import LineReceived


def one_object_a_line(facts: Facts, found: Findings) -> None:
    """WIRE-1: every line is one JSON object of `seq` and `event`."""
    for run in facts.index.runs.values():
        for line in run.lines:
            if line.decision == TOO_LARGE or _is_completion(line):  # the one is not read to its end
                continue
            found.count()
            if not line.well_formed:
                found.violate(f"a line is not one JSON object of seq and event: {line.raw!r}", line)


def _is_completion(line: LineReceived) -> bool:
    """Whether it is a completion that a fault left unread; one that was read has a record of its own."""
    return line.decision == IGNORED and line.raw is not None and f'"{COMPLETION_TYPE}"' in line.raw


def token_and_type_on_every_request(facts: Facts, found: Findings) -> None:
    """WIRE-2: bearer token and content type on every request."""
    tokens = {sender.run_id: sender.opened.token for sender in facts.index.senders.values()}
    for request in facts.index.requests.values():
        started = request.started
        found.count()
        token = tokens.get(started.run_id or "")
        if token is None:
            found.violate(f"a request went to a path that belongs to no run of the senders: {started.path}", started)
        elif started.authorization != f"Bearer {token}":
            found.violate(
                f"request {request.number} ({request.kind}) says Authorization {started.authorization!r}, "
                f"not 'Bearer {token}'",
                started,
            )
        if (started.content_type or "").split(";")[0].strip().lower() != CONTENT_TYPE:
            found.violate(
                f"request {request.number} ({request.kind}) says Content-Type {started.content_type!r}, "
                f"not {CONTENT_TYPE!r}",
                started,
            )


def numbers_rise_by_one(facts: Facts, found: Findings) -> None:
    """WIRE-3: inside a window the numbers rise by exactly one."""
    for run in facts.index.runs.values():
        for request in run.data:
            for line, following in itertools.pairwise(request.lines):
                if line.seq is None or following.seq is None:  # one that can't be read is for WIRE-1 to tell
                    continue
                found.count()
                if following.seq != line.seq + 1:
                    found.violate(
                        f"in request {request.number}, number {line.seq} is followed by {following.seq}",
                        line,
                        following,
                    )


def events_arrive_as_they_were(facts: Facts, found: Findings) -> None:
    """WIRE-4: the event on the wire equals the event at the call of `enqueue`."""
    for run in facts.index.runs.values():
        found.count(sum(line.event is not None for line in run.lines))
        for line, call in facts.alterations.lines(run):  # an event of another run's is for DLV-8 to tell
            if call is None:
                found.violate("an event arrived that was never enqueued in this form", line)
                continue
            differs = difference(call.event, line.event)
            found.violate(
                f"an event arrived that was never enqueued in this form; the nearest that was differs: {differs}",
                call,
                line,
            )


def token_stays_at_its_origin(facts: Facts, found: Findings) -> None:
    """WIRE-5: redirects are not followed."""
    redirects = [
        request.answer
        for request in facts.index.requests.values()
        if request.answer is not None and request.answer.status in REDIRECTS
    ]
    found.count(len(redirects))
    for stray in facts.index.of(StrayRequest):
        carried = "with the token" if stray.authorization else "without the token"
        found.violate(f"a redirect was followed to {stray.origin}, {carried}", *redirects[:1], stray)
