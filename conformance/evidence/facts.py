"""The facts of one history: what follows from its records and is asked by many rules, each found once."""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from conformance.evidence.alterations import Alterations
from conformance.evidence.index import Index
from conformance.evidence.knowledge import Knowledge
from conformance.evidence.losses import Losses
from conformance.evidence.outages import Outages
from conformance.evidence.payloads import Handwriting
from conformance.evidence.poison import Poison

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.evidence.exchanges import Run
    from conformance.evidence.history import History


class Facts:
    """All that is known of one history, found when it is first asked for; it goes with the history.

    Attributes:
        history: The records.
        settings: What its senders were given.
        index: The records, sorted.
        payloads: Its events by what is in them.
        content: Gives an event in a form that is equal for equal events.
        knowledge: Gives what the senders of a run can know.
        handwriting: Gives how the sender of a run writes its lines.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.settings = history.settings
        self.index = Index(history)
        self.payloads = self.index.payloads
        self.content = self.payloads.content
        self.knowledge: Callable[[Run], Knowledge] = cache(partial(Knowledge, self.index))
        self.handwriting: Callable[[Run], Handwriting] = cache(partial(_handwriting, self.index))

    @cached_property
    def outages(self) -> Outages:
        """What kept its senders from delivering."""
        return Outages(self.index, self.knowledge)

    @cached_property
    def poison(self) -> Poison:
        """Which events the backend refused, so that their sender may drop them."""
        return Poison(self.payloads)

    @cached_property
    def losses(self) -> Losses:
        """Which events never reached the backend, and which of them by their sender's doing."""
        return Losses(
            self.index,
            knowledge=self.knowledge,
            handwriting=self.handwriting,
            outages=self.outages,
            poison=self.poison,
        )

    @cached_property
    def alterations(self) -> Alterations:
        """Which events arrived in another form than they were enqueued in."""
        return Alterations(self.index)


def _handwriting(index: Index, run: Run) -> Handwriting:
    return Handwriting(run.lines, index.payloads)
