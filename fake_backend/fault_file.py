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

import difflib
import re
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from fake_backend.errors import FaultFileError
from fake_backend.faults import Fault, FaultRule

_SELECTORS: Final = tuple(name for name in FaultRule.__struct_fields__ if name != "fault")
_KINDS: Final[dict[str, type[msgspec.Struct]]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Fault)}
_HINTS: Final = {kind: get_type_hints(of) | get_type_hints(FaultRule) for kind, of in _KINDS.items()}
_TABLE: Final = re.compile(r"\s*\[\[\s*[\"']?fault[\"']?\s*\]\]")


def load_faults(path: Path) -> tuple[FaultRule, ...]:
    """Read the rules of a file.

    Raises FaultFileError, which names the file, the fault with its line, the key, the value and what would be right.
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
    unknown = [key for key in content if key != "fault"]
    if unknown:
        raise FaultFileError(f"{source}: unknown key {unknown[0]!r}; a file of faults holds [[fault]] tables alone")
    tables = content.get("fault", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise FaultFileError(f"{source}: 'fault' is no array of tables; each rule begins with [[fault]]")
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if _TABLE.match(line)]
    rules = []
    for index, table in enumerate(tables):
        # The count differs where the rules are written as one inline array; then there is no line to name.
        line = f" (line {lines[index]})" if len(lines) == len(tables) else ""
        try:
            rules.append(rule_of_table(table))
        except ValueError as error:
            raise FaultFileError(f"{source}: fault {index + 1}{line}: {error}") from error
    return tuple(rules)


def rule_of_table(table: dict[str, Any]) -> FaultRule:
    """Read one rule. Raises ValueError, which names the key, the value and what would be right."""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        said = "kind is missing" if kind is None else f"kind is {kind!r}"
        raise ValueError(f"{said}; it is one of {', '.join(_KINDS)}{_guess(kind, _KINDS)}")
    fields = _KINDS[kind].__struct_fields__
    known = ("kind", *fields, *_SELECTORS)
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; {kind} knows {', '.join(known)}{_guess(key, known)}")
    hints = _HINTS[kind]
    table = {
        key: None if value is False and NoneType in get_args(hints.get(key)) else value for key, value in table.items()
    }
    fault = {key: value for key, value in table.items() if key not in _SELECTORS}
    selectors = {key: value for key, value in table.items() if key in _SELECTORS}
    try:
        return msgspec.convert({"fault": fault, **selectors}, FaultRule)
    except msgspec.ValidationError as error:
        raise ValueError(_told(str(error), table, hints)) from error


def table_of_rule(rule: FaultRule) -> dict[str, Any]:
    """Write one rule as the table that `rule_of_table` reads, without what it says by leaving it out."""
    fault = {"kind": rule.fault.__struct_config__.tag, **_told_fields(rule.fault)}
    return {**fault, **{key: value for key, value in _told_fields(rule).items() if key != "fault"}}


def _told_fields(struct: msgspec.Struct) -> dict[str, Any]:
    """Give the fields of a struct that aren't as they are when nothing is said, as a file says them."""
    told = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        unsaid = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if value != unsaid:
            told[field.name] = False if value is None else msgspec.to_builtins(value)
    return told


def _told(problem: str, table: dict[str, Any], hints: dict[str, Any]) -> str:
    """Name the key and the value in a message of msgspec, which says what it expected and at which `$.path`."""
    expected, _, path = problem.partition(" - at `")
    found = re.match(r"\$(?:\.fault)?\.(\w+)", path)
    if found is None or found[1] not in table:
        return expected
    key = found[1]
    if get_origin(hints[key]) is Literal:
        choices = tuple(map(str, get_args(hints[key])))
        return f"{key} is {table[key]!r}; it is one of {', '.join(choices)}{_guess(table[key], choices)}"
    return f"{key} is {table[key]!r}; {expected[0].lower()}{expected[1:]}"


def _guess(said: object, known: tuple[str, ...] | dict[str, Any]) -> str:
    close = difflib.get_close_matches(said, known, n=1) if isinstance(said, str) else []
    return f" (did you mean {close[0]}?)" if close else ""
