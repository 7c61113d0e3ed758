"""The one catalogue of all faults: each kind with its keys and an example, and each way to choose requests.

It is read off the structs and what they say of themselves, so it can't get out of step with them.
`python -m fake_backend.fault_help > docs/faults.md` makes the page of the docs.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import cleandoc
from typing import Any, Final

import msgspec

from fake_backend import fault_examples
from fake_backend.fault_keys import KEYS, KINDS, SELECTORS, Key
from fake_backend.faults import PHASES, FaultRule, Phase

FAMILIES: Final = {
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
            SelectorHelp(**msgspec.structs.asdict(key), **_example(fault_examples.SELECTORS[name]))
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
        **_example(fault_examples.KINDS[kind]),
    )


def _paragraphs(struct: type) -> tuple[str, str]:
    """Give the first line of a docstring, and the rest."""
    summary, _, details = cleandoc(struct.__doc__ or "").partition("\n")
    return summary, details.strip()


def _example(text: str) -> dict[str, Any]:
    text = text.strip()
    shows = text.partition("\n")[0].removeprefix("# ")
    (table,) = tomllib.loads(text)["fault"]
    return {"example": table, "shows": shows, "toml": text}


_INTRODUCTION: Final = """\
# Faults

<!-- Made by `python -m fake_backend.fault_help > docs/faults.md`; edit the docstrings in fake_backend/faults. -->

What the fake backend can do wrong. A rule says what goes wrong, by its `kind`, and with which requests, by its
selectors. It is a table of a file (`sendproof backend --faults FILE`), the body of a `POST /_fake/faults`, and
`FaultRule` in Python:

```toml
[[fault]]
kind = "reset_peer"
phase = "after-accept"
every = 3
```

```python
FaultRule(fault=ResetPeer(phase="after-accept"), every=3)
```

`sendproof backend --faults-help` lists all this, and `--faults-help NAME` explains one kind or selector. An unknown key
or a value of a wrong type is an error that names the line. `false` stands for nothing, where a key may be nothing. The
same rules, the same seed of the backend and the same requests give the same faults.

Faults combine. Where several strike one request, they do so in the order of the points below. At one point those that
only take time come first, then those that change the state of a run, then the others, each as the rules stand, and
those chosen by `events` after the rest. The first that ends the request is the last that strikes.
"""


def page() -> str:
    """Write docs/faults.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    known = catalogue()
    yield _INTRODUCTION
    yield "## Which requests\n"
    yield f"{known.choosing}\n"
    yield from _key_table(known.selectors)
    examples = "\n\n".join(selector.toml for selector in known.selectors)
    yield f"\n```toml\n{examples}\n```"
    yield "\n## The points of a request\n"
    yield from (f"- `{phase}`: {meaning}" for phase, meaning in known.phases.items())
    for family, title in FAMILIES.items():
        yield f"\n## {title}"
        for kind in known.kinds:
            if kind.family == family:
                yield from _section(kind)


def _section(kind: KindHelp) -> Iterator[str]:
    yield f"\n### {kind.kind}\n"
    yield kind.summary
    if kind.details:
        yield f"\n{kind.details}"
    if kind.keys:
        yield ""
        yield from _key_table(kind.keys)
    yield f"\n```toml\n{kind.toml}\n```"


def _key_table(keys: Iterable[Key]) -> Iterator[str]:
    yield "| key | type | default | what it is |"
    yield "| --- | --- | --- | --- |"
    for key in keys:
        yield f"| `{key.name}` | {type_of(key)} | {default_of(key)} | {key.meaning} |"


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


if __name__ == "__main__":
    sys.stdout.write(page())
