"""Faults that change what the backend knows: where a run stands, who may write to it, and which tokens are good.

All of them outlast the request that they strike.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from fake_backend.faults.base import (
    BEFORE_NUMBERS,
    CHANGES_STATE,
    FaultBase,
    LinesKey,
    Phase,
    PhaseKey,
    check_at_least,
    check_point,
)


class Forget(FaultBase, frozen=True, kw_only=True, tag="forget"):
    """The backend loses state at a point: the run falls back to `last_accepted_seq`, and is complete no more.

    A run that stands lower stays where it is. Writes a StateSet.
    """

    example: ClassVar[str] = """
        # Before the fifth request with events the backend loses all but the first ten events.
        [[fault]]
        kind = "forget"
        last_accepted_seq = 10
        of = "data"
        requests = [5]
    """
    order: ClassVar[int] = CHANGES_STATE
    takes_time: ClassVar[bool] = False

    last_accepted_seq: Annotated[int, Meta(description="where the run falls back to")] = 0
    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        check_at_least(0, self.last_accepted_seq, "last_accepted_seq", "the number of the last event that is left")


class ForeignWriter(FaultBase, frozen=True, kw_only=True, tag="foreign_writer"):
    """Another writer takes the next `numbers` numbers of the run at a point. Writes a StateSet.

    Those events aren't among the run's. A run that is complete takes nothing of another writer either.
    """

    example: ClassVar[str] = """
        # Before the second request with events another writer has taken the next three numbers.
        [[fault]]
        kind = "foreign_writer"
        numbers = 3
        of = "data"
        requests = [2]
    """
    order: ClassVar[int] = CHANGES_STATE
    takes_time: ClassVar[bool] = False

    numbers: Annotated[int, Meta(description="how many numbers the other writer takes")]
    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)
        check_at_least(1, self.numbers, "numbers", "how many numbers are taken")


class CompletedElsewhere(FaultBase, frozen=True, kw_only=True, tag="completed_elsewhere"):
    """The run is completed by someone else at a point. Writes a StateSet."""

    example: ClassVar[str] = """
        # Someone else completes the run once the first request with events was taken.
        [[fault]]
        kind = "completed_elsewhere"
        phase = "after-accept"
        of = "data"
        requests = [1]
    """
    order: ClassVar[int] = CHANGES_STATE
    takes_time: ClassVar[bool] = False

    phase: PhaseKey = "before-accept"
    lines: LinesKey = 0

    def __post_init__(self) -> None:
        check_point(self.phase, self.lines)


class ExpireToken(FaultBase, frozen=True, kw_only=True, tag="expire_token"):
    """The token of the request expires as it arrives: this request gets 401, and so does each later one with it.

    Another token is as good as before. The later requests are turned away by their heads, so they aren't counted.
    """

    example: ClassVar[str] = """
        # The token expires at the third request: 401 until another one comes.
        [[fault]]
        kind = "expire_token"
        requests = [3]
    """
    takes_time: ClassVar[bool] = False

    phase: ClassVar[Phase] = "before-read"
    lines: ClassVar[int] = 0

    def refuse_events(self) -> str:
        """It strikes as the request arrives."""
        return BEFORE_NUMBERS


class Fence(FaultBase, frozen=True, kw_only=True, tag="fence"):
    """The run is fenced as the request arrives, by a writer of that `epoch`: older ones get 403 (FEN-1).

    From this request on, one to this run whose `Producer-Epoch` header is absent, no number or lower gets
    `{"error": …, "current_epoch": epoch}`, and nothing of it is read. A higher epoch is taken, and becomes the current
    one; a fence never falls. Later requests are turned away by their heads, so they aren't counted.
    """

    example: ClassVar[str] = """
        # From the second request on, writers of an epoch below 2 get 403.
        [[fault]]
        kind = "fence"
        epoch = 2
        requests = [2]
    """
    takes_time: ClassVar[bool] = False

    epoch: Annotated[int, Meta(description="the epoch of the writer that fences the run")]
    phase: ClassVar[Phase] = "before-read"
    lines: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check_at_least(1, self.epoch, "epoch", "the number of a writer")

    def refuse_events(self) -> str:
        """It strikes as the request arrives."""
        return BEFORE_NUMBERS
