"""`sendproof check --toxiproxy`: one table for three worlds, and how it ends."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from conformance.scenarios import SCENARIOS
from sendproof.check import check
from tests.toxiproxy_server import toxiproxy_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

REFERENCE = ("--sender", "reference.adapter:create_sender")
RENUMBERS = ("--sender", "tests.conformance.mutants.delivery:RenumbersAfterAReset")
NOWHERE = ("--toxiproxy", "http://127.0.0.1:1")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the API of a Toxiproxy is."""
    with toxiproxy_server() as url:
        yield url


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(check, arguments)


def rows(result: Result) -> dict[str, str]:
    """What the table says of each scenario."""
    lines = [line.partition("  ") for line in result.stdout.splitlines()]
    names = {scenario.name for scenario in SCENARIOS}
    return {name: " ".join(cells.split()) for name, _, cells in lines if name in names}


def test_a_sender_that_conforms_passes_in_all_worlds(url: str) -> None:
    """Each scenario of the network that attacks the rule has a row, with three verdicts."""
    result = run(*REFERENCE, "--toxiproxy", url, "--rule", "DRN-3")
    assert (result.exit_code, result.stderr.strip()) == (0, "")
    attacks = [each.name for each in SCENARIOS if each.is_of_the_network and "DRN-3" in each.rules]
    assert rows(result) == dict.fromkeys(attacks, "passed passed passed")
    assert result.stdout.splitlines()[-1] == f"{len(attacks)} scenarios in three worlds: {len(attacks)} passed in all"


def test_a_sender_that_is_broken_fails_in_all_worlds(url: str) -> None:
    """With the rule in each cell, and the records behind it for each world."""
    result = run(*RENUMBERS, "--toxiproxy", url, "--rule", "SEQ-4", "--rule", "DLV-2")
    assert result.exit_code == 1
    found = rows(result)
    assert found["a-network-with-reset-peer-downstream"] == "failed DLV-2 failed DLV-2 failed DLV-2"
    assert found["a-network-with-slicer"] == "passed passed passed"
    _, _, told = result.stdout.partition("\na-network-with-reset-peer-downstream: ")
    assert [told.count(f"  {world}: DLV-2\n") > 0 for world in ("simulator", "TCP", "Toxiproxy")] == [True] * 3
    assert "an event was accepted twice" in told


def test_what_is_known_to_fail_is_not_compared(url: str, tmp_path: Path) -> None:
    """It is named, and the rest decides."""
    known = tmp_path / "known.txt"
    known.write_text("DLV-2  we renumber\n", encoding="utf-8")
    result = run(*RENUMBERS, "--toxiproxy", url, "--known-failing", str(known), "--rule", "DRN-3", "--rule", "DLV-2")
    assert result.exit_code == 0
    assert "Known to fail, and not compared: DLV-2" in result.stdout


def test_a_sender_that_can_not_be_judged_is_no_failure(url: str) -> None:
    """It ends with 2, and says why, for each world."""
    broken = ("--sender", "tests.sendproof.test_check:RaisesWhenStopped")
    result = run(*broken, "--toxiproxy", url, "--rule", "DRN-3")
    assert result.exit_code == 2
    assert "not judged not judged not judged" in rows(result).values()
    assert "Toxiproxy: AdapterError: stop raised ValueError: no" in result.stdout


def test_an_unreachable_server_is_told_with_how_to_start_one() -> None:
    """Nothing is performed, and the exit status isn't that of a failure."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = run(*REFERENCE, "--toxiproxy", f"http://127.0.0.1:{port}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"no Toxiproxy answers at http://127.0.0.1:{port}" in result.stderr
    assert "go install github.com/Shopify/toxiproxy/v2/cmd/server@" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (*REFERENCE, "--real"),
        (*REFERENCE, "--report", "somewhere"),
        ("--command", "node adapter.mjs"),
        ("--attach", "0"),
        (),
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_what_makes_no_sense_with_it_is_told(arguments: tuple[str, ...]) -> None:
    """Before anything is performed."""
    result = run(*arguments, *NOWHERE)
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "it goes with --sender, and not with --command, --attach, --real, --report or --scenario." in said


def test_a_rule_that_no_scenario_of_the_network_attacks_is_told() -> None:
    """With those that are."""
    result = run(*REFERENCE, *NOWHERE, "--rule", "WIN-1")
    assert result.exit_code == 2
    assert "No scenario of the network attacks WIN-1; they attack DLV-1, DLV-2" in " ".join(result.stderr.split())
