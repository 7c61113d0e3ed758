"""Where the command starts. It needs nothing but the standard library, so that it can say what is missing."""

from __future__ import annotations

import sys

from sendproof.standard_streams import forgiving_streams


def main() -> None:
    """Run `sendproof` with the arguments of this process; it ends with SystemExit."""
    with forgiving_streams():
        try:
            from sendproof.commands import sendproof  # noqa: PLC0415 - click may be missing, which is said below
        except ModuleNotFoundError as error:
            if error.name != "click":
                raise
            sys.stderr.write("Error: sendproof needs more packages (click is missing): pip install 'sendproof[cli]'\n")
            sys.exit(2)
        sendproof(prog_name="sendproof")
