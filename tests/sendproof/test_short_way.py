"""`from sendproof import …`: what production needs, on demand, with its types, and without the command."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reference.event_log
import reference.sender
import sendproof


def run_without_the_command(program: str) -> str:
    """Run a program in which nothing that only the command needs can be imported, and return what it prints."""
    missing = "import sys; sys.modules.update(dict.fromkeys(['click', 'rich', 'msgspec', 'hypothesis']))\n"
    command = [sys.executable, "-c", missing + program]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return ran.stdout


def test_the_names_are_those_of_the_reference() -> None:
    """They are the same objects, whichever way they are imported."""
    from sendproof import EventStreamSender, SenderConfig, create_event_log  # noqa: PLC0415 - this is the claim

    assert EventStreamSender is reference.sender.EventStreamSender
    assert SenderConfig is reference.sender.SenderConfig
    assert create_event_log is reference.event_log.create_event_log
    assert set(sendproof.__all__) <= set(dir(sendproof))


def test_the_package_alone_loads_nothing() -> None:
    """`import sendproof` imports no module of another package, ours or theirs."""
    loaded = run_without_the_command(
        "before = set(sys.modules)\n"
        "import sendproof\n"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    ).split()
    assert "sendproof" in loaded
    assert set(loaded) - {"sendproof"} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", sendproof.__all__)
def test_a_name_needs_nothing_of_the_command(name: str) -> None:
    """It is imported where only aiohttp and orjson are installed."""
    said = run_without_the_command(
        f"from sendproof import {name}\n"
        "print({'fake_backend', 'conformance', 'sendproof.cli'} & set(sys.modules) or 'nothing else')"
    )
    assert said == "nothing else\n"


def test_a_name_that_is_not_there_is_an_error() -> None:
    """For Python, which says what there is, and for a type checker: the comment is an error where it isn't needed."""
    with pytest.raises(ImportError, match="Sender"):
        from sendproof import Sender  # type: ignore[attr-defined]  # noqa: F401, PLC0415
    with pytest.raises(AttributeError, match="it has EventStreamSender, SenderConfig, create_event_log"):
        sendproof.Sender  # type: ignore[attr-defined]  # noqa: B018
