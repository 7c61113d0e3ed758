"""The options of `pytest --pyargs conformance`: which sender is tested.

pytest loads this in every run where sendproof is installed, so it imports nothing, and adds its options only to a run
that asks for the suite: their names are short, and may be another plugin's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_SUITE = "conformance"


def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:  # noqa: ARG001 - pytest calls by name
    """Add the options, if the suite is among what is to be run."""
    if not any(argument == _SUITE or argument.startswith((f"{_SUITE}.", f"{_SUITE}::")) for argument in args):
        return
    group = parser.getgroup("sendproof", "the sender that the conformance suite judges")
    group.addoption(
        "--sender", metavar="MODULE:FACTORY", help="a function that makes a sender for asyncio, of a module or a file"
    )
    group.addoption("--command", metavar="COMMAND", help="a program that speaks the adapter protocol")
    group.addoption("--real", action="store_true", help="with --sender: real sockets and real time")
