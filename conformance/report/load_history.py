"""Loads a history from a file that may hold anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from conformance.errors import ConformanceError
from conformance.evidence.history import (
    EnqueueCalled,
    History,
    SenderOpened,
    StopCalled,
    StopCancelled,
    StopOverdue,
    StopReturned,
)
from fake_backend.records import RequestStarted

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.evidence.history import AnyRecord


class HistoryFileError(ConformanceError):
    """A file can't be read, or holds no history; the message says why."""


def read_history(path: Path) -> History:
    """Return the history that a file holds, as `History.to_json` or `sendproof replay --history` wrote it.

    Raises:
        HistoryFileError: It can't be read, is no history, or is one that can't have been: a record is of a request or
            a sender that never began, or has no time.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise HistoryFileError(f"can't read {path}: {error.strerror}") from error
    try:
        history = History.from_json(text)
    except msgspec.ValidationError as error:
        raise HistoryFileError(f"{path} holds no history: {error}") from error
    except msgspec.DecodeError as error:
        raise HistoryFileError(f"{path} is not JSON: {error}") from error
    except UnicodeError as error:  # half of a surrogate pair, in what can't be one
        raise HistoryFileError(f"{path} holds no history: {error}") from error
    except RecursionError as error:
        raise HistoryFileError(f"{path} is nested too deeply") from error
    _check_that_it_can_have_been(history, path)
    return history


def _check_that_it_can_have_been(history: History, path: Path) -> None:
    if not math.isfinite(history.began):
        raise HistoryFileError(f"{path} began at {history.began}, which is no time")
    begun: set[str] = set()
    for place, record in enumerate(history.records, 1):
        kind = type(record).__name__
        if not math.isfinite(record.time):
            raise HistoryFileError(f"record {place} of {path} ({kind}) is at {record.time}, which is no time")
        begins, belongs_to = _ties(record)
        for unknown in belongs_to - begun:
            raise HistoryFileError(f"record {place} of {path} ({kind}) is of {unknown}, which never began")
        begun |= begins


def _ties(record: AnyRecord) -> tuple[set[str], set[str]]:
    """Return what a record is the beginning of, and what it is a part of."""
    match record:
        case SenderOpened():
            return {f"sender {record.sender}"}, set()
        case RequestStarted():
            return {f"request {record.request}"}, set()
        case StopCalled():
            return {f"stop {record.call} of sender {record.sender}"}, {f"sender {record.sender}"}
        case StopReturned() | StopOverdue() | StopCancelled():
            return set(), {f"stop {record.call} of sender {record.sender}"}
        case EnqueueCalled():
            return set(), {f"sender {record.sender}"}
        case _:
            request = getattr(record, "request", None)
            return set(), set() if request is None else {f"request {request}"}
