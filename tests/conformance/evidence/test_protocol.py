"""How the judge reads the wire: beyond doubt, and in one place."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import conformance
from conformance.evidence.protocol import is_backends_own_error, read_last

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(conformance.__file__).parent
_READERS = ("evidence", "rules", "report")


@pytest.mark.parametrize(
    ("body", "last"),
    [
        ('{"last_accepted_seq": 0}', 0),
        ('{"accepted": 1, "last_accepted_seq": 8}', 8),
        ('{"error": "gap", "last_accepted_seq": 3}', 3),
        ('{"last_accepted_seq": -1}', None),
        ('{"last_accepted_seq": 8.0}', None),
        ('{"last_accepted_seq": "8"}', None),
        ('{"last_accepted_seq": true}', None),
        ('{"last_accepted_seq": null}', None),
        ('{"last_accepted_seq": 8', None),
        ("[8]", None),
        ("8", None),
        ("<html>", None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_a_last_number_is_read_only_where_it_is_beyond_doubt(body: str, last: int | None) -> None:
    """A whole number of 0 or more in a JSON object counts, and nothing that merely looks like one."""
    found = read_last(body)
    assert (found, type(found)) == (last, type(last))


@pytest.mark.parametrize(
    ("body", "is_own"),
    [
        ('{"error": "unauthorized"}', True),
        ('{"error": ""}', True),
        ('{"error": {"code": 401}}', False),
        ('{"error": null}', False),
        ('{"message": "unauthorized"}', False),
        ('"error"', False),
        ("<html>401</html>", False),
        ("", False),
    ],
)
def test_an_error_is_the_backends_own_only_in_its_form(body: str, *, is_own: bool) -> None:
    """A proxy may answer in JSON too; the backend's own error is a JSON object with a string `error`."""
    assert is_backends_own_error(body) is is_own


def _literals(node: ast.AST) -> list[object]:
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]


def _spelled_out(tree: ast.AST) -> Iterator[int]:
    """The lines that compare the status of an answer or the decision about a line to a literal, or name a status."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            compared = {side.attr for side in sides if isinstance(side, ast.Attribute)}
            if compared & {"decision", "status"} and any(_literals(side) for side in sides):
                yield node.lineno
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            # No other number of a reader lies in the range that statuses have.
            values = [each for each in _literals(node.value) if type(each) is int]
            if values and all(200 <= each <= 600 for each in values):
                yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        'line.decision == "accepted"',
        'line.decision in {"accepted", "duplicate"}',
        "request.answer.status != 409",
        "_REFUSED = frozenset({400, 413})",
        "_SUCCESS: Final = range(200, 300)",
        "_CONFLICT = 409",
    ],
)
def test_what_is_spelled_out_is_seen(line: str) -> None:
    """The next test would notice each of the forms in which the wire was read in many places."""
    assert list(_spelled_out(ast.parse(line))) == [1]


def test_statuses_and_decisions_are_written_once() -> None:
    """What reads a history takes the words of the wire from `evidence/protocol.py`."""
    found = [
        f"{path.relative_to(_ROOT)}:{line}"
        for folder in _READERS
        for path in sorted((_ROOT / folder).glob("*.py"))
        if path != _ROOT / "evidence" / "protocol.py"
        for line in _spelled_out(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
