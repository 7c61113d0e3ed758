"""What the docs say is so: their examples run, their links lead somewhere, and their numbers are counted."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance import RULES, rules_page
from conformance.plugged import PluggedSender, made_by
from conformance.settings import Settings
from fake_backend import FakeBackend
from fake_backend.fault_file import parse_faults
from reference.sender import EventStreamSender, SenderConfig
from sendproof.check import check

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def the_block(language: str, mark: str) -> str:
    """The one block in a language that holds a mark."""
    (found,) = [block for block in blocks(language) if mark in block]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files that are there."""
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_the_pages_of_the_rules_are_made_of_the_catalogue() -> None:
    """docs/guarantees.md and docs/rules/ are what `python -m conformance.rules_page docs` writes, and nothing else."""
    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in docs.glob("rules/*")}
    written["guarantees.md"] = (docs / "guarantees.md").read_text(encoding="utf-8")
    assert written == rules_page.pages()


def test_pages_of_rules_that_are_gone_are_removed(tmp_path: Path) -> None:
    """What is written is all that is there."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "OLD-1.md").touch()
    rules_page.write(tmp_path)
    assert {path.name for path in (tmp_path / "rules").iterdir()} == {f"{rule.id}.md" for rule in RULES}


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_the_number_of_rules_is_counted(page: str) -> None:
    """A page that says how many rules there are says it right."""
    said = {int(number) for number in re.findall(r"(\d+) rules", (ROOT / page).read_text(encoding="utf-8"))}
    assert said == {len(RULES)}


def test_the_adapter_of_the_readme_plugs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's adapter, around any sender, has the three names that the suite asks for."""

    class AnySender:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.events: list[Any] = []

        def put(self, event: Any) -> bool:
            self.events.append(event)
            return len(self.events) < 2

        async def close(self) -> None:
            self.events.clear()

    my_app = types.ModuleType("my_app")
    my_app.Sender = AnySender  # type: ignore[attr-defined] # a module made here has no declared attributes
    monkeypatch.setitem(sys.modules, "my_app", my_app)
    module: dict[str, Any] = {}
    exec(the_block("python", "create_sender"), module)  # noqa: S102 - the example is to be run

    async def use() -> list[Any]:
        settings = Settings(url="http://localhost/v1/runs/r/ingest", token="t", run_id="r")
        sender = await made_by(module["create_sender"], settings)
        assert isinstance(sender, PluggedSender)
        words = [sender.enqueue({"n": number})[0] for number in range(2)]
        return [*words, await sender.stop(complete=True)]

    assert asyncio.run(use()) == ["accepted", "full", None]


async def test_the_production_example_of_the_readme_delivers(capsys: pytest.CaptureFixture[str]) -> None:
    """The README's ten lines stream three events, complete the run, and print the report."""
    module: dict[str, Any] = {}
    exec(the_block("python", "asyncio.sleep"), module)  # noqa: S102 - the example is to be run
    async with FakeBackend() as backend:
        await module["main"](backend.ingest_url("demo"))
        assert [event["turn"] for event in backend.run("demo").events] == [1, 2, 3]
        assert backend.run("demo").complete
    assert "delivered=3" in capsys.readouterr().out


async def test_the_test_of_the_readme_passes() -> None:
    """The README's example of a test with the fake backend passes with the reference sender."""

    async def stream_three_events(url: str) -> None:
        async with EventStreamSender(SenderConfig(url=url, token="t", retry_delay=0.01)) as sender:
            for number in range(3):
                sender.enqueue({"n": number})

    module: dict[str, Any] = {"stream_three_events": stream_three_events}
    exec(the_block("python", "lost_answer"), module)  # noqa: S102 - the example is to be run
    await module["test_a_lost_answer_is_no_duplicate"]()


def test_the_fault_file_of_the_readme_is_read() -> None:
    """The README's fault file holds a lost answer and a latency."""
    rules = parse_faults(the_block("toml", "reset_peer"), source="README.md")
    assert [type(rule.fault).__name__ for rule in rules] == ["ResetPeer", "Latency"]


def test_the_naive_sender_fails_as_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README shows of the report on the naive sender is in the report."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(check, ["--sender", "examples.naive:create_sender"])
    assert result.exit_code == 1
    shown = re.search(r"^((?:    .*\n)+)\nA sender of yours", README, flags=re.MULTILINE)
    assert shown is not None
    for line in shown.group(1).splitlines():
        assert line[4:] in result.output


async def test_the_example_for_production_runs() -> None:
    """examples/production.py streams its events to the URL that it is given."""
    async with FakeBackend() as backend:
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "examples" / "production.py"), backend.ingest_url("demo"), cwd=ROOT
        )
        assert await program.wait() == 0
        assert len(backend.run("demo").events) == 3
        assert backend.run("demo").complete
