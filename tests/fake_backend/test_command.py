"""`sendproof backend`: what it says, what it writes, and how it ends."""

import asyncio
import io
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from fake_backend import AnswerSent, BackendRecord, FakeBackend
from fake_backend.client import ControlClient
from fake_backend.faults.file import parse_faults
from fake_backend.records import (
    BodyEnded,
    CompletionReceived,
    LineReceived,
    RequestBroken,
    RequestStarted,
    decode_record,
)
from sendproof.backend import Ledger, backend, serve
from tests.fake_backend.wire import PATIENCE, client_of, completion_line, event_line, event_lines

FAULTS = """
[[fault]]
kind = "reset_peer"
phase = "after-accept"
of = "data"
requests = [2]

[[fault]]
kind = "partial"
lines = 1
of = "data"
requests = [3]
"""

COMMAND = [sys.executable, "-c", "from sendproof.backend import backend; backend()"]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def post(url: str, body: bytes) -> bytes:
    """Post with as little as it takes; give what comes back, or nothing for a reset."""
    found = re.fullmatch(r"http://(.*):(\d+)(/.*)", url)
    assert found is not None
    reader, writer = await asyncio.open_connection(found[1], int(found[2]))
    head = f"POST {found[3]} HTTP/1.1\r\nHost: {found[1]}\r\nAuthorization: Bearer any\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """It says where it is, a line for each request, and at the end a summary of each run; and it ends well."""
    faults, history = tmp_path / "faults.toml", tmp_path / "history.jsonl"
    faults.write_text(FAULTS, encoding="utf-8")
    async with running("--port", "0", "--faults", str(faults), "--record", str(history)) as process:
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), 4 * PATIENCE)).decode()
        second = (await process.stdout.readline()).decode()
        url = first.removeprefix("Listening on ").strip()
        ingest_url = f"{url}/v1/runs/demo/ingest"
        assert second.endswith(f"| sendproof send --url {ingest_url} --token any\n")
        assert b'"accepted": 2' in await post(ingest_url, event_lines(1, 2))
        assert await post(ingest_url, event_lines(2, 3)) == b""
        assert b'"accepted": 1' in await post(ingest_url, event_lines(4, 5))
        written = history.read_bytes().splitlines()
        process.send_signal(number)
        rest, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    said = rest.decode()
    assert "demo  2 accepted  -> 200" in said
    assert "demo  1 duplicate, 1 accepted  !reset_peer after-accept  -> connection ended by a fault" in said
    assert "demo  1 accepted, 1 ignored  !partial  -> 200" in said
    assert said.splitlines()[-2].split() == ["demo", "3", "4", "1", "4", "no", "2"]
    records = [decode_record(line) for line in written]
    assert isinstance(records[0], RequestStarted)
    assert isinstance(records[-1], AnswerSent), "a record is in the file as soon as it is written"


async def test_the_command_in_process_serves_and_sums_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The same without a process between: it ends by a signal, with the state of the runs."""
    record = io.BytesIO()
    serving = asyncio.ensure_future(
        serve(port=0, host="127.0.0.1", faults=parse_faults(FAULTS), tokens={"any": "my run"}, record=record)
    )
    said = ""
    while "Rules" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    found = re.search(r"--url (\S+) --token any", said)
    assert found is not None
    assert found[1].endswith("/v1/runs/my%20run/ingest")
    await post(found[1], event_line(1) + completion_line(1))
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, PATIENCE)
    said = capsys.readouterr().out
    assert "my run  1 accepted, completion completed  -> 200" in said
    assert said.splitlines()[-2].split() == ["my", "run", "1", "1", "0", "1", "yes", "0"]
    assert [type(decode_record(line)) for line in record.getvalue().splitlines()] == [
        RequestStarted,
        LineReceived,
        BodyEnded,
        CompletionReceived,
        AnswerSent,
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_record_that_finds_no_room_ends_and_the_backend_goes_on() -> None:
    """It is said once, and each request is answered as without it; so it ends in good order."""
    async with running("--port", "0", "--record", "/dev/full") as process:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().split()[-1]
        for number in (1, 2):
            await post(f"{url}/v1/runs/demo/ingest", event_line(number))
        process.send_signal(signal.SIGTERM)
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    assert said.count(b"The record ends here: No space left on device.") == 1
    assert said.count(b"1 accepted  -> 200") == 2


async def test_a_signal_lets_requests_finish_and_a_second_one_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    """A sender that is being answered gets its answer; somebody who is in a hurry says so twice."""
    faults = parse_faults('[[fault]]\nkind = "stall"\nphase = "before-accept"\nrun_id = "stalled"\n')
    faults += parse_faults('[[fault]]\nkind = "latency"\nseconds = 0.2\nrun_id = "slow"\n')
    serving = asyncio.ensure_future(
        serve(port=0, host="127.0.0.1", faults=faults, tokens=None, record=None, keep=5, grace=100.0)
    )
    said = ""
    while "Rules" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    found = re.search(r"--url (\S+)/demo/ingest", said)
    assert found is not None
    slow, stalled = (
        asyncio.ensure_future(post(f"{found[1]}/{run}/ingest", event_line(1))) for run in ("slow", "stalled")
    )
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    assert b'"accepted": 1' in await slow
    assert not serving.done()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, PATIENCE)
    assert await stalled == b""
    said = capsys.readouterr().out
    assert "stalled  no lines  !stall before-accept  -> cut off, the backend ended" in said
    assert "records were forgotten; the last 5 were kept (--keep)." in said


async def test_the_command_serves_the_control_api(capsys: pytest.CaptureFixture[str]) -> None:
    """It says where the page is; a name that was allowed is answered there; a reset counts in the summary, too."""
    serving = asyncio.ensure_future(
        serve(port=0, host="127.0.0.1", faults=(), tokens=None, record=None, allow_hosts=["backend.example"])
    )
    said = ""
    while "Look at it" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    found = re.search(r"Look at it:  (http://127\.0\.0\.1:\d+)/\n", said)
    assert found is not None
    await post(f"{found[1]}/v1/runs/gone/ingest", event_line(1))
    async with ControlClient(found[1]) as control:
        await control.reset()
        assert (await control.health()).requests == 0
    named = {"Host": "backend.example"}
    async with aiohttp.ClientSession() as session, session.get(f"{found[1]}/_fake/health", headers=named) as response:
        assert response.status == 200
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(serving, PATIENCE)
    assert "No request has reached a run." in capsys.readouterr().out


async def test_no_name_of_a_run_drives_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What can't be printed is escaped, in the lines and in the summary."""
    serving = asyncio.ensure_future(serve(port=0, host="127.0.0.1", faults=(), tokens=None, record=None))
    said = ""
    while "Look at it" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    found = re.search(r"Listening on (\S+)", said)
    assert found is not None
    await post(f"{found[1]}/v1/runs/%1b%5b2J%C3%A9/ingest", b"")
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(serving, PATIENCE)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert said.count("\\x1b[2J\\xe9") == 2


async def test_a_run_of_the_command_without_requests_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty summary is a sentence, not an empty table."""
    serving = asyncio.ensure_future(serve(port=0, host="127.0.0.1", faults=(), tokens=None, record=None))
    said = ""
    while "Send to it" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(serving, PATIENCE)
    assert "No request has reached a run." in capsys.readouterr().out


async def test_the_summary_of_many_runs_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    """The runs that were heard of last are shown, and the others counted."""
    serving = asyncio.ensure_future(serve(port=0, host="127.0.0.1", faults=(), tokens=None, record=None))
    said = ""
    while "Look at it" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    found = re.search(r"Listening on (\S+)", said)
    assert found is not None
    for number in range(25):
        await post(f"{found[1]}/v1/runs/run-{number}/ingest", event_line(1) + completion_line(1))
    await post(f"{found[1]}/v1/runs/run-0/ingest", event_line(1))
    capsys.readouterr()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, PATIENCE)
    said = capsys.readouterr().out
    shown = re.findall(r"^ +(run-\d+) ", said, flags=re.MULTILINE)
    assert shown == ["run-0", *(f"run-{number}" for number in range(6, 25))]
    assert said.endswith(
        "These are the last 20 of 25 runs. All together had 26 requests, 25 events accepted, 0 duplicates and 0 "
        "faults; 25 are complete.\n"
    )


async def test_while_it_sums_up_a_signal_ends_it_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the first that is waited for: once it has drained, another does what it does to any program."""
    handlers: list[object] = []
    monkeypatch.setattr(
        "sendproof.backend._print_summary",
        lambda _: handlers.extend(map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))),
    )
    serving = asyncio.ensure_future(serve(port=0, host="127.0.0.1", faults=(), tokens=None, record=None))
    said = ""
    while "Look at it" not in said:
        await asyncio.sleep(0.001)
        said += capsys.readouterr().out
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, PATIENCE)
    assert handlers == [signal.default_int_handler, signal.SIG_DFL]


async def test_a_port_in_use_is_an_error_of_the_command() -> None:
    """No traceback: a sentence and the status of a wrong argument."""
    async with FakeBackend() as other, running("--port", other.url.rpartition(":")[2]) as process:
        said, _ = await asyncio.wait_for(process.communicate(), 4 * PATIENCE)
    assert process.returncode == 2
    assert "Address already in use. Choose another with --port or --host." in said.decode()
    assert "Traceback" not in said.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "70000 is not in the range"),
        (["--faults", "missing.toml"], "'missing.toml' does not exist"),
        (["--faults", "bad.toml"], "bad.toml: fault 1 (line 2): kind is 'stal'"),
        (["--token", "=run"], "'=run' is neither TOKEN nor TOKEN=RUN"),
        (["--token", "token="], "'token=' is neither TOKEN nor TOKEN=RUN"),
        (["--keep", "0"], "0 is not in the range x>=1"),
        (["--grace", "-1"], "-1.0 is not in the range x>=0"),
        (["--host", "nowhere.invalid"], "can't listen on nowhere.invalid port 8787"),
    ],
)
def test_a_wrong_argument_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """What can't be used is told before anything is served."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('[[fault]]\nkind = "stal"\n', encoding="utf-8")
    result = CliRunner().invoke(backend, arguments)
    assert result.exit_code == 2
    assert message in re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("192.0.2.1", True),
        ("0.0.0.0", True),  # noqa: S104 - nothing is bound
        ("name", True),
        ("localhost", False),
        ("127.0.0.2", False),
        ("::1", False),
    ],
)
def test_another_address_than_loopback_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, host: str, *, warned: bool
) -> None:
    """A backend that others may reach says so before it listens."""

    async def serve_nothing(**_: object) -> None:
        pass

    monkeypatch.setattr("sendproof.backend.serve", serve_nothing)
    result = CliRunner().invoke(backend, ["--host", host])
    assert result.exit_code == 0
    assert (f"Warning: {host} isn't a loopback address" in result.output) == warned


def test_arguments_become_tokens_and_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token is for any run or for one, and a file of faults becomes its rules."""
    given: dict[str, object] = {}

    async def serve_nothing(**arguments: object) -> None:
        given.update(arguments)

    monkeypatch.setattr("sendproof.backend.serve", serve_nothing)
    faults = tmp_path / "faults.toml"
    faults.write_text(FAULTS, encoding="utf-8")
    arguments = ["--faults", str(faults), "--token", "a", "--token", "b=run=1", "--legacy-completion"]
    assert CliRunner().invoke(backend, arguments).exit_code == 0
    assert given["tokens"] == {"a": None, "b": "run=1"}
    assert given["faults"] == parse_faults(FAULTS)
    assert given["legacy_completion"] is True


def test_help_teaches_a_file_of_faults_that_works() -> None:
    """The example in --help is a file of faults."""
    result = CliRunner().invoke(backend, ["--help"])
    assert result.exit_code == 0
    start, end = result.output.index("[[fault]]"), result.output.index("There are faults of")
    assert len(parse_faults(result.output[start:end])) == 2


async def test_the_ledger_forgets_requests() -> None:
    """Whatever happens to requests, nothing of them remains; late lines are nobody's."""
    said: list[str] = []
    ledger = Ledger(said.append, started=asyncio.get_running_loop().time())
    async with FakeBackend(on_record=ledger.note) as running_backend, client_of(running_backend) as client:
        await client.post(event_lines(1, 3))
        await client.post()
        async with client.session.get(running_backend.url) as response:
            assert response.status == 404
        running_backend.set_run("run", last_accepted_seq=9, why="nothing to count")
    answers = [re.sub(r"^ +[0-9.]+ s  ", "", line).partition("  ->")[0] for line in said]
    assert answers == ["run  3 accepted", "run  no lines", "-  GET"]
    late: list[BackendRecord] = [
        RequestBroken(time=1.0, request=2, cause="client-disconnected"),
        LineReceived(time=2.0, request=2, run_id="run", size=1, decision="accepted"),
        BodyEnded(time=2.0, request=2, size=1, lines=1),
    ]
    for record in late:
        ledger.note(record)
    assert not ledger._open
    assert len(said) == 3
