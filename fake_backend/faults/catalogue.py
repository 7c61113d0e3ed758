"""The one catalogue of all faults: each kind with its keys and an example, and each way to choose requests.

It is read off the structs and what they say of themselves, so it can't get out of step with them.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc
from typing import Any, Final

import msgspec

from fake_backend.faults import PHASES, FaultRule, Phase, examples
from fake_backend.faults.keys import KEYS, KINDS, SELECTORS, Key

FAMILIES: Final[Mapping[str, str]] = {
    "timing": "Timing",
    "transfer": "How bytes move",
    "connection": "Connections",
    "answers": "Answers, and what is taken",
    "state": "What the backend knows",
}
"""What the faults of each family are about, in the order in which they are listed."""


class KindHelp(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of faults; `family` is what it is a fault of, and `details` what goes beyond the `summary`.

    `example` is a rule as a table, `shows` is what happens by it, and `toml` is both as the text of a file.
    """

    kind: str
    family: str
    summary: str
    details: str
    keys: tuple[Key, ...]
    example: dict[str, Any]
    shows: str
    toml: str


class SelectorHelp(Key, frozen=True, kw_only=True):
    """A key that chooses requests; the example as in `KindHelp`."""

    example: dict[str, Any]
    shows: str
    toml: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """All kinds of faults, by family, and all keys that choose requests; `choosing` says how these work together."""

    kinds: tuple[KindHelp, ...]
    selectors: tuple[SelectorHelp, ...]
    choosing: str
    phases: dict[Phase, str]


@cache
def catalogue() -> Catalogue:
    """Give the catalogue."""
    kinds = [_kind(kind) for kind in KINDS]
    return Catalogue(
        kinds=tuple(sorted(kinds, key=lambda each: list(FAMILIES).index(each.family))),
        selectors=tuple(
            SelectorHelp(**msgspec.structs.asdict(key), **_example(examples.SELECTORS[name]))
            for name, key in SELECTORS.items()
        ),
        choosing=_paragraphs(FaultRule)[1],
        phases=dict(PHASES),
    )


def _kind(kind: str) -> KindHelp:
    struct = KINDS[kind]
    summary, details = _paragraphs(struct)
    return KindHelp(
        kind=kind,
        family=struct.__module__.rpartition(".")[2],
        summary=summary,
        details=details,
        keys=tuple(KEYS[kind].values()),
        **_example(struct.example),
    )


def _paragraphs(struct: type) -> tuple[str, str]:
    """Give the first line of a docstring, and the rest."""
    summary, _, details = cleandoc(struct.__doc__ or "").partition("\n")
    return summary, details.strip()


def _example(text: str) -> dict[str, Any]:
    text = cleandoc(text)
    shows = text.partition("\n")[0].removeprefix("# ")
    (table,) = tomllib.loads(text)["fault"]
    return {"example": table, "shows": shows, "toml": text}


def type_of(key: Key) -> str:
    """Say what a value of the key is: its type, or the values there are."""
    return ", ".join(map(str, key.choices)) or key.type


def default_of(key: Key) -> str:
    """Say what the value of the key is where none is given."""
    if key.required:
        return "required"
    match key.default:
        case None:
            return "none"
        case bool(default):
            return str(default).lower()
        case list() | dict() as default if not default:
            return "none"
        case default:
            return str(default)
