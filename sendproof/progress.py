"""The progress of a shipment: a bar on a terminal, and messages above it in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console


class ShippingProgress:
    """A bar on a terminal, nothing elsewhere; and messages.

    Args:
        console: Where to show it: standard error, so that standard output holds the report alone.
        size: How many bytes are to be read, or None if nobody knows.
    """

    def __init__(self, console: Console, *, size: int | None) -> None:
        self._console = console
        self._size = size
        counts = TextColumn("{task.fields[counts]}", style="", markup=False)
        columns = (
            (SpinnerColumn(), counts, TimeElapsedColumn())
            if size is None
            else (BarColumn(bar_width=None), TextColumn("{task.percentage:>3.0f}%"), counts, TimeElapsedColumn())
        )
        # It is drawn by `show` alone, in the thread of the event loop.
        self._bar = Progress(*columns, console=console, auto_refresh=False, transient=True, expand=size is not None)
        self._task = self._bar.add_task("sending", total=size or None, counts="connecting")

    @property
    def is_visible(self) -> bool:
        """Whether it is worth calling `show`."""
        return self._console.is_interactive

    def __enter__(self) -> Self:
        if self.is_visible:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_visible:
            self._bar.stop()

    def show(self, *, lines: int, delivered: int, done: float, seconds: float) -> None:
        """Show how far it is: lines read, events delivered in `seconds`, and the share of what was read."""
        rate = delivered / seconds if seconds > 0 else 0.0
        counts = f"{lines:,} read  {delivered:,} delivered  {rate:,.0f}/s"
        self._bar.update(self._task, completed=done, counts=counts, refresh=True)

    def say(self, message: str, style: str = "") -> None:
        """Write a line, above the bar if there is one."""
        self._console.print(Text(message, style=style), soft_wrap=True)
