"""Writes what became of an input, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from sendproof.shipped import Shipped


def report_text(shipped: Shipped) -> Text:
    """Return what became of everything: a verdict, then a row for each count and reason."""
    text = Text.assemble(("All delivered.", "bold green") if shipped.all_delivered else (_verdict(shipped), "bold red"))
    rows = _rows(shipped)
    width = max(len(name) for name, _, _ in rows)
    for name, value, style in rows:
        text.append(f"\n  {name:<{width}}  ", style="dim")
        text.append(value, style=style)
    return text


def _verdict(shipped: Shipped) -> str:
    if shipped.is_any_missing:
        return "Not all was delivered."
    return "Cut short." if shipped.lines else "Nothing was sent."


def _rows(shipped: Shipped) -> list[tuple[str, str, str]]:
    rate = shipped.delivered / shipped.seconds if shipped.seconds > 0 else 0.0
    there = f", behind {shipped.before:,} that were there" if shipped.before else ""
    rows = [("delivered", f"{shipped.delivered:,}{there}", "")]
    if shipped.undelivered:
        some = f" ({shipped.unconfirmed:,} sent, but never confirmed)" if shipped.unconfirmed else ""
        rows.append(("undelivered", f"{shipped.undelivered:,}{some}", "red"))
    rows += [(str(reason), f"{count:,} by the backend", "red") for reason, count in shipped.dropped.items()]
    if shipped.contested:
        rows.append(("contested", f"{shipped.contested:,}, another writer's are there under their numbers", "red"))
    if shipped.lost:
        rows.append(("lost", f"{shipped.lost:,} by the backend, after it had confirmed them", "red"))
    if shipped.skipped:
        rows.append(("skipped", f"{_counted(shipped.skipped, 'line')}, see above", "red"))
    rows += [
        ("read", _counted(shipped.lines, "line"), ""),
        ("run", _run_in_words(shipped), ""),
        ("time", f"{shipped.seconds:,.2f} s, {_counted(round(rate), 'event')} a second", ""),
    ]
    if shipped.why is not None:
        rows.append(("why", shipped.why, "red"))
    if shipped.go_on is not None:
        rows.append(("go on", shipped.go_on, ""))
    return rows


def _run_in_words(shipped: Shipped) -> str:
    # Where something prevented it, it may be that someone else has completed it.
    state = "complete" if shipped.completed else "open" if shipped.why is None else "not completed by this"
    if shipped.last_accepted_seq is None:
        return "never reached"
    return f"{state}, last number {shipped.last_accepted_seq:,}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
