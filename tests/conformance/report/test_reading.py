"""A history is read from a file that may hold anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.report import HistoryFileError, read_history
from tests.conformance.report.by_hand import NASTY, doubled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEEP = 100_000


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Also one whose events hold half of a surrogate pair."""
    history = doubled(NASTY).history()
    path = tmp_path / "history.json"
    path.write_bytes(history.to_json())
    assert read_history(path) == history


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "holds no history: Expected `object`"),
        (b'{"scenario": 3}', r"holds no history: .*scenario"),
        (b'{"scenario": "\\ud800", "x": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deeply"),
        (b'"\\ud800' + b'", [' * DEEP, "is not JSON"),
    ],
    ids=["empty", "binary", "cut", "list", "type", "deep", "rubbish"],
)
def test_what_is_no_history_is_refused_with_a_reason(tmp_path: Path, content: bytes, message: str) -> None:
    """The message names the file, and what is wrong with it."""
    path = tmp_path / "history.json"
    path.write_bytes(content)
    with pytest.raises(HistoryFileError, match=message) as refused:
        read_history(path)
    assert str(path) in str(refused.value)


def test_half_of_a_pair_where_it_cannot_be(tmp_path: Path) -> None:
    """A decision that is no text at all is refused like one that is no decision."""
    document = json.loads(doubled().history().to_json())
    line = next(record for record in document["records"] if record["type"] == "LineReceived")
    line["decision"] = "\ud800"
    path = tmp_path / "history.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(HistoryFileError, match="holds no history"):
        read_history(path)


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    """The system's reason is told."""
    with pytest.raises(HistoryFileError, match=reason):
        read_history(tmp_path / name)


def without(kind: str) -> Callable[[dict[str, Any]], None]:
    """Take all records of a kind out of a history."""

    def change(document: dict[str, Any]) -> None:
        document["records"] = [record for record in document["records"] if record["type"] != kind]

    return change


def beginning_at(time: float) -> Callable[[dict[str, Any]], None]:
    """Have the history begin at a time."""

    def change(document: dict[str, Any]) -> None:
        document["began"] = time
        document["records"][1]["event"]["text"] = "\ud800"

    return change


def not_a_number(document: dict[str, Any]) -> None:
    """Have a record happen at no time, in a file that only Python's json reads."""
    document["records"][0]["time"] = float("inf")
    document["records"][1]["event"]["text"] = "\ud800"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("SenderOpened"), r"record 1 of .* \(EnqueueCalled\) is of sender 1, which never began"),
        (without("RequestStarted"), r"is of request 1, which never began"),
        (without("StopCalled"), r"\(StopReturned\) is of stop 1 of sender 1, which never began"),
        (not_a_number, r"record 1 of .* \(SenderOpened\) is at inf, which is no time"),
        (beginning_at(float("nan")), r"began at nan, which is no time"),
    ],
    ids=["sender", "request", "stop", "infinite", "nan"],
)
def test_a_history_that_cannot_have_been_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    """The message says which record it is, so that a file that was edited can be fixed."""
    document = json.loads(doubled().history().to_json())
    change(document)
    path = tmp_path / "history.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(HistoryFileError, match=message):
        read_history(path)
