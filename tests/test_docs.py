"""What the docs say is so: their examples run, their links lead somewhere, and their numbers are counted."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

import conformance
import fake_backend
import fake_backend.faults
import fake_backend.records
import reference
import sendproof
from conformance import RULES
from conformance.report import rule_pages
from fake_backend import FakeBackend
from tests.readme import ROOT

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

MAKES_DOCS = {
    ROOT / module
    for module in (
        "conformance/adapters/schema.py",
        "conformance/report/schema.py",
        "conformance/report/rule_pages.py",
        "fake_backend/faults/page.py",
    )
}
"""What is run in a clone, to write a file of docs/."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links name files that are there."""
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_no_link_leads_out_of_the_documentation(page: Path) -> None:
    """docs/ is a site too, and what is beside it in the repository isn't there."""
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    beside = [target for target in targets if "://" not in target]
    assert [target for target in beside if not (page.parent / target).resolve().is_relative_to(ROOT / "docs")] == []


def test_the_site_has_every_page() -> None:
    """The navigation has each but those of the rules, to which "What a sender must guarantee" leads."""
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    rules = {f"rules/{rule.id}.md" for rule in RULES}
    assert set(re.findall(r'= "([^"]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))) == pages - rules


def test_the_site_has_every_public_name() -> None:
    """The page of `fake_backend` lists what is neither a kind of fault nor a record, which have pages of their own."""
    page = (ROOT / "docs" / "api" / "fake-backend.md").read_text(encoding="utf-8")
    listed = re.findall(r"^ +- (\w+)$", page, flags=re.MULTILINE)
    elsewhere = {*fake_backend.faults.__all__, *vars(fake_backend.records)}
    assert sorted(listed) == sorted(set(fake_backend.__all__) - elsewhere)


def test_what_is_installed_refers_to_pages_that_there_are() -> None:
    """It says the title of a page: who has installed a wheel has no docs/, and may have the site."""
    titles = {page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in PAGES}
    named: set[str] = set()
    for package in (reference, fake_backend, conformance, sendproof):
        for path in Path(package.__path__[0]).rglob("*"):
            if path.suffix in {".py", ".toml", ".jinja", ".js", ".html"} and path not in MAKES_DOCS:
                text = " ".join(path.read_text(encoding="utf-8").split())
                assert re.findall(r"\bdocs/|README", text) == [], path
                named.update(re.findall(r'[Tt]he page "([^"]+)" of the documentation', text))
    assert named
    assert named <= titles


def test_the_pages_of_the_rules_are_made_of_the_catalogue() -> None:
    """docs/guarantees.md and docs/rules/ are what `conformance.report.rule_pages` writes, and nothing else."""
    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in docs.glob("rules/*")}
    written["guarantees.md"] = (docs / "guarantees.md").read_text(encoding="utf-8")
    assert written == rule_pages.pages()


def test_pages_of_rules_that_are_gone_are_removed(tmp_path: Path) -> None:
    """What is written is all that is there."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "OLD-1.md").touch()
    rule_pages.write(tmp_path)
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
