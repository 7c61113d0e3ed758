"""Makes docs/faults.md of the catalogue: `python -m fake_backend.faults.page > docs/faults.md`."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from fake_backend.faults.catalogue import FAMILIES, KindHelp, catalogue, default_of, type_of
from fake_backend.faults.keys import Key

_INTRODUCTION: Final = """\
# Faults

<!-- Made by `python -m fake_backend.faults.page > docs/faults.md`; edit the docstrings in fake_backend/faults. -->

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


if __name__ == "__main__":
    sys.stdout.write(page())
