"""Three clients of HTTP that know nothing of simulations, with one face: aiohttp, httpx, and plain asyncio streams."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import aiohttp
import httpx
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

URL = "http://127.0.0.1:8080/"

Post: TypeAlias = "Callable[[bytes], Awaitable[bytes]]"
"""Posts a body to `URL` and returns the answer's; raises `BrokenError` or `TimeoutError`."""


class BrokenError(Exception):
    """The connection broke, or couldn't be made: what each client has an error of its own for."""


@asynccontextmanager
async def with_aiohttp(timeout: float) -> AsyncIterator[Post]:
    """Post by aiohttp."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session:

        async def post(body: bytes) -> bytes:
            try:
                async with session.post(URL, data=body) as response:
                    return await response.read()
            except aiohttp.ClientConnectionError as error:
                raise BrokenError from error

        yield post


@asynccontextmanager
async def with_httpx(timeout: float) -> AsyncIterator[Post]:
    """Post by httpx."""
    async with httpx.AsyncClient(timeout=timeout) as client:

        async def post(body: bytes) -> bytes:
            try:
                return (await client.post(URL, content=body)).content
            except httpx.TimeoutException as error:
                raise TimeoutError from error
            except httpx.TransportError as error:
                raise BrokenError from error

        yield post


@asynccontextmanager
async def with_streams(timeout: float) -> AsyncIterator[Post]:
    """Post by a connection for each request."""

    async def post(body: bytes) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await _post(body)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise BrokenError from error

    yield post


async def _post(body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", 8080)
    try:
        writer.write(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()


CLIENTS: dict[str, Callable[[float], AbstractAsyncContextManager[Post]]] = {
    "aiohttp": with_aiohttp,
    "httpx": with_httpx,
    "streams": with_streams,
}


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[None]:
    """Serve `handler` at `URL` with aiohttp's server as it is."""
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 8080)
    await site.start()
    try:
        yield
    finally:
        await runner.cleanup()


async def echo(request: web.Request) -> web.Response:
    """Send back what came."""
    return web.Response(body=await request.read())
