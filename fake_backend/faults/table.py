"""A rule as a flat table: the fault's keys and those that choose its requests, side by side.

This is how a rule is written in TOML (see `fault_file`) and in JSON.
"""

import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, get_args

import msgspec

from fake_backend.errors import FaultTableError, TableProblem
from fake_backend.faults import FaultRule
from fake_backend.faults.keys import HINTS, KEYS, KINDS, SELECTORS, Key, as_json
from fake_backend.spelling import did_you_mean


def rule_of_table(table: Mapping[str, Any]) -> FaultRule:
    """Make the rule that a table says; `false`, and in JSON null as well, stands for None where that may be.

    Raises FaultTableError with everything that is wrong: unknown keys, values of a wrong type, keys that are missing.
    What doesn't go together is told once all of that is right.
    """
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        said = f"kind is {kind!r}" if "kind" in table else "kind is missing"
        raise FaultTableError(
            [TableProblem("kind" if "kind" in table else None, f"{said}; it is one of {_named(KINDS, kind)}")]
        )
    keys = {**KEYS[kind], **SELECTORS}
    problems: list[TableProblem] = []
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in keys:
            try:
                values[name] = _convert(keys[name], value, HINTS[kind][name])
            except ValueError as error:
                problems.append(TableProblem(name, str(error)))
        elif name != "kind":
            problems.append(TableProblem(name, f"unknown key {name!r}; {kind} knows {_named(['kind', *keys], name)}"))
    problems += [
        TableProblem(None, f"{key.name} is missing; {kind} needs it: {key.meaning} ({key.type})")
        for key in keys.values()
        if key.required and key.name not in table
    ]
    if problems:
        raise FaultTableError(problems)
    try:
        fault = KINDS[kind](**{name: value for name, value in values.items() if name not in SELECTORS})
        return FaultRule(fault=fault, **{name: value for name, value in values.items() if name in SELECTORS})
    except ValueError as error:
        # Such a message begins with the key that it is about, or with one that the table leaves as it is by default.
        about = next((word for word in re.findall(r"\w+", str(error)) if word in table), None)
        raise FaultTableError([TableProblem(about, str(error))]) from error


def table_of_rule(rule: FaultRule) -> dict[str, Any]:
    """Write a rule as the table that `rule_of_table` reads, without what is as it is by default."""
    kind = str(rule.fault.__struct_config__.tag)
    table: dict[str, Any] = {"kind": kind}
    for part, keys in ((rule.fault, KEYS[kind]), (rule, SELECTORS)):
        for key in keys.values():
            value = as_json(getattr(part, key.name))
            if key.required or value != key.default:
                table[key.name] = False if value is None else value
    return table


def _convert(key: Key, value: object, hint: Any) -> object:
    if value is False and NoneType in get_args(hint):
        return None
    if isinstance(value, list) and not value:
        raise ValueError(f"{key.name} is empty: list at least one, or omit the key")
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        expected = f"it is one of {_named(key.choices, value)}" if key.choices else f"expected {key.type}"
        raise ValueError(f"{key.name} is {value!r}; {expected}") from error


def _named(known: Iterable[str | int], said: object) -> str:
    """Name what is known, and what may have been meant."""
    names = [str(name) for name in known]
    return ", ".join(names) + (did_you_mean(said, names) if isinstance(said, str) else "")
