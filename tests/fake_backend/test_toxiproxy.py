"""A real Toxiproxy in front of a backend: it does what is asked of it, or says that it doesn't."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import aiohttp
import pytest

from fake_backend import FakeBackend
from fake_backend.toxiproxy import FrontProxy, Toxic, Toxiproxy, ToxiproxyError, connected
from tests.toxiproxy_server import toxiproxy_server

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY = Toxic(type="latency", stream="downstream", attributes={"latency": 1, "jitter": 0})
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the API of a Toxiproxy is."""
    with toxiproxy_server() as url:
        yield url


@pytest.fixture
def server(url: str) -> Iterator[Toxiproxy]:
    """A Toxiproxy, which holds no proxy after the test."""
    with connected(url) as server:
        yield server
        with server.told("list its proxies") as api:
            assert api.proxies() == {}


@pytest.fixture
def proxy(server: Toxiproxy) -> Iterator[FrontProxy]:
    """A proxy in front of nobody."""
    proxy = server.in_front_of(NOBODY)
    yield proxy
    proxy.remove()


async def test_a_backend_is_reached_through_it(server: Toxiproxy) -> None:
    """The proxy has an address of its own, and what is sent there arrives at the backend."""
    async with FakeBackend() as backend, aiohttp.ClientSession() as session:
        proxy = await asyncio.to_thread(server.in_front_of, backend.url)
        try:
            line = json.dumps({"seq": 1, "event": {"n": 1}})
            target, headers = f"{proxy.url}/v1/runs/r/ingest", {"Authorization": "Bearer any"}
            async with session.post(target, data=line, headers=headers) as answer:
                assert (answer.status, proxy.url != backend.url) == (200, True)
        finally:
            await asyncio.to_thread(proxy.remove)
        assert backend.run("r").events == ({"n": 1},)


def test_its_connections_end_before_it_has_other_toxics(server: Toxiproxy) -> None:
    """Toxics act on connections, so that none may be older than they are."""
    with socket.create_server(("127.0.0.1", 0)) as behind:
        proxy = server.in_front_of(f"http://127.0.0.1:{behind.getsockname()[1]}")
        try:
            with socket.create_connection(proxy.address, timeout=5.0) as old:
                accepted, _ = behind.accept()
                proxy.come_up(LATENCY)
                assert old.recv(1) == b""
                accepted.close()
        finally:
            proxy.remove()


def test_it_keeps_its_address(proxy: FrontProxy) -> None:
    """While it is down it refuses connections, and it comes up where it was."""
    address = proxy.address
    proxy.go_down()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    proxy.come_up(LATENCY)
    socket.create_connection(address).close()
    assert proxy.address == address


def test_an_attribute_that_is_misspelt_is_told(proxy: FrontProxy) -> None:
    """The server accepts it in silence, with a latency of 0."""
    with pytest.raises(ToxiproxyError, match=r"'latncy': 5.*made of it latency upstream .*'latency': 0"):
        proxy.come_up(Toxic(type="latency", stream="upstream", attributes={"latncy": 5}))


def test_a_toxic_that_there_is_not_is_told(proxy: FrontProxy) -> None:
    """With what the server says of it."""
    with pytest.raises(ToxiproxyError, match="invalid toxic type"):
        proxy.come_up(Toxic(type="latencies", stream="upstream", attributes={}))


def test_a_port_that_was_taken_meanwhile_is_told(proxy: FrontProxy) -> None:
    """The server answers 500 to it, which its client takes for a success."""
    proxy.go_down()
    with socket.create_server(proxy.address), pytest.raises(ToxiproxyError, match=f"port {proxy.address[1]}"):
        proxy.come_up()


def test_removing_it_twice_is_removing_it_once(server: Toxiproxy) -> None:
    """The second call does nothing."""
    proxy = server.in_front_of(NOBODY)
    proxy.remove()
    proxy.remove()


def test_one_server_is_used_at_a_time(url: str, server: Toxiproxy) -> None:
    """The client keeps one address for all."""
    assert server.url == url
    with pytest.raises(ToxiproxyError, match="one at a time"), connected(url):
        pass


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1:8474", "https://127.0.0.1", "http://h/api", "http://h:99999", "http://["]
)
def test_what_is_no_url_of_a_server_is_told(text: str) -> None:
    """The message shows one."""
    with pytest.raises(ToxiproxyError, match=r"one is like http://127\.0\.0\.1:8474"), connected(text):
        pass


def test_who_has_no_server_is_told_how_to_start_one() -> None:
    """The message has the commands."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    expected = r"no Toxiproxy answers at(.|\n)*go install"
    with pytest.raises(ToxiproxyError, match=expected), connected(f"http://127.0.0.1:{port}"):
        pass


class AnotherServer(BaseHTTPRequestHandler):
    """Answers everything with a page."""

    PAGE: ClassVar[bytes] = b"<html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.PAGE)))
        self.end_headers()
        self.wfile.write(self.PAGE)

    def log_message(self, *_: object) -> None:
        """Be silent."""


class ADistantServer(AnotherServer):
    """A Toxiproxy in a container: it says that it has a proxy, and there is none on this machine."""

    proxy: ClassVar[dict[str, object]] = {}

    def do_GET(self) -> None:
        self.answer([] if self.path.endswith("/toxics") else {"p": self.proxy} if self.proxy else {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.proxy.update(asked)
        self.answer(self.proxy)

    def do_DELETE(self) -> None:
        self.proxy.clear()
        self.answer({})

    def answer(self, what: object) -> None:
        """Answer with JSON."""
        body = json.dumps(what).encode()
        if isinstance(what, dict) and "p" in what:
            body = json.dumps({self.proxy["name"]: self.proxy}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server in a thread; gives its URL."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_another_server_is_told_from_it() -> None:
    """What answers otherwise than Toxiproxy isn't used."""
    with served(AnotherServer) as url, pytest.raises(ToxiproxyError, match="doesn't say what it is"), connected(url):
        pass


def test_a_server_that_is_too_far_away_is_told() -> None:
    """A proxy in a container's own network can't be reached, nor reach a backend here."""
    with served(ADistantServer) as url, pytest.raises(ToxiproxyError, match="too far away"), connected(url):
        pass
