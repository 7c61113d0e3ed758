"""The examples of docs/fake-backend.md and docs/protocol.md run as they are shown."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from fake_backend import FakeBackend
from tests.fake_backend.control.asking import asking, reading
from tests.fake_backend.wire import event_line, event_lines

PAGE = (Path(__file__).parents[3] / "docs" / "fake-backend.md").read_text(encoding="utf-8")
CURLS = re.findall(r"^curl (.*)$", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("arguments", CURLS)
async def test_what_is_asked_with_curl_is_answered(arguments: str) -> None:
    """As curl asks it, by its options."""
    asked = shlex.split(arguments)
    method, body, headers = "GET", None, {}
    while asked[0].startswith("-"):
        match asked.pop(0):
            case "-X":
                method = asked.pop(0)
            case "-d":
                method, body = ("POST" if method == "GET" else method), asked.pop(0)
            case "-H":
                name, _, value = asked.pop(0).partition(": ")
                headers[name] = value
            case option:
                assert option == "-N"
    (url,) = asked
    async with asking(FakeBackend(control=True)) as ask:
        await ask("POST", "/_fake/faults", {"kind": "duplicate", "of": "sync"})
        await ask.post("demo", event_lines(1, 2))
        url = url.replace("http://127.0.0.1:8787", ask.backend.url)
        assert url.startswith(ask.backend.url)
        async with ask.session.request(method, url, data=body, headers=headers) as response:
            assert response.ok
            assert response.content_type != "text/event-stream" or await response.content.readany()


async def test_the_program_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the records of a request whose answer is lost, and of the one after it; then the run."""
    module: dict[str, Any] = {"__name__": "example"}
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    exec(program, module)  # noqa: S102 - the example is to be run
    async with asking(FakeBackend(control=True)) as ask:
        async with reading(ask, "/_fake/stream") as stream:
            await stream.until("faults")
            watching = asyncio.ensure_future(module["watch"](ask.backend.url))
            await stream.until("faults")
        with pytest.raises(OSError, match="reset"):
            await ask.post("demo", event_line(1))
        await ask.post("demo", event_line(1))
        await watching
        assert ask.backend.faults == ()
    said = capsys.readouterr().out
    assert "RequestBroken" in said
    assert "last_accepted_seq=1" in said.splitlines()[-1]
