"""Who is answered: no web page of others, neither by its own requests nor by a name that it points at this machine.

That holds for the ingest routes too, where it is a page that asks. Programs may ask for those by whatever name: senders
reach a backend by names that it doesn't know.

A browser lets any page send requests to a server on the loopback interface. That a page can't read the answers is no
help against requests that change something; and a name whose address is changed to 127.0.0.1 after the page was loaded
(DNS rebinding) makes even the answers readable. The name in `Host` is then still the page's, and is what gives it away.
"""

import ipaddress
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from fake_backend.control.call import RefusedError

_LOOPBACK: Final = {"localhost", "127.0.0.1", "[::1]"}

_SITE: Final = "Sec-Fetch-Site"

_OWN_SITE: Final = {"same-origin", "none"}
"""What that header says of a request by the page that is served here, and of an address that a person typed."""


class Guard:
    """Knows the names by which the backend may be asked.

    Those are the address that it listens on (`host`), the names of the loopback interface for who comes over that, and
    what is `allowed` besides: `NAME:PORT`, or `NAME` on whatever port.
    """

    __slots__ = ("_allowed", "_own")

    def __init__(self, *, host: str, allowed: Collection[str]) -> None:
        self._own = None if _is_any(host) else f"[{host}]".lower() if ":" in host else host.lower()
        self._allowed = {name.lower() for name in allowed}

    def is_of_another_page(self, request: web.BaseRequest, *, port: int) -> bool:
        """Whether a request is that of a web page, and not to be answered."""
        if hdrs.ORIGIN not in request.headers and _SITE not in request.headers:
            return False  # no browser sends an order without either
        try:
            self.check(request, port=port)
        except RefusedError:
            return True
        return False

    def check(self, request: web.BaseRequest, *, port: int) -> None:
        """Raise RefusedError (403) unless a request may go on. `port` is the one that the backend listens on."""
        host = request.headers.get(hdrs.HOST, "").lower()
        if not self._knows(host, port, request):
            raise RefusedError(
                403,
                f"Host is {host!r:.300}, by which this backend isn't known; ask http://127.0.0.1:{port}, "
                "or let it be known by that name (sendproof backend --allow-host NAME, FakeBackend(allow_hosts=...))",
            )
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin.lower() != f"http://{host}":
            raise RefusedError(403, f"Origin is {origin!r:.300}; pages of other origins may not ask this backend")
        site = request.headers.get(_SITE)
        if site is not None and site not in _OWN_SITE:
            raise RefusedError(403, f"{_SITE} is {site!r:.300}; pages of other sites may not ask this backend")

    def _knows(self, host: str, port: int, request: web.BaseRequest) -> bool:
        name, colon, said_port = host.rpartition(":")
        if not colon or not said_port.isdecimal():  # without a port, be it an IPv6 address in brackets
            name, said_port = host, "80"
        if name in self._allowed or host in self._allowed:
            return True
        if said_port != str(port):
            return False
        return name == self._own or (name in _LOOPBACK and _is_from_here(request))


def _is_any(host: str) -> bool:
    """Whether a backend listens on every address, so that `host` is the name of none."""
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_from_here(request: web.BaseRequest) -> bool:
    # The names of the loopback interface are the same on every machine: who says one may still come from another.
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    try:
        address = ipaddress.ip_address(peer[0] if peer else "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
