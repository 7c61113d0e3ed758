"""The frame: it starts at once, teaches, and says what is missing."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from sendproof import cli, commands
from sendproof.commands import sendproof
from sendproof.installed import EXTRAS, how_to_install


class Hidden(MetaPathFinder):
    """Packages that can't be imported, as if they weren't installed."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse what is hidden, as the import system asks for it."""
        del path, target
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


@contextmanager
def hidden(*names: str, ours: str) -> Iterator[None]:
    """Hide packages, inside, and have our own package imported anew from a module on.

    No longer than that: pytest's plugins import what they need when they first need it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for loaded in list(sys.modules):
            if loaded.partition(".")[0] in names or loaded == ours:
                patch.delitem(sys.modules, loaded)
        patch.setattr(sys, "meta_path", [Hidden(*names), *sys.meta_path])
        yield


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user would."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603


def test_help_teaches_each_command_with_an_example() -> None:
    """Who types `--help` learns what there is and what to type next."""
    result = CliRunner().invoke(sendproof, ["--help"])
    assert result.exit_code == 0
    for example in ("sendproof send --url", "sendproof backend --port", "sendproof check --help"):
        assert example in result.output
    for about in ("Judge a sender", "Run a backend", "Ship a file or standard input"):
        assert about in result.output


def test_help_of_send_tells_about_exit_codes_and_the_hidden_token() -> None:
    """What scripts need to know is there."""
    result = CliRunner().invoke(sendproof, ["send", "--help"])
    assert result.exit_code == 0
    for told in ("Exit codes", "SENDPROOF_TOKEN", "--no-complete", "--resume", "--append", "--window-age", "130"):
        assert told in result.output


def test_help_and_version_import_no_command() -> None:
    """The list is there at once, whatever is installed; and the command can be run as a module."""
    seen = (
        "import sys, runpy; sys.argv = ['sendproof', '{}']\n"
        "try: runpy.run_module('sendproof', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({{'rich', 'aiohttp', 'msgspec', 'conformance', 'fake_backend'}} & set(sys.modules)))\n"
    )
    for argument in ("--help", "--version"):
        result = run_python("-c", seen.format(argument))
        assert result.stdout.splitlines()[-1] == "[]", result.stderr


def test_send_does_not_import_the_judge() -> None:
    """`send` starts without what `check` needs."""
    seen = "import sys, sendproof.send; print(sorted({'msgspec', 'conformance', 'fake_backend'} & set(sys.modules)))"
    assert run_python("-c", seen).stdout.strip() == "[]"


@pytest.mark.parametrize(("command", "missing", "extra"), [("backend", "msgspec", "backend"), ("send", "rich", "cli")])
def test_a_missing_extra_is_named_with_what_to_install(
    command: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and a line to paste, instead of a traceback."""
    for loaded in list(sys.modules):
        if loaded.startswith(("fake_backend", f"sendproof.{command}", "sendproof.progress")):
            monkeypatch.delitem(sys.modules, loaded)
    with hidden(missing, ours=f"sendproof.{command}"):
        result = CliRunner().invoke(sendproof, [command, "--help"])
    assert result.exit_code == 2
    expected = f"sendproof {command} needs more packages ({missing} is missing): {how_to_install(extra)}"
    assert expected in result.output


def test_the_judge_names_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command names the extra that is enough for it."""

    def fail(_name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'msgspec'", name="msgspec")

    monkeypatch.setattr(commands, "import_module", fail)
    result = CliRunner().invoke(sendproof, ["check"])
    assert result.exit_code == 2
    assert how_to_install("conformance") in result.output


def test_a_module_of_ours_that_is_missing_is_a_bug_and_shows_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No extra would help, so none is named."""
    monkeypatch.delitem(sys.modules, "sendproof.shipment", raising=False)
    with hidden("reference", ours="sendproof.send"):
        result = CliRunner().invoke(sendproof, ["send", "--help"])
    assert isinstance(result.exception, ModuleNotFoundError)


def test_an_unknown_command_is_a_usage_error() -> None:
    """As with any command line."""
    result = CliRunner().invoke(sendproof, ["judge"])
    assert result.exit_code == 2
    assert "No such command 'judge'" in result.output


@pytest.mark.parametrize(
    ("arguments", "extra"), [([], "cli"), (["send"], "cli"), (["check", "--list"], "conformance"), (["none"], "cli")]
)
def test_without_click_the_command_says_how_to_get_it(
    arguments: list[str], extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pip install .` alone installs the command, too; what it is asked for is enough to know what it takes."""
    monkeypatch.setattr(sys, "argv", ["sendproof", *arguments])
    with hidden("click", ours="sendproof.commands"), pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    expected = f"Error: sendproof needs more packages (click is missing): {how_to_install(extra)}\n"
    assert capsys.readouterr().err == expected


def test_without_click_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As with it: it is what one asks for first."""
    monkeypatch.setattr(sys, "argv", ["sendproof", "--version"])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().out
    with hidden("click", ours="sendproof.commands"), pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == told


def test_another_missing_module_is_not_mistaken_for_click() -> None:
    """It would be a bug, and is not hidden."""
    with hidden("typing", ours="sendproof.commands"), pytest.raises(ModuleNotFoundError, match="typing"):
        cli.main()


def run_as_module() -> None:
    """What `python -m sendproof` does, in this process."""
    runpy.run_path(str(Path(cli.__file__).with_name("__main__.py")), run_name="__main__")


@pytest.mark.parametrize("run", [cli.main, run_as_module])
def test_the_command_runs_as_script_and_as_module(
    run: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are the same command."""
    monkeypatch.setattr(sys, "argv", ["sendproof", "--version"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0
    assert "sendproof, version" in capsys.readouterr().out


def test_a_command_is_found_by_its_name() -> None:
    """What a module offers is the command itself; and each has an extra."""
    assert set(EXTRAS) == set(sendproof.list_commands(click.Context(sendproof)))
    with click.Context(sendproof) as context:
        assert sendproof.list_commands(context) == ["check", "simulate", "replay", "show", "adapter", "backend", "send"]
        command = sendproof.get_command(context, "send")
        assert command is not None
        assert command.name == "send"


def test_the_module_can_be_run() -> None:
    """`python -m sendproof` is the command under its own name."""
    result = run_python("-m", "sendproof", "send", "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: sendproof send [OPTIONS] [FILE]{os.linesep}")
