"""`sendproof simulate` and `sendproof replay`: what they print and write, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from conformance.evidence.history import History
from sendproof.replay import replay
from sendproof.simulate import simulate

if TYPE_CHECKING:
    from click.testing import Result

    from conformance.evidence.settings import Settings

pytestmark = pytest.mark.one_python

REFERENCE = "reference.adapter:create_sender"
DOUBLES = "tests.conformance.mutants.delivery:RenumbersAfterAReset"
HERE = "tests.sendproof.test_simulate"
ROOT = Path(__file__).parents[2]


def make_nothing(_settings: Settings) -> Any:
    """A factory that raises."""
    raise OSError("no such file")


def simulated(*arguments: str) -> Result:
    """Run `sendproof simulate` in this process, on one core."""
    return CliRunner().invoke(simulate, ["--jobs", "1", *arguments])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A file with a schedule under which a broken sender doubles an event, and what was said when it was found."""
    path = tmp_path_factory.mktemp("search") / "found.json"
    return path, simulated("--sender", DOUBLES, "--rule", "DLV-2", "--save", str(path))


@pytest.fixture
def found(searched: tuple[Path, Result]) -> Path:
    """The file alone."""
    return searched[0]


def test_a_correct_sender_is_told_so() -> None:
    """The summary counts what was performed; the status is 0."""
    result = simulated("--sender", REFERENCE, "--schedules", "30", "--seed", "2")
    assert result.exit_code == 0, result.output
    assert "30 schedules of seed 2, with " in result.output
    assert "schedules a second" in result.output
    assert result.output.endswith("No rule was broken.\n")


def test_what_was_not_tested_is_said() -> None:
    """A rule that found nothing to judge has not been tested, and the summary doesn't hide that."""
    result = simulated("--sender", REFERENCE, "--schedules", "1", "--rule", "WIRE-5", "--rule", "WIRE-2")
    assert "They gave these rules nothing to judge: WIRE-5\n" in result.output


def test_a_broken_sender_is_shown_with_the_smallest_schedule(searched: tuple[Path, Result]) -> None:
    """The script, the rule, the contradiction, and the command that shows it again; the status is 1."""
    found, result = searched
    assert result.exit_code == 1
    assert "A schedule with 1 event and 1 fault breaks DLV-2\n" in result.output
    assert "of seed 1, shrunk from " in result.output
    assert "  run-1    enqueue 1 event\n           stop\n  backend  request 1" in result.output
    assert "an event was accepted twice, as number 1 and as number 2" in result.output
    assert result.output.endswith(f"See it again:  sendproof replay {found}\n")


def test_a_found_schedule_is_replayed(found: Path) -> None:
    """It breaks the same rule, in the same words; the status is 1 again."""
    result = CliRunner().invoke(replay, [str(found)])
    assert result.exit_code == 1
    assert "an event was accepted twice, as number 1 and as number 2" in result.output


def test_a_replay_with_another_sender_judges_that_one(found: Path) -> None:
    """A sender that was fixed is judged by the schedule that it broke; the status is 0."""
    result = CliRunner().invoke(replay, [str(found), "--sender", REFERENCE])
    assert result.exit_code == 0, result.output
    assert "A schedule with 1 event and 1 fault breaks no rule\n" in result.output


def test_a_replay_can_tell_all_that_happened(found: Path, tmp_path: Path) -> None:
    """The trace has a line for each record, and the history is one that can be judged."""
    path = tmp_path / "history.json"
    result = CliRunner().invoke(replay, [str(found), "--trace", "--history", str(path)])
    history = History.from_json(path.read_bytes())
    assert result.output.splitlines()[0] == "    0.000 s  sender 1 is opened for run run-1"
    assert result.output.splitlines()[len(history.records)] == ""


def test_a_history_that_can_not_be_written_is_said(found: Path, tmp_path: Path) -> None:
    """The verdict comes all the same; the error names the file."""
    path = tmp_path / "nowhere" / "history.json"
    result = CliRunner().invoke(replay, [str(found), "--history", str(path)])
    assert f"The history could not be written to {path}: No such file or directory" in result.output
    assert "an event was accepted twice" in result.output


def test_the_schedule_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --save the file is named by the rule."""
    monkeypatch.chdir(tmp_path)
    result = simulated("--sender", DOUBLES, "--rule", "DLV-2")
    assert result.output.endswith("See it again:  sendproof replay sendproof-DLV-2.json\n")
    assert json.loads((tmp_path / "sendproof-DLV-2.json").read_text())["sender"] == DOUBLES


def test_nothing_else_is_written(tmp_path: Path) -> None:
    """Neither of them leaves anything in somebody's directory but what it names."""
    sender = tmp_path / "my_sender.py"
    sender.write_text(f"from {DOUBLES.replace(':', ' import ')} as create_sender\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (
        ["simulate", "--sender", "./my_sender.py:create_sender", "--rule", "DLV-2", "--jobs", "2"],
        ["replay", "sendproof-DLV-2.json", "--history", "history.json"],
    ):
        command = [sys.executable, "-m", "sendproof", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True)  # noqa: S603
        assert done.returncode == 1, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"my_sender.py", "sendproof-DLV-2.json", "history.json"}


def test_a_schedule_that_can_not_be_written_is_shown_all_the_same(tmp_path: Path) -> None:
    """What was found isn't lost; the error names the file."""
    path = tmp_path / "nowhere" / "found.json"
    result = simulated("--sender", DOUBLES, "--rule", "DLV-2", "--save", str(path))
    assert result.exit_code == 1
    assert "breaks DLV-2" in result.output
    assert f"could not be written to {path}: No such file or directory" in result.output


def test_a_sender_that_can_not_be_judged_is_told_so(tmp_path: Path) -> None:
    """The status is 2, with what the sender did, and a schedule that shows it."""
    path = tmp_path / "found.json"
    result = simulated("--sender", f"{HERE}:make_nothing", "--save", str(path))
    assert result.exit_code == 2
    assert "could not be judged" in result.output
    assert "AdapterError: the factory raised OSError: no such file" in result.output
    assert CliRunner().invoke(replay, [str(path)]).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sender", "nowhere:nothing"], "can't import 'nowhere'"),
        (["--sender", REFERENCE, "--rule", "DLV-99"], "DLV-99"),
        (["--sender", REFERENCE, "--schedules", "0"], "0 is not in the range"),
        ([], "Missing option '--sender'"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], said: str) -> None:
    """The error says what was wrong; the status is 2."""
    result = simulated(*arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("text", ["{}", "nonsense"])
def test_a_file_without_a_schedule_is_named(tmp_path: Path, text: str) -> None:
    """`replay` says which file holds no schedule; the status is 2."""
    path = tmp_path / "found.json"
    path.write_text(text)
    result = CliRunner().invoke(replay, [str(path)])
    assert result.exit_code == 2
    assert f"Nothing was performed: {path} holds no schedule: " in result.output


def digest(hash_seed: str) -> str:
    """The digest that the command prints in a process with a hash seed."""
    arguments = ["--sender", REFERENCE, "--seed", "7", "--schedules", "50", "--digest"]
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-m", "sendproof", "simulate", *arguments],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("digest: ")]
    return line


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    """Fifty schedules take the same course, to the byte, in two processes with different hash seeds."""
    assert digest("1") == digest("2")
