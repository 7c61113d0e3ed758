"""The catalogue: every rule, with its level, its claim, what its failure costs, and its checker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.capabilities import CAPABILITIES
from conformance.errors import SuiteError, UnknownRuleError
from conformance.rules import delivery, drain, liveness, retry, sequence, windows, wire
from fake_backend.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from conformance.evidence.facts import Facts
    from conformance.rules.findings import Findings

    Checker: TypeAlias = Callable[[Facts, Findings], None]


class Level(StrEnum):
    """How binding a rule is."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    OPTIONAL = "OPTIONAL"
    """Binding for a sender that claims the rule's capability, and skipped for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the catalogue.

    Attributes:
        id: By which it is known, for good.
        level: How binding it is.
        claim: What it says.
        loss: What is lost where it is broken, in a sentence.
        unseen: What was not seen where there was nothing to judge, and which rules to look at then, in a clause.
        why: How that shows in production.
        causes: What commonly breaks it.
        fix: What to do about it.
        check: Judges the facts of one history, however it came about.
        capability: What a sender must claim to be bound by it.
    """

    id: str
    level: Level
    claim: str
    loss: str
    unseen: str
    why: str
    causes: tuple[str, ...]
    fix: str
    check: Checker
    capability: str | None = None

    @property
    def family(self) -> str:
        """The beginning of its id, which it shares with those that are about the same."""
        return self.id.partition("-")[0]


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    """What rules.toml says of a rule."""

    level: Level
    claim: str
    loss: str
    unseen: str
    why: str
    causes: tuple[str, ...]
    fix: str
    capability: str | None = None


_CHECKERS: dict[str, Checker] = {
    "WIRE-1": wire.one_object_a_line,
    "WIRE-2": wire.token_and_type_on_every_request,
    "WIRE-3": wire.numbers_rise_by_one,
    "WIRE-4": wire.events_arrive_as_they_were,
    "WIRE-5": wire.token_stays_at_its_origin,
    "SEQ-1": sequence.starts_where_the_backend_is,
    "SEQ-2": sequence.rebases_on_conflict,
    "SEQ-3": sequence.keeps_numbers_while_in_doubt,
    "SEQ-4": sequence.one_window_at_a_time,
    "SEQ-5": sequence.no_gap_on_purpose,
    "DLV-1": delivery.nothing_is_lost,
    "DLV-2": delivery.nothing_is_doubled,
    "DLV-3": delivery.order_is_kept,
    "DLV-4": delivery.a_prefix_is_kept,
    "DLV-5": delivery.a_duplicate_is_delivered,
    "DLV-6": delivery.success_without_a_number_is_no_acknowledgement,
    "DLV-7": delivery.only_what_was_sent_is_acknowledged,
    "DLV-8": delivery.runs_do_not_mix,
    "RTY-1": retry.tries_again,
    "RTY-2": retry.no_hot_loop,
    "RTY-3": retry.retry_after_is_a_lower_bound,
    "RTY-4": retry.delays_grow_and_differ,
    "RTY-5": retry.success_resets_the_delay,
    "RTY-6": retry.final_answers_are_final,
    "RTY-7": retry.poison_is_singled_out,
    "RTY-8": retry.the_timeout_covers_every_phase,
    "RTY-9": retry.downtime_is_waited_for,
    "WIN-1": windows.windows_keep_their_limits,
    "WIN-2": windows.events_keep_their_limit,
    "WIN-3": windows.the_buffer_is_bounded,
    "WIN-4": windows.the_unserializable_is_refused_alone,
    "WIN-5": windows.a_burst_is_batched,
    "LIV-1": liveness.enqueue_returns_at_once,
    "LIV-2": liveness.an_idle_sender_delivers_soon,
    "LIV-3": liveness.an_idle_sender_is_silent,
    "DRN-1": drain.stop_delivers_and_completes,
    "DRN-2": drain.completion_comes_last,
    "DRN-3": drain.stop_returns_by_its_deadline,
    "DRN-4": drain.the_report_is_true,
    "DRN-5": drain.nothing_is_sent_after_stop,
    "DRN-6": drain.enqueue_after_stop_is_refused,
    "DRN-7": drain.stopping_twice_is_stopping_once,
    "DRN-8": drain.stopping_without_sending_completes,
    "DRN-9": drain.a_lost_completion_settles,
    "DRN-10": drain.a_refused_completion_leads_on,
    "DRN-11": drain.a_complete_run_is_final,
    "DRN-12": drain.a_handoff_leaves_the_run_open,
}


def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules as rules.toml has them, each with its checker.

    Raises:
        SuiteError: A key of a rule is missing, unknown or of the wrong kind, or the checkers know other rules; the
            message names the rule and the key.
    """
    tables = msgspec.toml.decode(text, type=dict[str, Any])
    if tables.keys() != _CHECKERS.keys():
        differ = ", ".join(sorted(tables.keys() ^ _CHECKERS.keys()))
        raise SuiteError(f"rules.toml and the checkers don't know the same rules: {differ}")
    return tuple(_read_rule(rule_id, table) for rule_id, table in tables.items())


def _read_rule(rule_id: str, table: Any) -> Rule:
    try:
        said = msgspec.convert(table, _Text)
    except msgspec.ValidationError as error:
        raise SuiteError(f"rules.toml, {rule_id}: {error}") from error
    if said.capability is not None and said.capability not in CAPABILITIES:
        known = ", ".join(sorted(CAPABILITIES))
        raise SuiteError(f"rules.toml, {rule_id}: capability is {said.capability!r}; known capabilities are {known}")
    return Rule(id=rule_id, check=_CHECKERS[rule_id], **msgspec.structs.asdict(said))


RULES = read_rules(resources.files("conformance.rules").joinpath("rules.toml").read_text(encoding="utf-8"))

_BY_ID = {rule.id: rule for rule in RULES}


def rule_of(rule_id: str) -> Rule:
    """The rule of that id; case doesn't matter.

    Raises:
        UnknownRuleError: There is none; the message names those that are nearly like it.
    """
    wanted = rule_id.strip().upper()
    if wanted in _BY_ID:
        return _BY_ID[wanted]
    hint = did_you_mean(wanted, _BY_ID, n=3, cutoff=0.5)
    raise UnknownRuleError(f"no rule is called {rule_id!r}{hint}")
