"""In which lines of a TOML text the tables of an array and their keys are.

`tomllib` says what a text holds and not where. But each of its statements (`key = value`, or the head of a table) is
TOML by itself and ends at the end of a line, and no part of a statement that is cut at a line is; so reading on until
what there is makes sense finds them all.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLines:
    """The line in which a table begins, and that of each of its keys, from 1."""

    begins: int
    keys: dict[str, int] = field(default_factory=dict)


def find_lines(text: str, array: str) -> tuple[dict[str, int], list[TableLines]]:
    """Find the keys outside of all tables, heads of other tables among them, and the tables of an array, in a TOML."""
    outside: dict[str, int] = {}
    tables: list[TableLines] = []
    keys = outside
    for line, name, value, is_head in _statements(text):
        if not is_head:
            keys.setdefault(name, line)
            if keys is outside and name == array and isinstance(value, list):
                tables += [TableLines(begins=line) for _ in value]
        elif name == array and value == [{}]:
            tables.append(TableLines(begins=line))
            keys = tables[-1].keys
        else:
            keys = {}
            if name == array and tables:  # the head of a table within the last one
                tables[-1].keys.setdefault(next(iter(value)), line)
            else:
                outside.setdefault(name, line)
    return outside, tables


def _statements(text: str) -> Iterator[tuple[int, str, Any, bool]]:
    """Give the line, the key and the value of each statement, and whether it is the head of a table."""
    lines = text.replace("\r\n", "\n").split("\n")
    start = 0
    for end in range(1, len(lines) + 1):
        try:
            statement = tomllib.loads("\n".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
        for name, value in statement.items():  # none in an empty line and a comment
            yield start + 1, name, value, lines[start].lstrip().startswith("[")
        start = end
