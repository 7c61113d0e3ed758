"""Going by a proxy: one that was configured, or that the environment names."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from reference.sender import ConfigError, EventStreamSender, HealthChanged, Notice, SenderConfig
from tests.reference.sender.peer import LOOPS, TOKEN, Peer, answer, client_context, run, server_context
from tests.reference.sender.small_proxy import SmallProxy

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://backend.example/v1/runs/r/ingest"
PASSWORD = "p/ss wörd:1234"
QUOTED = "user:p%2Fss%20w%C3%B6rd%3A1234"
CREDENTIALS = "Basic dXNlcjpwL3NzIHfDtnJkOjEyMzQ="


async def deliver(peer: Peer, sender: EventStreamSender) -> None:
    """Enqueue an event, be the backend that takes it, and stop."""
    sender.enqueue({"n": 1})
    connection = await peer.accept()
    await connection.request()
    await connection.say(answer())
    assert b'"n":1' in (await connection.request()).body
    await connection.say(answer(200, b'{"last_accepted_seq":1}'))
    await sender.flush()
    await sender.stop(complete=False)


def with_password(url: str) -> str:
    """Name a user and a password in a URL."""
    return url.replace("://", f"://{QUOTED}@")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("expects", [None, CREDENTIALS], ids=["open", "with a password"])
def test_to_http_the_proxy_passes_requests_on(loop: str, expects: str | None) -> None:
    """It is told the whole URL, and who asks."""

    async def main(peer: Peer) -> None:
        async with SmallProxy(expects=expects).serving() as proxy:
            via = proxy.url if expects is None else with_password(proxy.url)
            await deliver(peer, EventStreamSender(peer.settings(proxy=via)))
        (head,) = proxy.heads
        assert head.startswith(f"POST {peer.url} HTTP/1.1\r\n")

    with Peer() as peer:
        run(main(peer), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("expects", [None, CREDENTIALS], ids=["open", "with a password"])
def test_to_https_the_proxy_sees_neither_token_nor_event(loop: str, expects: str | None) -> None:
    """It is asked for a tunnel, and passes on what it can't read; the backend's certificate is looked at."""

    async def main(peer: Peer) -> None:
        async with SmallProxy(expects=expects).serving() as proxy:
            via = proxy.url if expects is None else with_password(proxy.url)
            await deliver(peer, EventStreamSender(peer.settings(proxy=via)))
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{peer.port} HTTP/1.1\r\n")
        assert TOKEN not in head
        assert TOKEN.encode() not in proxy.passed_on
        assert b'"n":1' not in proxy.passed_on

    with Peer(context=server_context()) as peer:
        run(main(peer), loop)


@pytest.mark.parametrize("is_https", [True, False], ids=["to https", "to http"])
def test_a_proxy_may_be_reached_over_tls(*, is_https: bool) -> None:
    """By the same certificates as the backend."""

    async def main(peer: Peer) -> None:
        async with SmallProxy().serving(server_context()) as proxy:
            await deliver(peer, EventStreamSender(peer.settings(proxy=proxy.url, ssl_context=client_context())))
        assert len(proxy.heads) == 1

    with Peer(context=server_context() if is_https else None) as peer:
        run(main(peer))


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_leaves_the_machine_after_stop_by_a_proxy(loop: str) -> None:
    """A connection to a proxy ends like any other (DRN-5)."""

    async def main(proxy: Peer) -> None:
        sender = EventStreamSender(
            SenderConfig(
                url="https://127.0.0.1:1/v1/runs/r/ingest",
                token=TOKEN,
                ssl_context=client_context(),
                proxy=f"http://127.0.0.1:{proxy.port}",
            )
        )
        for number in range(900):
            sender.enqueue({"n": number, "p": "x" * 4_300})
        connection = await proxy.accept()
        await connection.head()
        await connection.say(b"HTTP/1.1 200 Connected\r\n\r\n")
        await connection.start_tls(server_context())
        await connection.request()
        await connection.say(answer())
        assert await connection.unread() <= proxy.receive_buffer
        assert (await sender.stop(timeout=0.05)).unconfirmed > 100
        count, was_reset = await connection.rest()
        assert was_reset
        assert 0 < count <= proxy.receive_buffer

    with Peer(receive_buffer=4_096) as proxy:
        run(main(proxy), loop)


@pytest.mark.parametrize("is_https", [True, False], ids=["to https", "to http"])
def test_a_proxy_that_refuses_is_told_without_the_password(caplog: pytest.LogCaptureFixture, *, is_https: bool) -> None:
    """Nothing was sent to the backend; it is tried again."""
    heard: list[Notice] = []

    async def main(peer: Peer) -> None:
        failed = asyncio.Event()

        def hear(notice: Notice) -> None:
            heard.append(notice)
            failed.set()

        async with SmallProxy(expects="nobody").serving() as proxy:
            sender = EventStreamSender(peer.settings(proxy=with_password(proxy.url)), on_notice=hear)
            sender.enqueue({"n": 1})
            await failed.wait()
            await sender.stop(timeout=0)

    with caplog.at_level(logging.DEBUG), Peer(context=server_context() if is_https else None) as peer:
        run(main(peer))
    (notice,) = heard
    assert isinstance(notice, HealthChanged)
    assert "407" in notice.detail
    said = caplog.text + notice.detail
    for secret in (PASSWORD, CREDENTIALS.removeprefix("Basic "), QUOTED):
        assert secret not in said


# What is no proxy.


@pytest.mark.parametrize(
    "value",
    [
        "",
        "proxy.example",
        "proxy.example:3128",
        "socks5://proxy.example",
        "http://",
        "http://:3128",
        "http://proxy.example:0",
        "http://proxy.example:99999",
        "http://proxy.example:port",
        "http://[::1",
        "http://proxy.example/path",
        "http://proxy.example?query",
        "http://proxy.example#fragment",
        "http://proxy .example",
        "http://proxy.example\n",
        7,
        b"http://proxy.example",
        True,
    ],
)
def test_what_is_no_url_of_a_proxy_is_refused(value: object) -> None:
    """By name, here, and not by the sending task."""
    with pytest.raises(ConfigError, match=r"^proxy=.*expected an http or https URL of a proxy, such as") as caught:
        SenderConfig(url=URL, token=TOKEN, proxy=value)  # type: ignore[arg-type]
    assert caught.value.value == value


@pytest.mark.parametrize(
    "wrong", ["socks5://{}@proxy.example", "http://{}@proxy.example:port", "{}@proxy.example", "http://{}@"]
)
def test_the_password_of_a_proxy_is_in_no_error(wrong: str) -> None:
    """However wrong the rest is."""
    with pytest.raises(ConfigError) as caught:
        SenderConfig(url=URL, token=TOKEN, proxy=wrong.format("user:password"))
    assert caught.value.value == "…@…"
    assert caught.value.__cause__ is None
    assert "user:password" not in str(caught.value).split("such as")[0]


def test_the_password_of_a_proxy_is_in_no_repr() -> None:
    """Nor the user's name."""
    config = SenderConfig(url=URL, token=TOKEN, proxy="http://somebody:something@proxy.example")
    said = repr(config) + repr(config.route) + repr(EventStreamSender(config))
    assert "somebody" not in said
    assert "something" not in said


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_the_environment_is_trusted_or_not(value: object) -> None:
    """There is no third."""
    with pytest.raises(ConfigError, match=r"^trust_env=.*: expected True or False$"):
        SenderConfig(url=URL, token=TOKEN, trust_env=value)  # type: ignore[arg-type]


# The environment.


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("url", "environment", "via"),
    [
        ("http://backend.example/x", {}, None),
        ("http://backend.example/x", {"http_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ("http://backend.example/x", {"http_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        ("http://backend.example/x", {"http_proxy": "http://u:p@proxy.example/"}, "http://proxy.example"),
        ("http://backend.example/x", {"https_proxy": "http://proxy.example"}, None),
        ("https://backend.example/x", {"https_proxy": "http://proxy.example"}, "http://proxy.example"),
        ("https://backend.example/x", {"HTTPS_PROXY": "http://proxy.example"}, "http://proxy.example"),
        ("https://backend.example/x", {"https_proxy": "http://proxy.example", "no_proxy": "example"}, None),
        ("https://backend.example:8/x", {"https_proxy": "http://p", "no_proxy": "backend.example:8"}, None),
        ("https://backend.example:9/x", {"https_proxy": "http://p", "no_proxy": "backend.example:8"}, "http://p"),
        ("https://backend.example/x", {"https_proxy": "http://proxy.example", "no_proxy": "*"}, None),
    ],
)
def test_the_environment_names_a_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], via: str | None
) -> None:
    """Only where it is trusted, and where no other was named."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    route = SenderConfig(url=url, token=TOKEN, trust_env=True).route
    assert (route and route.url) == via
    assert SenderConfig(url=url, token=TOKEN).route is None
    own = SenderConfig(url=url, token=TOKEN, trust_env=True, proxy="http://own.example").route
    assert own is not None
    assert own.url == "http://own.example"


def test_an_environment_that_names_no_http_proxy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than to go past what somebody has set up; without its password."""
    monkeypatch.setenv("http_proxy", "socks5://user:password@proxy.example")
    with pytest.raises(ConfigError, match=r"^trust_env=True: expected http_proxy='…@…' to be an http") as caught:
        SenderConfig(url=URL, token=TOKEN, trust_env=True)
    assert caught.value.__cause__ is None


def test_a_trusted_environment_does_not_change_who_the_sender_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A `.netrc` that names the backend neither replaces the token nor ends the attempt (AUTH-1)."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))

    async def main(peer: Peer) -> None:
        async with SmallProxy().serving() as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            await deliver(peer, EventStreamSender(peer.settings(trust_env=True)))
        assert [f"Bearer {TOKEN}" in head for head in proxy.heads] == [True]

    with Peer() as peer:
        run(main(peer))
