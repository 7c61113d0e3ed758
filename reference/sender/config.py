"""The configuration of a sender: where to send, as whom, and within which limits. Refuses wrong values by name."""

from __future__ import annotations

import ssl
import sys
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from reference.sender.errors import ConfigError
from reference.sender.proxy import Proxy, proxy_of_environment, read_proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderConfig:
    """The settings of one sender, for one run. Times are seconds, sizes are bytes.

    The defaults are those of the production sender that the page "The wire protocol" of the documentation describes.

    Args:
        url: The run's whole ingest URL, http or https.
        token: The bearer token. It goes to that URL only, is never logged, and is absent from `repr`.
        max_buffered_events: Unacknowledged events held at the most; past it `enqueue` refuses (WIN-3).
        max_buffered_bytes: The same in bytes of serialized events.
        max_window_events: Events in one request at the most (WIN-1).
        max_window_bytes: Bytes in the body of one request at the most. An event of the largest size must fit.
        max_event_bytes: An event's whole line at the most, without the newline, under its number (WIN-2).
        window_age: How long a request stays open for events that are enqueued meanwhile, and never longer than
            `request_timeout`. 0 sends what is buffered as a whole, with its length, which every proxy passes on at
            once. More saves requests where nothing on the way holds bodies back; see the page
            "Behind a proxy" of the documentation.
        flush_delay: How long a window that isn't full waits for company before it is sent, after an idle time or
            after the answer to the last one.
        retry_delay: The ceiling of the first wait after a failure; it doubles with each further one. The wait is
            drawn evenly between nothing and the ceiling.
        max_retry_delay: What the ceiling grows to at the most.
        max_retry_after: The longest wait that a `Retry-After` header may ask for; more counts as this (RTY-3).
        settle_delay: After a window of which nobody knows how much was taken, the position is asked until two
            answers in a row, this long apart, agree: a backend may go on taking the lines of a request whose
            connection is gone. 0 asks once.
        final_after: A 401, 403, 404 or 410 that isn't in the protocol's own form is a proxy's. It ends the sender
            only when such answers have come for this long (RTY-6).
        request_timeout: One clock for everything a request waits for from its peer: connecting, an upload that is
            not read, the answer's head and its body. It stands still only while a window that is up to date waits
            for the next event.
        stop_timeout: How long `stop` drains unless its caller says otherwise.
        ssl_context: For https, of a proxy too: certificates of your own. None takes the system's.
        proxy: The URL of a proxy to go by, http or https, with user and password where it asks for them. To an https
            backend it passes on what it can't read, and never sees the token. It is absent from `repr`.
        trust_env: Whether to go by the proxy that the environment names (`https_proxy`, `http_proxy`, `no_proxy`; on
            macOS and Windows the system's settings too), as it is when the configuration is made. `proxy` comes first.

    Raises:
        ConfigError: A value can't work. It names the field, the value and what would be right.
    """

    url: str
    token: str = field(repr=False)
    max_buffered_events: int = 20_000
    max_buffered_bytes: int = 64_000_000
    max_window_events: int = 900
    max_window_bytes: int = 4_000_000
    max_event_bytes: int = 900_000
    window_age: float = 0.0
    flush_delay: float = 0.0
    retry_delay: float = 1.0
    max_retry_delay: float = 30.0
    max_retry_after: float = 3_600.0
    settle_delay: float = 0.1
    final_after: float = 300.0
    request_timeout: float = 10.0
    stop_timeout: float = 30.0
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = False
    route: Proxy | None = field(init=False, default=None, repr=False, compare=False)
    """The proxy that is gone by, of `proxy` or the environment; None goes to the backend itself."""

    def __post_init__(self) -> None:
        _check_url(self.url)
        _check_token(self.token)
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _COUNTS:
                _check_count(each.name, value)
            elif each.name in _TIMES:
                check_time(each.name, value, zero_allowed=_TIMES[each.name])
        if not isinstance(self.ssl_context, ssl.SSLContext | None):
            raise ConfigError("ssl_context", self.ssl_context, "an ssl.SSLContext or None")
        if not isinstance(self.trust_env, bool):
            raise ConfigError("trust_env", self.trust_env, "True or False")
        object.__setattr__(self, "route", self._find_route())
        self._check_that_limits_fit()

    def _find_route(self) -> Proxy | None:
        if self.proxy is not None:
            return read_proxy(self.proxy)
        return proxy_of_environment(self.url) if self.trust_env else None

    def _check_that_limits_fit(self) -> None:
        smallest_line = len('{"seq":1,"event":{}}')
        if self.max_event_bytes < smallest_line:
            raise ConfigError(
                "max_event_bytes", self.max_event_bytes, f"at least {smallest_line}, the line of an empty event"
            )
        if self.max_window_bytes <= self.max_event_bytes:
            raise ConfigError(
                "max_window_bytes",
                self.max_window_bytes,
                f"more than max_event_bytes={self.max_event_bytes}, so that the largest event and its newline fit",
            )
        if self.max_buffered_bytes < self.max_event_bytes:
            raise ConfigError(
                "max_buffered_bytes",
                self.max_buffered_bytes,
                f"at least max_event_bytes={self.max_event_bytes}, so that the largest event fits",
            )
        if self.max_retry_delay < self.retry_delay:
            raise ConfigError(
                "max_retry_delay", self.max_retry_delay, f"at least retry_delay={self.retry_delay}, since delays grow"
            )


_COUNTS = frozenset(
    {"max_buffered_events", "max_buffered_bytes", "max_window_events", "max_window_bytes", "max_event_bytes"}
)
# Whether zero makes sense: no age is a batch and no delay is at once, but no time for a request is no request.
_TIMES = {
    "window_age": True,
    "flush_delay": True,
    "retry_delay": False,
    "max_retry_delay": False,
    "max_retry_after": False,
    "settle_delay": True,
    "final_after": True,
    "request_timeout": False,
    "stop_timeout": True,
}


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(name, value, "a whole number, 1 or more")


def check_time(name: str, value: object, *, zero_allowed: bool) -> None:
    """Raise a ConfigError unless a value is a time in seconds."""
    least = "0 or more" if zero_allowed else "more than 0"
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Nor is an integer over all floats a time; NaN is on neither side of anything.
        is_right = 0 < value <= sys.float_info.max or (value == 0 and zero_allowed)
    else:
        is_right = False
    if not is_right:
        raise ConfigError(name, value, f"seconds as a finite number, {least}")


def _check_url(url: object) -> None:
    example = "such as https://events.example/v1/runs/my-run/ingest"
    # What is before an @ may be a password, however wrong the rest is: then neither the value is shown nor a cause.
    may_hold_password = "@" in str(url)
    shown = "…@…" if may_hold_password else url
    if not isinstance(url, str):
        raise ConfigError("url", shown, f"an http or https URL, {example}")
    try:
        parts = urlsplit(url)
        has_bad_port = parts.port == 0
    except ValueError as error:
        cause = None if may_hold_password else error
        raise ConfigError("url", shown, f"a URL, {example}") from cause
    if parts.username is not None or parts.password is not None:
        raise ConfigError("url", shown, "a URL without user and password; the token is a field of its own")
    if not parts.scheme or not url.isprintable() or " " in url:
        raise ConfigError("url", shown, f"an http or https URL, {example}")
    if parts.scheme not in {"http", "https"}:
        raise ConfigError("url", shown, f"the scheme http or https, {example}")
    if not parts.hostname or has_bad_port:
        raise ConfigError("url", shown, f"a URL with a host (and a port from 1 to 65535, where it has one), {example}")
    if parts.fragment:
        raise ConfigError("url", shown, "a URL without a fragment (#…): fragments are not sent")


def _check_token(token: object) -> None:
    # What was wrong is reported without the value: part of a token is a secret too.
    if not isinstance(token, str):
        raise ConfigError("token", f"<{type(token).__name__}>", "a string")
    if not token:
        raise ConfigError("token", "", "a token that isn't empty")
    if not all("!" <= character <= "~" for character in token):
        raise ConfigError("token", "<hidden>", "printable ASCII without spaces, as an HTTP header carries it")
