"""A real Toxiproxy in front of a backend: a proxy of its own, with toxics that surely hold.

The server, and the client that speaks to it, have traps. Each is closed here:

* A toxic acts on a connection that is older than it in a way of its own. `FrontProxy.come_up` makes the proxy anew, and
  opens it only with its toxics, so that there is no older connection.
* An attribute that it doesn't know is accepted in silence. Toxics are read back, and compared.
* It takes no notice of its seed. There is no toxicity here but 1, and no jitter.
* toxiproxy-python keeps the server's address in a class, and takes an answer of 500 for a success. One server is used
  at a time in a process, and what was asked for is read back.

Calls block; a program with an event loop makes them in threads.
"""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from fake_backend.errors import FakeBackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_backend.faults import Stream

HOW_TO_START: Final = (
    "Start one on this machine:\n"
    "  go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0\n"
    '  "$(go env GOPATH)/bin/server" -port 8474'
)
_LOOPBACK: Final = "127.0.0.1"
_PATIENCE: Final = 3.0

_REFUSALS: Final = (ProxyExists, NotFound, InvalidToxic)
_SURPRISES: Final = (LookupError, TypeError, ValueError, AttributeError)
"""How the client takes an answer that isn't what it asked for."""

_in_use = threading.Lock()


class ToxiproxyError(FakeBackendError):
    """There is no Toxiproxy, or it doesn't do as it is told."""


class Toxic(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy does to one stream of all its connections; `type` and `attributes` as the server has them."""

    type: str
    stream: Stream
    attributes: dict[str, int]

    @property
    def name(self) -> str:
        """What the server calls it."""
        return f"{self.type}_{self.stream}"


@contextmanager
def connected(url: str) -> Iterator[Toxiproxy]:
    """Use the Toxiproxy whose API is at a URL, such as http://127.0.0.1:8474.

    Raises ToxiproxyError if it isn't there, isn't one, or is too far away: a proxy of it and a backend of ours have to
    reach each other on this machine's loopback. Or if this process uses one already.
    """
    host, port = _address(url)
    if not _in_use.acquire(blocking=False):
        raise ToxiproxyError("this process uses a Toxiproxy already, and can use one at a time")
    try:
        server = Toxiproxy(url, host, port)
        server.check()
        yield server
    finally:
        _in_use.release()


def _address(url: str) -> tuple[str, int]:
    with suppress(ValueError):  # of a port or a host that is none
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and parts.path + parts.query + parts.fragment in {"", "/"}:
            return parts.hostname, parts.port or 8474
    raise ToxiproxyError(f"{url!r} is not the URL of a Toxiproxy's API; one is like http://127.0.0.1:8474")


class Toxiproxy:
    """A Toxiproxy server; `connected` gives it."""

    def __init__(self, url: str, host: str, port: int) -> None:
        self.url = url.rstrip("/")
        self._address = host, port
        self._server: Any = toxiproxy.Toxiproxy()
        self._server.update_api_consumer(f"[{host}]" if ":" in host else host, port)

    def check(self) -> None:
        """Raise ToxiproxyError unless it is there, and near."""
        try:
            socket.create_connection(self._address, timeout=_PATIENCE).close()
        except OSError as error:
            raise ToxiproxyError(f"no Toxiproxy answers at {self.url}: {error}. {HOW_TO_START}") from error
        with self.told("say what it is"):
            self._server.proxies()
        with socket.create_server((_LOOPBACK, 0)) as listener:
            listener.settimeout(_PATIENCE)
            proxy = self.in_front_of(f"http://{_LOOPBACK}:{listener.getsockname()[1]}")
            try:
                with socket.create_connection(proxy.address, timeout=_PATIENCE):
                    listener.accept()[0].close()
            except OSError as error:
                raise ToxiproxyError(
                    f"the Toxiproxy at {self.url} is too far away: its proxies and this process have to reach each "
                    f"other on {_LOOPBACK}, as they can't from a container with a network of its own. {HOW_TO_START}"
                ) from error
            finally:
                proxy.remove()

    def in_front_of(self, url: str) -> FrontProxy:
        """Put a proxy in front of what listens at a URL, on a port of its own. Whoever asks for it removes it."""
        proxy = FrontProxy(self, upstream=urlsplit(url).netloc)
        try:
            proxy.come_up()
        except ToxiproxyError:
            proxy.remove()
            raise
        return proxy

    @contextmanager
    def told(self, what: str) -> Iterator[Any]:
        """Ask the server for something; raise ToxiproxyError where it doesn't do it."""
        try:
            yield self._server
        except (*_REFUSALS, *_SURPRISES, OSError) as error:
            raise ToxiproxyError(f"the Toxiproxy at {self.url} doesn't {what}: {error!r}") from error


class FrontProxy:
    """A proxy in front of one server, at an address that stays the same."""

    def __init__(self, server: Toxiproxy, *, upstream: str) -> None:
        self.name = f"sendproof-{secrets.token_hex(6)}"
        self._server = server
        self._upstream = upstream
        self._held_port = _hold(_LOOPBACK, 0)
        self.address: tuple[str, int] = self._held_port.getsockname()
        """Where it listens, as sockets have it."""

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.address
        return f"http://{host}:{port}"

    def go_down(self) -> None:
        """End all its connections, and refuse new ones; its toxics are gone."""
        with self._server.told(f"close {self.name}") as server:
            proxy = server.get_proxy(self.name)
            if proxy is None:
                return
            proxy.destroy()
            # Or the system may give it to another, which would then get our requests.
            self._held_port.close()
            self._held_port = _hold(*self.address)

    def come_up(self, *toxics: Toxic) -> None:
        """Listen, with these toxics alone; all its connections of before have ended."""
        self.go_down()
        host, port = self.address
        with self._server.told(f"open {self.name} at {host}:{port}") as server:
            proxy = server.create(self._upstream, self.name, listen=f"{host}:{port}", enabled=False)
            for toxic in toxics:
                proxy.add_toxic(type=toxic.type, name=toxic.name, stream=toxic.stream, attributes=toxic.attributes)
            self._held_port.close()
            proxy.enable()
            self._check(server.get_proxy(self.name), toxics)

    def remove(self) -> None:
        """Delete it from the server, for good; a second call does nothing."""
        try:
            self.go_down()
        finally:
            self._held_port.close()

    def _check(self, proxy: Any, toxics: tuple[Toxic, ...]) -> None:
        if not proxy.enabled:
            raise ToxiproxyError(f"the Toxiproxy at {self._server.url} can't listen on port {self.address[1]}")
        there = proxy.toxics()
        for toxic in toxics:
            held = there[toxic.name]
            kept = {name: held.attributes.get(name) for name in toxic.attributes}
            if (held.type, held.stream, held.toxicity, kept) != (toxic.type, toxic.stream, 1, toxic.attributes):
                raise ToxiproxyError(
                    f"the Toxiproxy at {self._server.url} was asked for {toxic}, and made of it "
                    f"{held.type} {held.stream} {held.attributes}"
                )


def _hold(host: str, port: int) -> socket.socket:
    """Keep a port of our own while nobody listens on it; 0 is any that is free."""
    holder = socket.socket()
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of before may linger
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder
