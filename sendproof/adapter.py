"""`sendproof adapter`: a Python sender behind the adapter protocol, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from contextlib import ExitStack

import click

from conformance.adapters.serve import serve
from conformance.errors import AdapterError
from conformance.judging.loading import load_factory

_HELP = """Put a Python sender behind the adapter protocol: it is judged in a process of its own, on real sockets.

FACTORY is what `sendproof check --sender` takes. A sender that uses threads, processes or libraries that can't be
simulated is judged so; and it shows what an adapter in another language does.

\b
Examples:
  sendproof check --command "sendproof adapter --sender my_app.events:make_sender"
  sendproof adapter --sender my_app.events:make_sender --connect 4711

It reads requests from standard input and answers on standard output. What the sender prints goes to standard error.
With --connect, it connects to `sendproof check --attach PORT` instead, for instance under a debugger.
"""


@click.command(help=_HELP)
@click.option(
    "--sender", metavar="MODULE:FACTORY", required=True, help="A function that makes a sender, of a module or a file."
)
@click.option("--connect", "port", metavar="PORT", type=click.IntRange(1, 65_535), help="Connect to this port.")
@click.option("-v", "--verbose", is_flag=True, help="Log to standard error what the sender logs.")
def adapter(sender: str, port: int | None, *, verbose: bool) -> None:
    """Serve a sender."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, stream=sys.stderr)
    try:
        factory = load_factory(sender)
    except AdapterError as error:
        raise click.BadParameter(f"{error}.", param_hint="--sender") from error
    with ExitStack() as stack:
        if port is None:
            # What a sender prints would be taken for an answer.
            answers = stack.enter_context(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            lines = sys.stdin.buffer
        else:
            try:
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            except OSError as error:
                raise click.ClickException(f"can't connect to 127.0.0.1:{port}: {error.strerror}") from error
            answers = stack.enter_context(connection.makefile("wb"))
            lines = stack.enter_context(connection.makefile("rb"))
        asyncio.run(serve(sender, factory, lines, answers))
