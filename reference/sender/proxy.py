"""Finds the proxy by which a sender reaches its backend: the configured one, or that of the environment."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from reference.sender.errors import ConfigError

_EXPECTED = "an http or https URL of a proxy, such as http://proxy.example:3128 or http://user:password@proxy.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where a proxy is, and how a sender says who it is there."""

    url: str
    authorization: str | None = field(default=None, repr=False)
    """The `Proxy-Authorization` header; None where the proxy asks for none."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What is never to be shown."""


def read_proxy(value: object) -> Proxy:
    """Read the URL of a proxy, which may name a user and a password.

    Raises:
        ConfigError: It is no such URL. A value that may hold a password isn't shown.
    """
    shown = "…@…" if "@" in str(value) else value
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ConfigError("proxy", shown, _EXPECTED)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        # Its text may hold a part of the password.
        raise ConfigError("proxy", shown, _EXPECTED) from None
    is_more_than_a_place = parts.path not in {"", "/"} or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or is_more_than_a_place:
        raise ConfigError("proxy", shown, _EXPECTED)
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.username is None:
        return Proxy(url=url)
    user, password = unquote(parts.username), unquote(parts.password or "")
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Proxy(url=url, authorization=f"Basic {credentials}", secrets=(credentials, password))


def proxy_of_environment(url: str) -> Proxy | None:
    """Return the proxy for a URL that `https_proxy` or `http_proxy` names, unless `no_proxy` excepts the host.

    Raises:
        ConfigError: It names what is no proxy of HTTP.
    """
    target = urlsplit(url)
    named = getproxies().get(target.scheme)
    if not named or proxy_bypass(target.netloc):
        return None
    try:
        return read_proxy(named if "://" in named else f"http://{named}")
    except ConfigError as error:
        raise ConfigError("trust_env", True, f"{target.scheme}_proxy={error.value!r} to be {_EXPECTED}") from None  # noqa: FBT003
