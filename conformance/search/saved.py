"""Saves a found schedule to a file: what was performed, with which sender, and what it broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from conformance.search.schedule import Schedule, ScheduleError

if TYPE_CHECKING:
    from pathlib import Path


class Recorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule, and what is needed to see again what it did.

    Attributes:
        sender: `MODULE:FACTORY` of the sender that it was found with.
        breaks: The id of the rule that it broke, or the name of the error that it led to.
        sentence: How it did.
        found: Where it comes from, for people.
        schedule: What is performed.
    """

    sender: str
    breaks: str
    sentence: str
    found: str
    schedule: Schedule

    def write(self, path: Path) -> None:
        """Write it to a file. Raises OSError."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    @classmethod
    def read(cls, path: Path) -> Recorded:
        """Read what `write` wrote.

        Raises:
            ScheduleError: It can't be read, or holds something else; the message says what and where.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise ScheduleError(f"can't read {path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ScheduleError(f"{path} holds no schedule: {error}") from error
