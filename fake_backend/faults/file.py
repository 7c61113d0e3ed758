"""Rules of faults in a TOML file, one table a rule, with the fault's fields and the rule's side by side.

[[fault]]
kind = "reset_peer"
phase = "after-accept"
every = 3

[[fault]]
kind = "latency"
seconds = 0.05
of = "data"
requests = [1, 4]

TOML has no word for nothing; `false` stands for it where a key may be None in Python.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fake_backend.errors import FaultFileError, FaultTableError
from fake_backend.faults import FaultRule
from fake_backend.faults.table import rule_of_table
from fake_backend.faults.toml_lines import find_lines


def load_faults(path: Path) -> tuple[FaultRule, ...]:
    """Read the rules of a file.

    Raises FaultFileError, which has a line for each thing that is wrong, and names the file, the rule, the line of the
    key, the value and what would be right.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FaultFileError(f"{path}: can't be read: {error}") from error
    return parse_faults(text, source=str(path))


def parse_faults(text: str, *, source: str = "faults") -> tuple[FaultRule, ...]:
    """Read the rules in a text of TOML; `source` names it in errors. Raises FaultFileError, as `load_faults` does."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FaultFileError(f"{source}: not TOML: {error}") from error  # its message names line and column
    rules: list[FaultRule] = []
    problems = list(_read(content, text, rules))
    if problems:
        raise FaultFileError("\n".join(f"{source}: {problem}" for problem in problems))
    return tuple(rules)


def _read(content: dict[str, Any], text: str, rules: list[FaultRule]) -> Iterator[str]:
    """Read the rules, and give what is wrong."""
    outside, lines = find_lines(text, "fault")
    for key in (key for key in content if key != "fault"):
        yield f"unknown key {key!r} (line {outside[key]}); a file of faults holds [[fault]] tables alone"
    tables = content.get("fault", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        yield f"'fault' (line {outside['fault']}) is no array of tables; each rule begins with [[fault]]"
        return
    for number, (table, at) in enumerate(zip(tables, lines, strict=True), start=1):
        try:
            rules.append(rule_of_table(table))
        except FaultTableError as error:
            for problem in error.problems:
                yield f"fault {number} (line {at.keys.get(problem.key or '', at.begins)}): {problem.text}"
