"""How a sender is plugged in: what comes of its factory is checked at every step.

A factory is called with a `Settings` and gives an object with `capabilities` (a set of strings), `enqueue(event)`
that returns one of five words, and `async stop(*, complete=True)` that returns a report or None. Whatever differs from
that is an `AdapterError`, which says what came and what was expected: a verdict would be worth nothing.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from conformance.capabilities import CAPABILITIES
from conformance.errors import AdapterError
from conformance.escaping import printable
from conformance.evidence.history import OUTCOMES, Report
from conformance.harness.sender import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.evidence.settings import Settings
    from conformance.harness.sender import Calls, SenderMaker

_CONSPICUOUS = 0.05


class InProcessSender:
    """A sender that a factory gave, behind checks of the contract."""

    def __init__(self, sender: Any) -> None:
        self._sender = sender
        self.capabilities = _capabilities_of(sender)
        for method in ("enqueue", "stop"):
            if not callable(getattr(sender, method, None)):
                raise AdapterError(f"the factory gave a {type(sender).__name__}, which has no method {method!r}")

    async def enqueue(self, events: Sequence[dict[str, Any]], calls: Calls) -> list[str]:
        """Enqueue events without a pause between them; gives the outcomes.

        Raises:
            AdapterError: `enqueue` answered what isn't agreed, or raised for an event that JSON can carry.
        """
        outcomes = []
        for event in events:
            as_it_is = snapshot(event)
            outcome = self._enqueue(event, calls, calls.called(as_it_is))
            if outcome.startswith("raised"):
                raise AdapterError(f"enqueue {outcome}, for an event that JSON can carry: {as_it_is!r:.200}")
            outcomes.append(outcome)
        return outcomes

    async def enqueue_unserializable(self, event: Any, what: str, calls: Calls) -> str:
        """Enqueue something that JSON can't carry; gives the outcome."""
        return self._enqueue(event, calls, calls.called(None, what))

    def _enqueue(self, event: Any, calls: Calls, place: int) -> str:
        outcome, blocked_for = self.call_enqueue(event)
        return calls.returned(place, outcome, blocked_for)

    def call_enqueue(self, event: Any) -> tuple[str, float]:
        """Call `enqueue`; give its word, and the real seconds that it took if they were conspicuous.

        What it raises is given as the word `raised …`, which no rule takes for an answer.
        """
        began = time.perf_counter()
        try:
            outcome = self._sender.enqueue(event)
        except Exception as error:  # noqa: BLE001 - recorded; the caller decides
            return f"raised {_told(error)}", 0.0
        took = time.perf_counter() - began
        if not isinstance(outcome, str) or outcome not in OUTCOMES:
            if inspect.iscoroutine(outcome):
                outcome.close()
            if inspect.isawaitable(outcome):
                raise AdapterError("enqueue must return its outcome at once, and it returned an awaitable")
            hint = "; where the sender's own returns nothing, give accepted" if outcome is None else ""
            raise AdapterError(f"enqueue returned {outcome!r}; expected one of {', '.join(sorted(OUTCOMES))}{hint}")
        return str.__str__(outcome), took if took > _CONSPICUOUS else 0.0

    async def stop(self, *, complete: bool) -> Report | None:
        """Call `stop`, and give its report in one form."""
        try:
            report = self._sender.stop(complete=complete)
            is_async = inspect.isawaitable(report)
            if is_async:
                report = await report
        except Exception as error:
            raise AdapterError(f"stop raised {_told(error)}") from error
        if not is_async:
            raise AdapterError(f"stop must be async, and it returned {report!r}")
        return None if report is None else _read_report(report)


async def make_sender(factory: Callable[[Settings], Any], settings: Settings) -> InProcessSender:
    """Call a factory, await what it gives if it is a coroutine function, and check that."""
    try:
        sender = factory(settings)
        if inspect.isawaitable(sender):
            sender = await sender
    except AdapterError:
        raise
    except Exception as error:
        raise AdapterError(f"the factory raised {_told(error)}") from error
    return InProcessSender(sender)


def maker_of(factory: Callable[[Settings], Any]) -> SenderMaker:
    """Return what makes senders of a factory in this process."""
    return partial(make_sender, factory)


def _capabilities_of(sender: Any) -> frozenset[str]:
    claimed = getattr(sender, "capabilities", None)
    if isinstance(claimed, str) or not isinstance(claimed, Iterable):
        raise AdapterError(
            f"the sender's capabilities are {claimed!r}; expected a frozenset of strings, which may be empty"
        )
    found = frozenset(str(each) for each in claimed)
    unknown = found - CAPABILITIES
    if unknown:
        raise AdapterError(
            f"the sender claims {', '.join(sorted(unknown))}; known capabilities are {', '.join(sorted(CAPABILITIES))}"
        )
    return found


def _read_report(report: Any) -> Report:
    def read(name: str, default: Any = None) -> Any:
        value = report.get(name, default) if isinstance(report, Mapping) else getattr(report, name, default)
        if value is None:
            raise AdapterError(f"stop returned {report!r}, which lacks {name!r}")
        return value

    counts = {name: read(name) for name in ("delivered", "undelivered")}
    counts["unconfirmed"] = read("unconfirmed", 0)
    for name, value in counts.items():
        _check_count(name, value)
    completed = read("completed")
    if not isinstance(completed, bool):
        raise AdapterError(f"the report's completed is {completed!r}; expected True or False")
    dropped = read("dropped", {})
    if not isinstance(dropped, Mapping):
        raise AdapterError(f"the report's dropped is {dropped!r}; expected counts by reason")
    for reason, value in dropped.items():
        _check_count(f"dropped as {reason}", value)
    return Report(**counts, completed=completed, dropped={str(key): value for key, value in dropped.items()})


def _told(error: Exception) -> str:
    return printable(f"{type(error).__name__}: {error}")  # whatever a sender raises, it drives no terminal


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise AdapterError(f"the report's {name} is {value!r}; expected a count")
