"""`sendproof backend --faults-help`: every fault, in a terminal, with an example."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

import click
from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fake_backend.faults.catalogue import FAMILIES, Catalogue, KindHelp, SelectorHelp, catalogue, default_of, type_of
from fake_backend.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fake_backend.faults.keys import Key

_ALL = ""


def _print_help(context: click.Context, _parameter: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    console, known = Console(), catalogue()
    found = {each.kind: each for each in known.kinds} | {each.name: each for each in known.selectors}
    if name == _ALL:
        _list(console, known)
    elif name in found:
        _explain(console, found[name])
    else:
        there = f"{', '.join(found)}{did_you_mean(name, found)}"
        raise click.BadParameter(f"{name!r} is no fault and no selector; there are {there}")
    context.exit()


faults_help_option = click.option(
    "--faults-help",
    is_flag=False,
    flag_value=_ALL,
    is_eager=True,
    expose_value=False,
    callback=_print_help,
    metavar="[NAME]",
    help="List all faults, or explain one (or a key that chooses requests), with an example each, and exit.",
)


def _list(console: Console, known: Catalogue) -> None:
    console.print(Text("A rule is a [[fault]] table: its kind, the keys of that kind, and which requests it strikes."))
    console.print("More of each: sendproof backend --faults-help NAME")
    for family, title in FAMILIES.items():
        _heading(console, title)
        for kind in known.kinds:
            if kind.family == family:
                _entry(console, kind.kind, kind.summary, [key.name for key in kind.keys], kind.toml)
    _heading(console, "Which requests")
    console.print("All that a rule names must hold together; a rule that names none strikes every request.")
    for selector in known.selectors:
        _entry(console, selector.name, f"{type_of(selector)}; {selector.meaning}", [], selector.toml)
    _heading(console, "The points of a request, for phase")
    for phase, meaning in known.phases.items():
        _print_indented(console, Text.assemble((phase, "bold"), f": {_plain(meaning)}"))


def _entry(console: Console, name: str, summary: str, keys: list[str], toml: str) -> None:
    console.print()
    console.print(Text.assemble((name, "bold"), f"  {_plain(summary)}"))
    if keys:
        _print_indented(console, f"keys: {', '.join(keys)}")
    _print_toml(console, toml)


def _explain(console: Console, about: KindHelp | SelectorHelp) -> None:
    if isinstance(about, SelectorHelp):
        console.print(Text.assemble((about.name, "bold"), f"  {about.meaning}"))
        _keys(console, [about])
        _heading(console, "How requests are chosen:")
        _print_indented(console, Markdown(catalogue().choosing))
    else:
        console.print(Text.assemble((about.kind, "bold"), f"  {_plain(about.summary)}"))
        if about.details:
            console.print()
            _print_indented(console, Markdown(about.details))
        if about.keys:
            _keys(console, about.keys)
    _heading(console, "An example:")
    _print_toml(console, about.toml)


def _keys(console: Console, keys: Iterable[Key]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("key", "type", "default", "what it is"):
        table.add_column(name, overflow="fold")
    for key in keys:
        table.add_row(*map(Text, (key.name, type_of(key), default_of(key), key.meaning)))
    _print_indented(console, table)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold underline"))


def _print_indented(console: Console, what: str | Text | Table | Markdown) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False))


def _print_toml(console: Console, toml: str) -> None:
    """Print what can be copied: lines stay whole, however narrow the terminal is."""
    console.print(Text(indent(toml, "  "), style="cyan"), soft_wrap=True)


def _plain(text: str) -> str:
    """Take off the marks of code."""
    return text.replace("`", "")
