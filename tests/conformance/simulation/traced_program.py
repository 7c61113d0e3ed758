"""A program with everything that could make two runs differ; prints a digest of what happened when.

It is run in a process of its own, so that hashes and addresses are other ones each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

import aiohttp
from aiohttp import web

from conformance.simulation import LinkConditions, Side, Simulation, simulate

URL = "http://127.0.0.1:8080/"


async def main(sim: Simulation) -> list[str]:
    """Let many clients talk to a server while connections jitter, are reset and stall; return the trace."""
    trace: list[str] = []
    sim.network.link("127.0.0.1", 8080).conditions = LinkConditions(jitter=0.003, bandwidth=1e6, slice=200)

    def note(what: str) -> None:
        trace.append(f"{sim.time()} {what}")

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        note(f"server got {body.decode()} from {request.remote}")
        await asyncio.sleep(len(body) / 1000)
        return web.Response(body=body, headers={"X-Now": str(time.time()), "X-Uptime": str(time.monotonic())})

    async def requests(session: aiohttp.ClientSession, name: str) -> None:
        for number in range(20):
            try:
                async with session.post(URL, data=f"{name}:{number}") as response:
                    note(f"{name} got {(await response.read()).decode()} with {dict(response.headers)}")
            except (aiohttp.ClientError, TimeoutError) as error:
                note(f"{name} failed: {type(error).__name__}")

    async def havoc() -> None:
        link = sim.network.link("127.0.0.1", 8080)
        while True:
            for side in (Side.CLIENT, Side.SERVER, Side.BOTH):
                await asyncio.sleep(0.05)
                note(f"reset {link.reset(seen_by=side)}")
                link.stall(toward=side)
                await asyncio.sleep(0.02)
                link.release(toward=side)

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 8080).start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
        trouble = asyncio.create_task(havoc())
        # A set of tasks has another order in another process, if nobody sees to it.
        clients = {asyncio.create_task(requests(session, f"client-{number}")) for number in range(25)}
        while clients:
            done, clients = await asyncio.wait(clients, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                note(f"{task.get_name()} is done")
        trouble.cancel()
    await runner.cleanup()
    return trace


if __name__ == "__main__":
    lines = simulate(main, seed=7, shuffle=True)
    print(len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())  # noqa: T201 - its output is its result
