"""`sendproof backend --toxiproxy`: a proxy in front of the backend, for as long as it runs."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
from click.testing import CliRunner

from sendproof.backend import backend
from sendproof.check import check
from sendproof.installed import how_to_install
from tests.toxiproxy_server import toxiproxy_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

COMMAND = [sys.executable, "-c", "from sendproof.backend import backend; backend()", "--port", "0"]
PATIENCE = 20.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the API of a Toxiproxy is."""
    with toxiproxy_server() as url:
        yield url


async def test_a_proxy_is_there_for_as_long_as_the_backend(url: str) -> None:
    """It is reached at the URL that is printed, meets the toxic that is printed, and is gone in the end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--toxiproxy", url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
            while "curl" not in said:
                said += (await process.stdout.readline()).decode()
            ingest = re.findall(r"Through Toxiproxy:  (\S+)", said)[0]
            [(toxic, toxics)] = re.findall(r"curl -d '(.*)' (\S+)", said)
            assert ingest not in re.findall(r"--url (\S+)", said)
            async with session.post(toxics, data=toxic) as answer:
                assert (await answer.json())["attributes"] == {**json.loads(toxic)["attributes"], "jitter": 0}
            line = json.dumps({"seq": 1, "event": {}})
            began = asyncio.get_running_loop().time()
            async with session.post(ingest, data=line, headers={"Authorization": "Bearer any"}) as answer:
                assert (await answer.json())["accepted"] == 1
            assert asyncio.get_running_loop().time() - began >= 1.0
            process.send_signal(signal.SIGTERM)
            said += (await process.stdout.read()).decode()
            assert await process.wait() == 0
            async with session.get(f"{url}/proxies") as answer:
                assert await answer.json() == {}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_server_that_ends_first_is_warned_of() -> None:
    """The backend goes on, and ends as ever, with its summary."""
    with toxiproxy_server() as url:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--toxiproxy", url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while b"curl" not in await process.stdout.readline():
                pass
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    assert re.search(rf"Warning: the Toxiproxy at {url} doesn't close .*\nNo request has reached a run", said.decode())


def test_a_server_that_is_not_there_is_told() -> None:
    """With how to start one."""
    result = CliRunner().invoke(backend, ["--port", "0", "--toxiproxy", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "--toxiproxy: no Toxiproxy answers at http://127.0.0.1:1" in result.stderr
    assert "go install" in result.stderr


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(backend, ["--port", "0"]), (check, ["--sender", "reference.adapter:create_sender"])],
    ids=["backend", "check"],
)
def test_the_package_that_it_takes_is_named(
    command: click.Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra, so that it may not be there."""
    monkeypatch.setitem(sys.modules, "toxiproxy", None)
    for name in ("fake_backend.toxiproxy", "conformance.harness.toxiproxy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    result = CliRunner().invoke(command, [*arguments, "--toxiproxy", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert how_to_install("toxiproxy") in result.stderr
