"""Who is answered: no web page of others, neither by its own requests nor by a name that it points at this machine.

A browser lets any page send requests to a server on the loopback interface. That a page can't read the answers is no
help against requests that change something; and a name whose address is changed to 127.0.0.1 after the page was loaded
(DNS rebinding) makes even the answers readable. The name in `Host` is then still the page's, and is what gives it away.
"""

import ipaddress
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from fake_backend.control.call import RefusedError

_OWN_SITE: Final = {"same-origin", "none"}
"""What `Sec-Fetch-Site` says of a request by the page that is served here, and of an address that a person typed."""


class Guard:
    """Knows the names under which the backend is known.

    `host` is the address that it listens on; `allowed` are further names, `NAME:PORT`, or `NAME` on whatever port.
    """

    __slots__ = ("_allowed", "_names")

    def __init__(self, *, host: str, allowed: Collection[str]) -> None:
        self._names = {"localhost", "127.0.0.1", "[::1]"}
        if host and not _is_any(host):
            self._names.add(f"[{host}]".lower() if ":" in host else host.lower())
        self._allowed = {name.lower() for name in allowed}

    def check(self, request: web.BaseRequest, *, port: int) -> None:
        """Raise RefusedError (403) unless a request may go on. `port` is the one that the backend listens on."""
        host = request.headers.get(hdrs.HOST, "").lower()
        if not self._knows(host, port):
            raise RefusedError(
                403,
                f"Host is {host!r:.300}, by which this backend isn't known; ask http://127.0.0.1:{port}, "
                "or let it be known by that name (sendproof backend --allow-host NAME, FakeBackend(allow_hosts=...))",
            )
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and origin.lower() != f"http://{host}":
            raise RefusedError(403, f"Origin is {origin!r:.300}; pages of other origins may not ask this backend")
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None and site not in _OWN_SITE:
            raise RefusedError(403, f"Sec-Fetch-Site is {site!r:.300}; pages of other sites may not ask this backend")

    def _knows(self, host: str, port: int) -> bool:
        name, colon, said_port = host.rpartition(":")
        if not colon or not said_port.isdecimal():  # without a port, be it an IPv6 address in brackets
            name, said_port = host, "80"
        return (name in self._names and said_port == str(port)) or name in self._allowed or host in self._allowed


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
