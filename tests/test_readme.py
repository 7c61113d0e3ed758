"""The README's examples run as pasted: each is run by a test here, by `test_watch`, or by `.ci/run`."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.evidence.settings import Settings
from conformance.harness.in_process import make_sender
from conformance.judging.loading import load_factory
from tests.browser import missing
from tests.readme import README, ROOT, URL, backend, blocks, shell, the_block

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

RUN_HERE = {
    "sh": (
        "python3 -m venv",
        "check --sender examples.naive",
        "simulate --sender examples.naive",
        "backend --port 8787",
        "git log",
    ),
    "python": ("create_sender", "asyncio.run", "lost_answer", "InMemoryEventLog"),
    "toml": ("reset_peer",),
}
RUN_BY_CI = ("python3 -m nox\n", "python3 -m nox -s tests\n", "node examples/node/adapter.mjs")
RUN_BY_TEST_WATCH = ("sendproof backend\n", "while sleep 0.5")


def test_every_example_is_run() -> None:
    """Whoever adds one adds what runs it."""
    elsewhere = {"sh": (*RUN_BY_CI, *RUN_BY_TEST_WATCH)}
    for language in set(re.findall(r"^```(\w+)$", README, flags=re.MULTILINE)):
        marks = (*RUN_HERE[language], *elsewhere.get(language, ()))
        found = [[mark for mark in marks if mark in block] for block in blocks(language)]
        assert sorted(mark for each in found for mark in each) == sorted(marks)
        assert all(len(each) == 1 for each in found)
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for mark in RUN_BY_CI:
        assert mark in ci


def output_of(command: str, directory: Path) -> tuple[int, str]:
    """Run a command of the README to its end; give its status, and what it printed."""
    with shell(command, directory) as process:
        printed, _ = process.communicate()
        return process.returncode, printed


def shown(before: str) -> str:
    """The output that the README shows right before some words."""
    found = re.search(rf"^((?:(?:    .*)?\n)+){re.escape(before)}", README, flags=re.MULTILINE)
    assert found is not None
    return re.sub(r"^    ", "", found.group(1), flags=re.MULTILINE).strip("\n")


def test_a_virtual_environment_is_made_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the one whose `python3` is used after it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    command = the_block("sh", "python3 -m venv")
    status, printed = output_of(f"{command}python3 -c 'import sys; print(sys.prefix)'", tmp_path)
    assert (status, printed) == (0, f"{tmp_path}/.venvs/sendproof\n")


def test_the_naive_sender_fails_as_shown(tmp_path: Path) -> None:
    """Each line of the report that the README shows is in the report."""
    status, printed = output_of(the_block("sh", "check --sender examples.naive"), tmp_path)
    assert status == 1
    assert not set(shown("A sender of yours").splitlines()) - set(printed.splitlines())


def test_the_search_finds_what_is_shown(tmp_path: Path) -> None:
    """The smallest schedule for the simplest bug of the naive sender; from how large a one depends on Hypothesis."""
    large = r"shrunk from \d+ events and \d+ faults"
    status, printed = output_of(the_block("sh", "simulate --sender examples.naive"), tmp_path)
    assert status == 2
    assert re.sub(large, "shrunk", shown("That is its simplest bug")) in re.sub(large, "shrunk", printed)
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["sendproof-AdapterError.json"]


MY_APP = """
class Sender:
    def __init__(self, url, token, *, timeout):
        self.events = []

    def put(self, event):
        self.events.append(event)
        return len(self.events) < 2

    async def close(self):
        self.events.clear()
"""


async def test_the_adapter_plugs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Around any sender it has the three names that the suite asks for, and is found by the name that it gives."""
    example = the_block("python", "create_sender")
    (tmp_path / "my_sender.py").write_text(example, encoding="utf-8")
    (tmp_path / "my_app.py").write_text(MY_APP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    named = re.search(r"sendproof check --sender (\S+)", example)
    assert named is not None
    settings = Settings(url="http://localhost/v1/runs/r/ingest", token="t", run_id="r")
    sender = await make_sender(load_factory(named[1]), settings)
    assert [sender.call_enqueue({"n": number})[0] for number in range(2)] == ["accepted", "full"]
    assert await sender.stop(complete=True) is None


def run_python(program: str, directory: Path, *arguments: str) -> str:
    """Run an example as a file; give what it printed."""
    path = directory / "test_example.py"
    path.write_text(program, encoding="utf-8")
    command = [sys.executable, *arguments, str(path)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_production_example_delivers(tmp_path: Path) -> None:
    """It streams three events, completes the run, and prints the report."""
    with backend("sendproof backend", tmp_path) as url:
        printed = run_python(the_block("python", "asyncio.run").replace(URL, url), tmp_path)
    assert "delivered=3" in printed
    assert "completed=True" in printed


def test_the_event_log_tells_what_happened(tmp_path: Path) -> None:
    """In order, with ids, and nothing was missed."""
    assert run_python(the_block("python", "InMemoryEventLog"), tmp_path).splitlines() == [
        "1 turn.started {'turn': 1}",
        "2 turn.ended {'turn': 1, 'tokens': 512}",
        "0 were gone before this reader came",
    ]


def test_the_test_with_the_fake_backend_passes(tmp_path: Path) -> None:
    """With no setting of pytest, and the plugin that it names."""
    printed = run_python(the_block("python", "lost_answer"), tmp_path, "-m", "pytest", "-p", "no:cacheprovider")
    assert "1 passed" in printed


def test_real_input_is_shipped_and_the_fault_file_strikes(tmp_path: Path) -> None:
    """The commits of this repository arrive, without faults and with those of the README's file."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        missing("git, and a clone")
    start, send = the_block("sh", "backend --port 8787"), the_block("sh", "git log")
    with backend(start) as url:
        status, printed = output_of(send.replace(URL, url), ROOT)
    assert status == 0
    assert "All delivered." in printed
    (tmp_path / "faults.toml").write_text(the_block("toml", "reset_peer"), encoding="utf-8")
    commits = "printf '%s\\n' " + " ".join(f"'{{\"n\": {number}}}'" for number in range(12))
    in_windows = f"{commits} | sendproof send --url {URL}/v1/runs/demo/ingest --token any --max-window-events 3"
    assert "sendproof send" in send
    assert "`--faults faults.toml`" in README
    assert "`--max-window-events 3`" in README
    with shell(f"{start.strip().removesuffix(' --port 8787')} --port 0 --faults faults.toml", tmp_path) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Listening on ").strip()
        status, printed = output_of(in_windows.replace("| sendproof", "|\n sendproof").replace(URL, url), tmp_path)
        os.killpg(process.pid, signal.SIGTERM)
        seen = process.stdout.read()
    assert (status, "All delivered." in printed) == (0, True), printed
    assert "reset_peer" in seen
    assert "latency" in seen
