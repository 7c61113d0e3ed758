"""What became of an input, in words that fit a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from sendproof.shipment import Shipped


def report_text(shipped: Shipped) -> Text:
    """Tell what became of everything: a verdict, then a row for each thing there is to say."""
    if shipped.all_delivered:
        verdict = ("All delivered.", "bold green")
    else:
        verdict = ("Not all was delivered." if _is_any_missing(shipped) else "Cut short.", "bold red")
    text = Text.assemble(verdict)
    rows = _rows(shipped)
    width = max(len(name) for name, _, _ in rows)
    for name, value, style in rows:
        text.append(f"\n  {name:<{width}}  ", style="dim")
        text.append(value, style=style)
    return text


def _is_any_missing(shipped: Shipped) -> bool:
    return bool(shipped.undelivered or shipped.skipped or shipped.dropped)


def _rows(shipped: Shipped) -> list[tuple[str, str, str]]:
    rate = shipped.delivered / shipped.seconds if shipped.seconds > 0 else 0.0
    rows = [("delivered", f"{shipped.delivered:,}", "")]
    if shipped.undelivered:
        some = f" ({shipped.unconfirmed:,} sent, but never confirmed)" if shipped.unconfirmed else ""
        rows.append(("undelivered", f"{shipped.undelivered:,}{some}", "red"))
    rows += [(str(reason), f"{count:,} by the backend", "red") for reason, count in shipped.dropped.items()]
    if shipped.skipped:
        rows.append(("skipped", f"{_counted(shipped.skipped, 'line')}, see above", "red"))
    rows += [
        ("read", _counted(shipped.lines, "line"), ""),
        ("run", _run_in_words(shipped), ""),
        ("time", f"{shipped.seconds:,.2f} s, {_counted(round(rate), 'event')} a second", ""),
    ]
    if shipped.why is not None:
        rows.append(("why", shipped.why, "red"))
    return rows


def _run_in_words(shipped: Shipped) -> str:
    # Where something stood in the way, it may be that someone else has completed it.
    state = "complete" if shipped.completed else "open" if shipped.why is None else "not completed by this"
    if shipped.last_accepted_seq is None:
        return "never reached"
    return f"{state}, last number {shipped.last_accepted_seq:,}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
