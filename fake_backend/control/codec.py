"""From the types of `api` to JSON and back."""

import json
from typing import Any, TypeVar

import msgspec

from fake_backend.control.api import RuleTable
from fake_backend.faults.table import rule_of_table, table_of_rule

T = TypeVar("T")


def encode(said: object) -> bytes:
    """Write JSON, on one line."""
    try:
        return msgspec.json.encode(said, enc_hook=_to_table)
    except UnicodeEncodeError:
        # Lone surrogates, as in `records.encode_record`.
        return json.dumps(msgspec.to_builtins(said, enc_hook=_to_table)).encode()


def decode(written: bytes) -> Any:
    """Read JSON, also what `encode` wrote of lone surrogates. Raises ValueError for anything else."""
    try:
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        return json.loads(written)


def convert(said: object, wanted: type[T], *, strict: bool = True) -> T:
    """Read what came out of JSON. Raises msgspec.ValidationError, which names what was expected, and where."""
    return msgspec.convert(said, wanted, strict=strict, dec_hook=_from_table)


def _to_table(said: object) -> object:
    if isinstance(said, RuleTable):
        return table_of_rule(said.rule)
    raise NotImplementedError(f"{type(said).__name__} is not written as JSON")


def _from_table(_wanted: type, said: Any) -> RuleTable:
    if not isinstance(said, dict):
        raise ValueError(f"The body is {said!r:.100}; it must be an object")  # noqa: TRY004 - msgspec tells ValueErrors
    return RuleTable(rule_of_table(said))
