"""`--toxiproxy`: what the commands share, and the proxy in front of `sendproof backend`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import click

from sendproof.installed import what_is_missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_SLOW = '{"type": "latency", "stream": "downstream", "attributes": {"latency": 1000}}'


@contextmanager
def needs_toxiproxy() -> Iterator[None]:
    """Name what to install where what is imported in the block isn't there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "toxiproxy":
            raise
        raise click.UsageError(what_is_missing("toxiproxy", "toxiproxy", needed_by="--toxiproxy")) from error


@asynccontextmanager
async def in_front_of(backend: str, ingest: str, *, api: str | None) -> AsyncIterator[list[str]]:
    """Put a proxy of the Toxiproxy whose API is at a URL in front of a backend, until the block is left.

    Yields the lines that say how to use it; none without `api`.

    Args:
        backend: The backend's URL.
        ingest: That of one of its runs.
        api: The URL of the API, or None: then nothing is done.

    Raises:
        click.UsageError: There is no Toxiproxy, or what it takes to speak to it isn't installed.
    """
    if api is None:
        yield []
        return
    with needs_toxiproxy():
        from fake_backend.toxiproxy import ToxiproxyError, connected  # noqa: PLC0415 - an extra
    try:
        with connected(api) as server:
            proxy = await asyncio.to_thread(server.in_front_of, backend)
            try:
                yield [
                    f"Through Toxiproxy:  {ingest.replace(backend, proxy.url, 1)}",
                    "Have answers take a second:",
                    f"  curl -d '{_SLOW}' {server.url}/proxies/{proxy.name}/toxics",
                ]
            finally:
                try:
                    await asyncio.to_thread(proxy.remove)
                except ToxiproxyError as error:
                    click.echo(f"Warning: {error}", err=True)  # the backend's summary is still printed
    except ToxiproxyError as error:
        raise click.UsageError(f"--toxiproxy: {error}") from error
