"""What is run, and how: plain `nox` validates the reference sender; `nox -l` lists the rest."""

from __future__ import annotations

import re

import nox

nox.options.sessions = ["conformance"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.4.15"

PROJECT = nox.project.load_toml("pyproject.toml")
REFERENCE = ["--sender", "reference.adapter:create_sender"]
CODE = ["reference", "fake_backend", "conformance", "sendproof", "tests", "benchmarks", "examples", "noxfile.py"]


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project with everything it can do, and what a session needs besides."""
    session.install("-e", ".[conformance,toxiproxy]", *nox.project.dependency_groups(PROJECT, *groups))


def _with_sender(arguments: list[str]) -> list[str]:
    """Name the reference sender, unless the arguments name one."""
    names_one = any(argument.startswith(("--sender", "--command", "--attach")) for argument in arguments)
    return arguments if names_one else [*REFERENCE, *arguments]


@nox.session
def conformance(session: nox.Session) -> None:
    """Judge a sender: the reference sender, or the one that the arguments name by --sender or --command."""
    _install(session)
    session.chdir(session.invoked_from)
    session.run("sendproof", "check", *_with_sender(session.posargs))


@nox.session
def simulate(session: nox.Session) -> None:
    """Search for trouble that makes a sender break a rule: the reference sender, or the one that the arguments name."""
    _install(session)
    session.chdir(session.invoked_from)
    session.run("sendproof", "simulate", *_with_sender(session.posargs))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with the floor of their coverage; arguments go to pytest."""
    _install(session, "test")
    if session.posargs:
        # A part of the tests covers a part of the code: the floor is for all of them.
        session.run("pytest", *session.posargs)
        return
    on_all_cores = ["-n", "logical"]
    session.run("pytest", *on_all_cores, "-m", "not no_cover", "--cov", "--cov-branch", "--cov-report=term")
    # What is long, and covered by others, in a run of its own: pytest-cov would trace it in the processes of xdist.
    session.run("pytest", *on_all_cores, "-m", "no_cover")


@nox.session
def nightly(session: nox.Session) -> None:
    """Check what takes an hour or more, and rarely breaks: mutants in all scenarios, long searches, overlaps, load."""
    _install(session, "test")
    session.run(
        "pytest", "-n", "logical", "tests/conformance/test_mutants_everywhere.py", env={"SENDPROOF_NIGHTLY": "1"}
    )
    for seed in ("1", "2", "3"):
        session.run("sendproof", "simulate", *REFERENCE, "--schedules", "20000", "--seed", seed)
    session.run("python", "-m", "benchmarks.overlap")
    session.run("python", "-m", "benchmarks.load")


@nox.session
def screenshots(session: nox.Session) -> None:
    """Make the pictures of the README anew."""
    _install(session, "test")
    session.run("pytest", "tests/test_watch.py", env={"SENDPROOF_SCREENSHOTS": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """Make the documentation a site, in build/site, without a warning; `-- serve` shows it, and follows edits."""
    session.install(*nox.project.dependency_groups(PROJECT, "docs"))
    if session.posargs:
        session.run("zensical", *session.posargs)
        return
    said = session.run("zensical", "build", "--clean", "--strict", silent=True)
    # Of a docstring that is not as the code is, --strict only tells.
    if not isinstance(said, str) or re.search("^(griffe|mkdocstrings): ", said, re.MULTILINE):
        session.error(f"the documentation is built with warnings:\n{said}")
    session.log("The site is build/site/index.html")


@nox.session
def lint(session: nox.Session) -> None:
    """Hold the code to the rules of ruff, and to its format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, of the tests too."""
    _install(session, "test", "types")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that dependencies point one way."""
    _install(session, "imports")
    session.run("lint-imports")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed and memory against their goals; each figure is beside what it is compared with."""
    _install(session)
    session.run("python", "-m", "benchmarks.run", *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """Send a thousand runs at a time to a backend that misbehaves, and look whether anything is lost."""
    _install(session)
    session.run("python", "-m", "benchmarks.load", *session.posargs)


@nox.session
def overlap(session: nox.Session) -> None:
    """Send 100,000 events through a proxy that cuts, to a backend that takes overlapping requests both."""
    _install(session)
    session.run("python", "-m", "benchmarks.overlap", *session.posargs)
