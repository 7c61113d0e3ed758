"""`--toxiproxy`: what the commands share, and the proxy in front of `sendproof backend`."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@contextmanager
def needs_toxiproxy() -> Iterator[None]:
    """Say what to install where what is imported in the block isn't there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "toxiproxy":
            raise
        raise click.UsageError(
            "--toxiproxy needs more packages (toxiproxy is missing): pip install 'sendproof[toxiproxy]'"
        ) from error


@asynccontextmanager
async def proxied(api: str | None, backend: str, *, path: str) -> AsyncIterator[None]:
    """Put a proxy of the Toxiproxy at the URL `api` in front of a backend, and say how to use it; None: do nothing.

    The proxy is removed when the block is left.

    Raises:
        click.UsageError: There is no Toxiproxy at that URL, or the packages for it aren't there.
    """
    if api is None:
        yield
        return
    with needs_toxiproxy():
        from fake_backend.toxiproxy import Toxic, ToxiproxyError, connected  # noqa: PLC0415 - an extra

    @contextmanager
    def _complaining() -> Iterator[None]:
        try:
            yield
        except ToxiproxyError as error:
            click.echo(f"Warning: {error}", err=True)

    slow = Toxic(type="latency", stream="downstream", attributes={"latency": 1000})
    try:
        with connected(api) as server:
            proxy = await asyncio.to_thread(server.in_front_of, backend)
            toxic = json.dumps({"type": slow.type, "stream": slow.stream, "attributes": slow.attributes})
            click.echo(f"Through Toxiproxy:  {proxy.url}{path}")
            click.echo(f"Make answers a second slow:  curl -d '{toxic}' {server.url}/proxies/{proxy.name}/toxics")
            try:
                yield
            finally:
                with _complaining():
                    await asyncio.to_thread(proxy.remove)
    except ToxiproxyError as error:
        raise click.UsageError(str(error)) from error
