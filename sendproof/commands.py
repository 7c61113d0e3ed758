"""The table of commands, a name and one line each; a command's module is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from sendproof.exit_status import ExitStatus
from sendproof.installed import EXTRAS, version_line, what_is_missing

_OURS = frozenset({"sendproof", "conformance", "fake_backend", "reference"})

_HELP = """Prove that an event sender loses, duplicates and reorders nothing.

\b
Ship events, one JSON object a line, in order and each exactly once:
  my-program | sendproof send --url http://127.0.0.1:8787/v1/runs/demo/ingest --token any

\b
Run a backend that keeps everything in memory, and misbehaves if asked to:
  sendproof backend --port 8787

\b
Judge an asyncio sender by how it behaves when things go wrong:
  sendproof check --help

\b
Search for a failure that nobody wrote down, and get the smallest one:
  sendproof simulate --help

`sendproof COMMAND --help` tells more about each.
"""


_ABOUT = {
    "check": "Judge a sender: does it keep the rules when things go wrong?",
    "simulate": "Search for trouble that makes a sender break a rule.",
    "replay": "Perform a schedule again that `simulate` has found.",
    "show": "Draw a recorded history as a page.",
    "adapter": "Put a Python sender behind the adapter protocol.",
    "backend": "Run a backend that takes events, and misbehaves if asked to.",
    "send": "Ship a file or standard input, one JSON object a line.",
}


class MissingPackagesError(click.ClickException):
    """A command needs packages that aren't installed; the message says how to get them."""

    exit_code = ExitStatus.NOT_DONE


class LazyGroup(click.Group):
    """A group that imports a command's module only to run it or to show its own help.

    Its list of commands needs none of them, so that it is there at once, and whatever extras are installed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, in the order in which they are listed."""
        return list(_ABOUT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command; None if there is none of that name. Raises MissingPackagesError."""
        if cmd_name not in _ABOUT:
            return None
        try:
            module: Any = import_module(f"sendproof.{cmd_name}")
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in _OURS:
                raise
            raise MissingPackagesError(
                what_is_missing(missing, EXTRAS[cmd_name], needed_by=f"sendproof {cmd_name}")
            ) from error
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_ABOUT.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        click.echo(version_line())
        ctx.exit()


@click.group(cls=LazyGroup, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def sendproof() -> None:
    """Hold the commands; the group does nothing by itself."""
