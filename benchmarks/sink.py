"""A backend that does the least that the protocol allows, in a process of its own: it counts lines, and answers.

The sender and its yardstick send to the same one, so that what it costs is the same for both.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

HOST = "127.0.0.1"
_COMPLETION = b'{"type":"_posthog/stream_complete"'
_MOST_OF_A_BODY = 64 * 1024 * 1024


@contextmanager
def running_sink() -> Iterator[str]:
    """Run a sink as long as the context lasts; gives its base URL, to which the name of a run is appended."""
    # Not forked: a child that inherits the heap of its parent is measured with it.
    context = multiprocessing.get_context("spawn")
    receiver, teller = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(teller,), daemon=True)
    process.start()
    try:
        yield f"http://{HOST}:{receiver.recv()}/runs/"
    finally:
        process.terminate()
        process.join()


def _serve(teller: Connection) -> None:
    asyncio.run(_serve_for_good(teller))


async def _serve_for_good(teller: Connection) -> None:
    last_accepted: Counter[str] = Counter()

    async def ingest(request: web.Request) -> web.Response:
        """Take every line for the next event. An empty body asks for the position, as in the protocol."""
        body = await request.read()
        run = request.match_info["run"]
        if not body.startswith(_COMPLETION):
            last_accepted[run] += body.count(b"\n")
        return web.Response(body=b'{"last_accepted_seq":%d}' % last_accepted[run], content_type="application/json")

    app = web.Application(client_max_size=_MOST_OF_A_BODY)
    app.router.add_post("/runs/{run}", ingest)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    _, port = runner.addresses[0][:2]
    teller.send(port)
    await asyncio.Event().wait()
