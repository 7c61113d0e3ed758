"""The short way to what is imported in production, and the command `sendproof`.

    from sendproof import EventStreamSender, SenderConfig, create_event_log

The three are those of `reference.sender` and `reference.event_log`, where the rest of the public names are: notices,
reports, errors. A name is imported when it is asked for (PEP 562), so that `import sendproof` alone loads nothing else,
and none of them needs what the command needs.

To read the command, start at `cli`: `commands` says which commands there are, and each has a module of its name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from reference.event_log import create_event_log
    from reference.sender import EventStreamSender, SenderConfig

__all__ = ["EventStreamSender", "SenderConfig", "create_event_log"]

_HOMES: Final = {
    "EventStreamSender": "reference.sender",
    "SenderConfig": "reference.sender",
    "create_event_log": "reference.event_log",
}
"""By name: the module that has it."""

# A type checker that saw this would take any name for one that is here.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a name from where it is.

        Raises:
            AttributeError: There is no such name.
        """
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
        value = getattr(import_module(home), name)
        globals()[name] = value  # asked for once
        return value


def __dir__() -> list[str]:
    """Name what is imported on demand too."""
    return sorted({*globals(), *__all__})
