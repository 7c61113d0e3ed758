"""A report as data: the one structure that report.json, junit.xml and report.html are made of.

All text in it can be printed: see `conformance.escaping`. Times are seconds since the beginning of the history
that they are from.
"""

from typing import Literal, TypeAlias

import msgspec

from conformance.judging.verdicts import Judgement
from conformance.rules.catalogue import Level

Lane: TypeAlias = Literal["sender", "network", "backend"]
Tone: TypeAlias = Literal["plain", "good", "bad"]

MomentKind: TypeAlias = Literal[
    "call",
    "request",
    "lines",
    "completion",
    "body-end",
    "fault",
    "answer",
    "broken",
    "state",
    "outage",
    "trouble",
    "stray",
]


class Moment(msgspec.Struct, frozen=True, kw_only=True, tag="moment"):
    """One row of a timeline: a record, or a few of the same kind that followed each other.

    Args:
        kind: What happened.
        at: When, or when the first of them did.
        until: When the last of them did.
        lane: Where it happened, or where it started from.
        to: Where it went, for what is an arrow.
        tone: Whether it is good or bad news for the sender, or neither.
        label: What happened, in a few words.
        words: The records in a sentence each.
        more: How many records there are beyond those in `words`.
        marks: The letters of those of its records that contradict a rule.
        request: The number of the request that it belongs to.
    """

    kind: MomentKind
    at: float
    until: float
    lane: Lane
    to: Lane | None
    tone: Tone
    label: str
    words: tuple[str, ...]
    more: int
    marks: tuple[str, ...]
    request: int | None


class Omission(msgspec.Struct, frozen=True, kw_only=True, tag="omission"):
    """A row of a timeline that stands for n rows (`moments`) which are left out."""

    at: float
    until: float
    moments: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What lasted from the row `first` to the row `last`: a request, an outage, or trouble on the network."""

    kind: Literal["request", "outage", "trouble"]
    lane: Lane
    first: int
    last: int
    label: str


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a history, in rows; where it is long, the neighborhood of the records that matter.

    `moments` is how many there are in all.
    """

    rows: tuple[Moment | Omission, ...]
    spans: tuple[Span, ...]
    moments: int


class RecordTold(msgspec.Struct, frozen=True, kw_only=True):
    """A record behind a contradiction; `mark` is its letter in the timeline, if it is drawn there."""

    mark: str | None
    kind: str
    at: float
    words: str


class Contradiction(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule was broken, and the few records that contradict each other."""

    rule: str
    sentence: str
    records: tuple[RecordTold, ...]


class FailedScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario in which a rule was broken.

    There are `more` contradictions than those that are listed; `said` are the last lines that its adapter wrote to
    standard error; only the first few scenarios of a rule have a timeline.
    """

    name: str
    story: str
    contradictions: tuple[Contradiction, ...]
    more: int
    said: tuple[str, ...]
    timeline: Timeline | None


class Unjudged(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no judgement from some scenarios."""

    message: str
    scenarios: tuple[str, ...]


class RuleReport(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a rule, with what it takes to understand it.

    Args:
        id: Its id, such as DLV-2.
        family: The part of it before the number.
        level: How binding it is.
        capability: What a sender must claim for it to bind.
        claim: What it demands.
        loss: What is lost where it is broken.
        fix: How to fix that.
        judgement: The verdict in a word.
        is_unseen: Whether it failed only because scenarios gave it nothing to judge, which mostly follows from others.
        known: Why it is known to fail, where it is.
        skipped: Why it was skipped, where it was.
        scenarios: How many scenarios that attack it were performed.
        failed_in: In how many scenarios it was broken.
        failures: The scenarios in which it was broken, those that show it best first.
        unjudged: Where it could not be judged, and why.
        replay: The command that judges it again, where it was broken or could not be judged.
    """

    id: str
    family: str
    level: Level
    capability: str | None
    claim: str
    loss: str
    fix: str
    judgement: Judgement
    is_unseen: bool
    known: str | None
    skipped: str | None
    scenarios: int
    failed_in: int
    failures: tuple[FailedScenario, ...]
    unjudged: tuple[Unjudged, ...]
    replay: str | None

    @property
    def word(self) -> str:
        """The verdict as a person reads it: a failure that is known, or of what was not seen, is told from others."""
        if self.known is not None:
            return "known"
        return "not seen" if self.is_unseen else str(self.judgement)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rules there are of each verdict; those that are known to fail, or unseen, are among the failed."""

    passed: int
    failed: int
    unseen: int
    known: int
    skipped: int
    not_judged: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report on a sender.

    Args:
        subject: The sender.
        world: Where it was judged.
        level: How far it conforms; None where not every MUST rule was among what was judged.
        headline: The verdict in a line: the level, or what became of the rules that were judged.
        counts: How many rules passed, failed, and so on.
        begin_with: Where many rules failed: the ids of those that failed where no other did; the rest may follow.
        rules: The rules, in the order of the catalogue.
        made_by: The program and its version.
        format: What this is; it changes when a reader must.
    """

    subject: str
    world: str
    level: str | None
    headline: str
    counts: Counts
    begin_with: tuple[str, ...]
    rules: tuple[RuleReport, ...]
    made_by: str
    format: Literal["sendproof-report/1"] = "sendproof-report/1"
