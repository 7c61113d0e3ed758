"""`sendproof show`: a page of any recorded history, and a clear word where there is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner

from conformance.evidence.history import History
from sendproof.commands import sendproof
from tests.conformance.report.by_hand import doubled
from tests.conformance.story import Story, event

if TYPE_CHECKING:
    from click.testing import Result

    from conformance.evidence.history import WorldName


def shown(*arguments: str | Path) -> Result:
    """Run `sendproof show` in this process."""
    return CliRunner().invoke(sendproof, ["show", *map(str, arguments)])


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A file with the history of a doubled event."""
    path = tmp_path / "history.json"
    path.write_bytes(doubled().history().to_json())
    return path


def test_the_page_is_written_beside_the_history(history: Path) -> None:
    """It is named like it, and what the history breaks is printed."""
    result = shown(history)
    page = history.with_suffix(".html")
    assert (result.exit_code, result.output) == (0, f"{page}: breaks DLV-2\n")
    text = page.read_text(encoding="utf-8")
    assert "an event was accepted twice, as number 1 and as number 2" in text
    assert text.count('class="ring"') == 2


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ("simulated", "a simulated network, in virtual time"),
        ("tcp", "real sockets, in real time"),
        ("toxiproxy", "real sockets and a Toxiproxy, in real time"),
    ],
)
def test_the_page_says_where_it_was(world: WorldName, said: str, history: Path) -> None:
    """In the words of the verdicts."""
    recorded = History.from_json(history.read_bytes())
    history.write_bytes(msgspec.structs.replace(recorded, world=world).to_json())
    shown(history)
    assert said in history.with_suffix(".html").read_text(encoding="utf-8")


def test_the_page_is_written_where_it_is_asked_for(history: Path, tmp_path: Path) -> None:
    """`--output` names it, and nothing else is written."""
    page = tmp_path / "page.html"
    assert shown(history, "--output", page).exit_code == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["history.json", "page.html"]


def test_a_history_in_which_nothing_is_wrong_says_so(tmp_path: Path) -> None:
    """It is drawn without marks."""
    path = tmp_path / "good.json"
    story = Story().open().enqueue(event(1)).request(last=0).request((1, event(1)), last=1)
    path.write_bytes(story.stop().complete(1).returned().history().to_json())
    result = shown(path)
    assert (result.exit_code, result.output) == (0, f"{path.with_suffix('.html')}: breaks no rule\n")
    assert 'class="ring"' not in path.with_suffix(".html").read_text(encoding="utf-8")


def test_more_contradictions_of_a_rule_than_are_told_are_counted(tmp_path: Path) -> None:
    """Two are told in full."""
    path = tmp_path / "history.json"
    events = [event(n) for n in range(5)]
    story = Story().open().enqueue(*events).request(*((n, each) for n, each in enumerate(events, 1)), last=5)
    story.request(*((n, each) for n, each in enumerate(events, 6)), last=10)
    path.write_bytes(story.history().to_json())
    assert shown(path).exit_code == 0
    assert "And 3 more like it." in path.with_suffix(".html").read_text(encoding="utf-8")


def test_fewer_rows_can_be_asked_for(tmp_path: Path) -> None:
    """`--rows` bounds the picture, which says how much it leaves out."""
    path = tmp_path / "history.json"
    story = Story().open()
    for n in range(1, 101):
        story.enqueue(event(n)).request((n, event(n)), last=n).wait(0.1)
    path.write_bytes(story.history().to_json())
    assert shown(path, "--rows", "10").exit_code == 0
    text = path.with_suffix(".html").read_text(encoding="utf-8")
    assert text.count('<g class="moment') == 10
    assert "391 left out" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x00", "is not JSON"), (b"{}", "holds no history"), (None, "No such file or directory")],
)
def test_a_file_without_a_history_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    """One sentence on standard error, status 2, no page."""
    path = tmp_path / "history.json"
    if content is not None:
        path.write_bytes(content)
    result = shown(path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Nothing was drawn: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not path.with_suffix(".html").exists()


def test_the_example_of_the_docs_makes_the_same_page(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/reports.md shows for Python runs, and gives what the command writes."""
    docs = Path(__file__).parent.parent.parent / "docs" / "reports.md"
    (example,) = re.findall(r"^```python\n(.*?)^```", docs.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(history.parent)
    made: dict[str, str] = {}
    exec(example, made)  # noqa: S102 - the example is to be run
    assert shown(history).exit_code == 0
    assert made["page"] == history.with_suffix(".html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_said(history: Path, tmp_path: Path) -> None:
    """The path and the system's reason; status 2."""
    result = shown(history, "--output", tmp_path / "nowhere" / "page.html")
    assert result.exit_code == 2
    assert "could not be written" in result.stderr
    assert "No such file or directory" in result.stderr


def test_a_history_is_never_overwritten_by_its_page(tmp_path: Path) -> None:
    """A history in a file that is named like a page stays."""
    path = tmp_path / "history.html"
    path.write_bytes(doubled().history().to_json())
    result = shown(path)
    assert result.exit_code == 2
    assert "--output" in result.stderr
    assert path.read_bytes() == doubled().history().to_json()
