"""How names are looked up: like asyncio does it, but held up by nobody."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time

import aiohttp
import pytest

from reference.sender.connector import DaemonResolver
from reference.sender.http import HttpAttempts
from reference.sender.types import Answered
from tests.reference.sender.peer import LOOPS, Peer, answer, run

HANGS = """
import asyncio, socket, time
from reference.sender import EventStreamSender, SenderConfig

socket.getaddrinfo = lambda *_, **__: time.sleep(60)

async def main():
    sender = EventStreamSender(SenderConfig(url="http://backend.example/v1/runs/r/ingest", token="a-token"))
    sender.enqueue({"n": 1})
    await asyncio.sleep(0.1)
    report = await sender.stop(timeout=0.1)
    print(report.undelivered, report.unconfirmed, flush=True)

asyncio.run(main())
"""


def test_a_lookup_that_hangs_holds_up_neither_stop_nor_the_exit_of_the_process() -> None:
    """Those of an executor of asyncio are waited for."""
    began = time.monotonic()
    command = [sys.executable, "-c", HANGS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)  # noqa: S603 - ours
    assert (done.stdout, done.stderr) == ("1 0\n", "")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_INET])
async def test_addresses_are_those_that_aiohttp_finds(family: socket.AddressFamily) -> None:
    """In its order, with all that it says of them."""
    ours = await DaemonResolver().resolve("localhost", 80, family)
    assert ours == await aiohttp.ThreadedResolver().resolve("localhost", 80, family)
    assert ours


async def test_an_address_of_a_link_keeps_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nobody can connect to it."""
    loopback = socket.if_nametoindex("lo")
    found = [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("fe80::1", 80, 0, loopback))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    (address,) = await DaemonResolver().resolve("link.example", 80, socket.AF_UNSPEC)
    assert address["host"] == "fe80::1%lo"


async def test_a_name_that_is_none_is_an_error() -> None:
    """As asyncio raises it."""
    with pytest.raises(socket.gaierror):
        await DaemonResolver().resolve("no-such-name.invalid", 80)
    with pytest.raises(UnicodeError):
        await DaemonResolver().resolve("x" * 64 + ".example", 80)


def test_a_lookup_that_ends_after_its_waiter_or_its_loop_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nobody to tell."""
    may_end = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: may_end.wait(10) and [])
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(DaemonResolver().resolve("slow.example"), 0.01)

    async def give_up_and_go_on() -> None:
        await give_up()
        may_end.set()
        await asyncio.to_thread(join)

    def join() -> None:
        for thread in threading.enumerate():
            if thread.name == "sendproof-resolver":
                thread.join(10)

    run(give_up_and_go_on())
    may_end.clear()
    run(give_up())
    may_end.set()
    join()
    assert failed == []


@pytest.mark.parametrize("loop", LOOPS)
def test_a_host_is_found_by_its_name(loop: str) -> None:
    """On a loop that has a way of its own, by that."""

    async def main(peer: Peer) -> None:
        http = HttpAttempts(peer.settings(url=peer.url.replace("127.0.0.1", "localhost")))
        sending = asyncio.create_task(http.send(b""))
        connection = await peer.accept()
        await connection.request()
        await connection.say(answer())
        assert isinstance(await sending, Answered)
        await http.close()

    with Peer() as peer:
        run(main(peer), loop)
