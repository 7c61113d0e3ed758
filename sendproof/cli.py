"""Starts the command. It imports nothing but the standard library, so that it can say what is missing."""

from __future__ import annotations

import sys

from sendproof.exit_status import ExitStatus
from sendproof.installed import EXTRAS, version_line, what_is_missing
from sendproof.standard_streams import forgiving_streams


def main() -> None:
    """Run `sendproof` with the arguments of this process; it ends with SystemExit."""
    with forgiving_streams():
        try:
            from sendproof.commands import sendproof  # noqa: PLC0415 - click may be missing, which is said below
        except ModuleNotFoundError as error:
            if error.name != "click":
                raise
            if sys.argv[1:] == ["--version"]:
                sys.stdout.write(f"{version_line()}\n")
                sys.exit(ExitStatus.OK)
            extra = EXTRAS.get("".join(sys.argv[1:2]), "cli")
            sys.stderr.write(f"Error: {what_is_missing('click', extra)}\n")
            sys.exit(ExitStatus.NOT_DONE)
        sendproof(prog_name="sendproof")
