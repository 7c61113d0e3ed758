"""The rules that a sender is known to fail: a file that a team keeps, so that its CI tells what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.errors import KnownFailuresError, UnknownRuleError
from conformance.judging.verdicts import Judgement
from conformance.rules.catalogue import rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.judging.verdicts import Verdict


def read_known_failures(path: Path) -> dict[str, str]:
    """The reasons by the ids of rules. A line is an id and a reason; what follows a # at its beginning is a comment.

    Raises:
        KnownFailuresError: It can't be read, or a line is something else; the message says which.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KnownFailuresError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnownFailuresError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    reasons: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, reason = line.strip().partition(" ")
        name = name.removesuffix(":")
        try:
            rule = rule_of(name)
        except UnknownRuleError as error:
            raise KnownFailuresError(f"{path}, line {number}: {error}") from error
        if not reason.strip():
            raise KnownFailuresError(f"{path}, line {number}: {rule.id} lacks a reason; a line is an id and a reason")
        if rule.id in reasons:
            raise KnownFailuresError(f"{path}, line {number}: {rule.id} is there twice")
        reasons[rule.id] = reason.strip()
    return reasons


def note_known_failures(verdicts: Sequence[Verdict], reasons: dict[str, str]) -> list[str]:
    """Mark the rules that are known to fail, and give what is wrong with the list, in sentences.

    A rule of the list must fail: it is an error if it passes, or if it wasn't judged at all.
    """
    by_id = {verdict.rule.id: verdict for verdict in verdicts}
    wrong = []
    for rule_id, reason in reasons.items():
        verdict = by_id.get(rule_id)
        if verdict is None:
            wrong.append(f"{rule_id} is known to fail, and was not among the rules that were judged")
        elif verdict.judgement is Judgement.FAILED:
            verdict.known = reason
        else:
            wrong.append(f"{rule_id} is known to fail, and it {_WORDS[verdict.judgement]}: take it off the list")
    return wrong


_WORDS = {
    Judgement.PASSED: "passed",
    Judgement.SKIPPED: "was skipped",
    Judgement.NOT_JUDGED: "could not be judged",
}
