"""No web page drives the backend: it answers to its own names, and to its own page."""

from unittest.mock import MagicMock

import pytest
from aiohttp.test_utils import make_mocked_request

from fake_backend import FakeBackend
from fake_backend.control.call import RefusedError
from fake_backend.control.guard import Guard
from tests.fake_backend.control.asking import TOKEN, asking
from tests.fake_backend.wire import event_lines

INGEST = "/v1/runs/run/ingest"


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"Host": "evil.example"}, "Host is 'evil.example', by which this backend isn't known"),
        ({"Host": "evil.example:{port}"}, "Host is 'evil.example:"),
        ({"Host": "localhost.evil.example:{port}"}, "Host is 'localhost.evil.example:"),
        ({"Host": "localhost:1"}, "Host is 'localhost:1'"),
        ({"Host": "localhost"}, "Host is 'localhost'"),
        ({"Host": "::1:{port}"}, "Host is '::1:"),
        ({"Host": ""}, "Host is ''"),
        ({"Origin": "http://evil.example"}, "Origin is 'http://evil.example'; pages of other origins"),
        ({"Origin": "null"}, "Origin is 'null'"),
        ({"Origin": "http://localhost:{port}"}, "Origin is 'http://localhost:"),
        ({"Origin": "https://127.0.0.1:{port}"}, "Origin is 'https://127.0.0.1:"),
        ({"Sec-Fetch-Site": "cross-site"}, "Sec-Fetch-Site is 'cross-site'; pages of other sites"),
        ({"Sec-Fetch-Site": "same-site"}, "Sec-Fetch-Site is 'same-site'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/_fake/health", "/_fake/stream", "/v1/runs/run/stream", "/_fake/nothing"])
async def test_who_is_foreign_is_refused(path: str, headers: dict[str, str], error: str) -> None:
    """A name or an origin that isn't the backend's own is answered 403, whatever is asked for."""
    async with asking(FakeBackend(control=True)) as ask:
        port = ask.backend.url.rpartition(":")[2]
        sent = {name: value.format(port=port) for name, value in headers.items()}
        status, said = await ask("GET", path, headers=TOKEN | sent)
        assert status == 403
        assert said["error"].startswith(error)


async def test_a_foreign_page_changes_nothing() -> None:
    """The order that a page may send without asking first is refused before its body is looked at."""
    async with asking(FakeBackend(control=True)) as ask:
        await ask.post("run", event_lines(1, 2))
        simple = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
        assert (await ask("POST", "/_fake/reset", body=b"{}", headers=simple))[0] == 403
        assert ask.backend.run("run").last_accepted_seq == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "127.0.0.1:{port}"},
        {"Host": "LOCALHOST:{port}"},
        {"Host": "[::1]:{port}"},
        {"Host": "localhost:{port}", "Origin": "http://localhost:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
async def test_its_own_names_are_answered(headers: dict[str, str]) -> None:
    """The names of the loopback interface, a page of the same origin, and an address that a person typed."""
    async with asking(FakeBackend(control=True)) as ask:
        port = ask.backend.url.rpartition(":")[2]
        sent = {name: value.format(port=port) for name, value in headers.items()}
        assert (await ask("GET", "/_fake/health", headers=sent))[0] == 200


async def test_names_can_be_allowed() -> None:
    """On one port, or on whatever port; others stay refused."""
    async with asking(FakeBackend(control=True, allow_hosts=["Any.example", "one.example:99"])) as ask:
        for host, status in (
            ("any.example", 200),
            ("any.example:7", 200),
            ("one.example:99", 200),
            ("one.example:98", 403),
            ("one.example", 403),
        ):
            assert (await ask("GET", "/_fake/health", headers={"Host": host}))[0] == status, host


async def test_senders_come_by_any_name() -> None:
    """A sender's Host is its own business."""
    async with asking(FakeBackend(control=True)) as ask:
        headers = TOKEN | {"Host": "backend.example"}
        assert (await ask("POST", INGEST, body=event_lines(1, 2), headers=headers))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}", **TOKEN},
    ],
    ids=str,
)
async def test_no_page_is_a_sender(headers: dict[str, str]) -> None:
    """What a foreign page posts to an ingest route leaves no trace, a name that was pointed at this machine or not."""
    async with asking(FakeBackend(control=True)) as ask:
        port = ask.backend.url.rpartition(":")[2]
        sent = {name: value.format(port=port) for name, value in headers.items()}
        for path in (INGEST, "/api/projects/1/tasks/2/runs/run/event_stream/"):
            assert (await ask("POST", path, body=event_lines(1, 2), headers=sent))[0] == 403
        assert (ask.backend.history, ask.backend.run_states()) == ([], [])


async def test_its_own_page_may_send() -> None:
    """Whoever tries a sender out on the page's console is no stranger."""
    async with asking(FakeBackend(control=True)) as ask:
        headers = TOKEN | {"Origin": ask.backend.url, "Sec-Fetch-Site": "same-origin"}
        assert (await ask("POST", INGEST, body=event_lines(1, 2), headers=headers))[0] == 200


@pytest.mark.parametrize(
    ("peer", "host", "known"),
    [
        (("127.0.0.1", 5), "localhost:80", True),
        (("127.0.0.9", 5), "127.0.0.1:80", True),
        (("::1", 5, 0, 0), "[::1]:80", True),
        (("::ffff:127.0.0.1", 5, 0, 0), "localhost", True),
        (("192.0.2.7", 5), "localhost:80", False),
        (("::ffff:192.0.2.7", 5, 0, 0), "127.0.0.1:80", False),
        (None, "localhost:80", False),
        (("192.0.2.7", 5), "192.0.2.1:80", True),
        (("192.0.2.7", 5), "BUILD-7:80", True),
        (("192.0.2.7", 5), "0.0.0.0:80", False),
    ],
    ids=str,
)
def test_the_names_of_the_loopback_interface_are_for_who_comes_over_it(
    peer: tuple[object, ...] | None, host: str, *, known: bool
) -> None:
    """They mean this machine to whoever says them, so that from elsewhere they say nothing."""
    transport = MagicMock(get_extra_info=lambda _: peer)
    request = make_mocked_request("GET", "/_fake/health", {"Host": host}, transport=transport)
    guard = Guard(host="192.0.2.1", allowed=["build-7"])
    if known:
        guard.check(request, port=80)
    else:
        with pytest.raises(RefusedError, match="isn't known"):
            guard.check(request, port=80)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])  # noqa: S104 - nothing is bound
def test_every_address_is_no_name(host: str) -> None:
    """What a backend listens on that others may reach is nothing that one asks for."""
    said = f"[{host}]" if ":" in host else host
    request = make_mocked_request("GET", "/", {"Host": f"{said}:80"}, transport=MagicMock())
    with pytest.raises(RefusedError, match="isn't known"):
        Guard(host=host, allowed=[]).check(request, port=80)
