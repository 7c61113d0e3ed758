"""What the docs say is so: their examples run, their links lead somewhere, and their numbers are counted."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import pytest

from conformance import RULES
from conformance.rules import page as rules_page
from fake_backend import FakeBackend
from tests.readme import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files that are there."""
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_the_pages_of_the_rules_are_made_of_the_catalogue() -> None:
    """docs/guarantees.md and docs/rules/ are what `python -m conformance.rules.page docs` writes, and nothing else."""
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


async def test_the_example_for_production_runs() -> None:
    """examples/production.py streams its events to the URL that it is given."""
    async with FakeBackend() as backend:
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "examples" / "production.py"), backend.ingest_url("demo"), cwd=ROOT
        )
        assert await program.wait() == 0
        assert len(backend.run("demo").events) == 3
        assert backend.run("demo").complete
