"""`sendproof send` as a user has it: a file or standard input, options, a report, an exit code."""

import json
import logging
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_backend import AnswerSent, FaultRule, Limits, ResetPeer, Status
from sendproof.commands import sendproof
from tests.sendproof.backend_thread import TOKEN, backend_thread

NOWHERE = "http://127.0.0.1:1/v1/runs/run/ingest"


def send(*arguments: str, stdin: bytes | None = None, url: str = NOWHERE, token: str = TOKEN) -> Result:
    """Run the command in this process."""
    options = ["send", "--url", url, "--token", token, "--retry-delay", "0.01", *arguments]
    return CliRunner().invoke(sendproof, options, input=stdin)


def lines(count: int) -> bytes:
    """So many events."""
    return b"".join(b'{"i":%d}\n' % index for index in range(count))


def range_from(first: int) -> tuple[int, ...]:
    """All requests from one on, as far as a test gets."""
    return tuple(range(first, 1000))


def test_a_file_arrives_once_and_in_order_though_every_third_answer_is_lost(tmp_path: Path) -> None:
    """The promise of the sender holds for the command."""
    file = tmp_path / "events.ndjson"
    file.write_bytes(lines(3000))
    with backend_thread(FaultRule(fault=ResetPeer(phase="after-accept"), every=3)) as backend:
        result = send(str(file), "--max-window-events", "100", url=backend.url)
    assert result.exit_code == 0, result.output
    assert backend.events == [{"i": index} for index in range(3000)]
    assert backend.run.complete
    assert "All delivered." in result.stdout
    assert "delivered  3,000" in result.stdout
    assert "run        complete, last number 3,000" in result.stdout
    assert "retrying: " in result.stderr
    assert "healthy: delivering" in result.stderr


def test_a_health_that_goes_up_and_down_is_told_twenty_times_and_then_counted() -> None:
    """A backend that fails at every second window doesn't fill the screen."""
    with backend_thread(FaultRule(fault=Status(status=503), of="data", every=2)) as backend:
        result = send("-", "--max-window-events", "1", stdin=lines(15), url=backend.url)
    assert result.exit_code == 0, result.output
    told = result.stderr.splitlines()
    assert len(told) == 21
    assert set(told[:-1]) == {"retrying: 503 Service Unavailable", "healthy: delivering"}
    assert told[-1] == "… and 8 more changes of health"


def test_standard_input_is_read_without_a_file_and_the_last_line_needs_no_newline() -> None:
    """As a part of a pipeline."""
    with backend_thread() as backend:
        result = send(stdin=b'{"i":0}\n{"i":1}', url=backend.url)
    assert result.exit_code == 0, result.output
    assert backend.events == [{"i": 0}, {"i": 1}]
    assert result.stderr == ""


def test_numbers_arrive_exact() -> None:
    """Integers over 64 bits aren't made floats."""
    big = 123456789012345678901234567890
    with backend_thread() as backend:
        result = send("-", stdin=b'{"big":%d,"half":0.5,"one":1.0}' % big, url=backend.url)
    assert result.exit_code == 0, result.output
    assert json.dumps(backend.events) == f'[{{"big": {big}, "half": 0.5, "one": 1.0}}]'


def test_lines_that_are_no_events_are_skipped_and_told_with_their_numbers() -> None:
    """The others are delivered; the exit code says that something is missing. Blank lines are nothing."""
    with backend_thread() as backend:
        result = send(stdin=b'{"i":0}\n\n  \nnonsense\n[1]\n{"x":NaN}\n{"u":"\xff"}\n{"i":1}\n', url=backend.url)
    assert result.exit_code == 1
    assert backend.events == [{"i": 0}, {"i": 1}]
    assert backend.run.complete
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["line 4", "line 5", "line 6", "line 7"]
    assert "Not all was delivered." in result.stdout
    assert "skipped    4 lines, see above" in result.stdout


def test_the_first_twenty_complaints_are_told_and_the_rest_counted() -> None:
    """A file of the wrong kind doesn't flood the terminal."""
    with backend_thread() as backend:
        result = send(stdin=b"x\n" * 1234, url=backend.url)
    told = result.stderr.splitlines()
    assert len(told) == 21
    assert told[0].startswith("line 1: ")
    assert told[-1] == "… and 1,214 more like these"
    assert "skipped    1,234 lines" in result.stdout


def test_a_line_over_the_size_of_an_event_is_skipped() -> None:
    """By the same measure whatever its number, so that it is skipped again by --resume; also where it has no end."""
    largest = b'{"a":"%s"}' % (b"x" * (899_963 - len('{"a":""}')))
    larger = b'{"a":"%s"}' % (b"x" * (899_964 - len('{"a":""}')))
    with backend_thread() as backend:
        result = send(stdin=b"\n".join([largest, larger, b"x" * 2_000_000, b'{"i":1}']), url=backend.url)
    assert result.exit_code == 1
    assert backend.events == [json.loads(largest), {"i": 1}]
    assert result.stderr.splitlines() == [
        "line 2: larger than 899,963 bytes, the most an event may have",
        "line 3: larger than 899,963 bytes, the most an event may have",
    ]
    assert "skipped    2 lines" in result.stdout


@pytest.mark.parametrize("levels", [520, 1020, 100_000])
def test_a_line_that_is_nested_deeper_than_backends_read_is_skipped(levels: int) -> None:
    """It is told with its number before it is sent, and what is around it arrives; the deepest one does."""
    deepest, deeper = (b'{"deep":%b}' % (b"[" * inner + b"]" * inner) for inner in (498, levels - 1))
    with backend_thread() as backend:
        result = send(stdin=b'{"i":0}\n%b\n%b\n{"i":1}\n' % (deepest, deeper), url=backend.url)
        refusals = [record for record in backend.records if isinstance(record, AnswerSent) and record.status != 200]
    assert result.exit_code == 1
    assert [event.get("i") for event in backend.events] == [0, None, 1]
    assert result.stderr == f"line 3: nested {levels:,} levels deep, and an event may have 499\n"
    assert refusals == []


def test_an_event_that_the_backend_refuses_is_dropped_and_shown() -> None:
    """With the number of its line, and its beginning."""
    with backend_thread(limits=Limits(max_line_bytes=100)) as backend:
        result = send(stdin=b'{"i":0}\n{"a":"%s"}\n{"i":1}\n' % (b"x" * 200), url=backend.url)
    assert result.exit_code == 1
    assert backend.events == [{"i": 0}, {"i": 1}]
    assert 'line 2: rejected by the backend: 413 Event line is too large: {"a":"xxx' in result.stderr
    assert "rejected   1 by the backend" in result.stdout


def test_a_short_event_that_the_backend_refuses_is_shown_whole() -> None:
    """No ellipsis where nothing was left out."""
    with backend_thread(limits=Limits(max_line_bytes=30)) as backend:
        result = send("--no-complete", stdin=b'{"a":"xxxxxxxxxx"}\n', url=backend.url)
    assert result.exit_code == 1
    assert 'rejected by the backend: 413 Event line is too large: {"a":"xxxxxxxxxx"}\n' in result.stderr


def test_a_wrong_token_ends_it_at_once_and_is_not_shown() -> None:
    """Nothing is read on into a run that takes nothing, and the report says why."""
    with backend_thread() as backend:
        result = send(stdin=lines(50_000), url=backend.url, token="wrong-token")
    assert result.exit_code == 1
    assert backend.events == []
    assert "failed: 401 Invalid event ingest token" in result.stderr
    assert "Nothing was sent." in result.stdout
    assert "read       0 lines" in result.stdout
    assert "why        401 Invalid event ingest token" in result.stdout
    assert "go on      with the same command: nothing was sent" in result.stdout
    assert "wrong-token" not in result.output


def test_a_token_that_expires_ends_the_reading() -> None:
    """The report says why, and where to go on with a new one."""
    with backend_thread(FaultRule(fault=Status(status=401), of="data", requests=range_from(2))) as backend:
        result = send("--max-window-events", "100", stdin=lines(50_000), url=backend.url)
    assert result.exit_code == 1
    assert len(backend.events) == 100
    assert "why          reading ended after line 20,101; 401 Unauthorized" in result.stdout
    assert "go on        with --resume, and the whole input again: line 101, or one behind it, is next" in result.stdout


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it isn't in the list of processes."""
    monkeypatch.setenv("SENDPROOF_TOKEN", TOKEN)
    with backend_thread() as backend:
        result = CliRunner().invoke(sendproof, ["send", "--url", backend.url], input=lines(1))
    assert result.exit_code == 0, result.output
    assert backend.run.complete


def test_a_backend_that_is_not_there_is_reported() -> None:
    """After `--stop-timeout`, with the trouble in words, whether the run is asked for its number or not."""
    result = send("--stop-timeout", "0.05", stdin=lines(3))
    assert result.exit_code == 1
    assert "retrying: ClientConnectorError" in result.stderr
    assert "Nothing was sent." in result.stdout
    assert "run        never reached" in result.stdout
    assert "why        the backend didn't say how far the run is; the last trouble was: ClientConn" in result.stdout
    assert "Cannot connect to host" in result.stdout
    result = send("--append", "--stop-timeout", "0.05", stdin=lines(3))
    assert result.exit_code == 1
    assert "undelivered  3" in result.stdout
    assert "go on        with --append, and the input from line 1 on" in result.stdout


def test_what_was_sent_but_never_confirmed_is_told_apart() -> None:
    """It may have arrived."""
    with backend_thread(FaultRule(fault=ResetPeer(phase="after-accept"), of="data", every=1)) as backend:
        backend_down = FaultRule(fault=Status(status=503), of="sync", requests=range_from(3))
        backend._backend.add_fault(backend_down)
        result = send("--stop-timeout", "0.3", stdin=lines(3), url=backend.url)
    assert result.exit_code == 1
    assert "undelivered  3 (3 sent, but never confirmed)" in result.stdout
    assert "go on        with --resume, and the whole input again: line 1, or one behind it, is next" in result.stdout


def test_an_empty_input_completes_the_run() -> None:
    """Nothing to deliver is all delivered."""
    with backend_thread() as backend:
        result = send(stdin=b"", url=backend.url)
    assert result.exit_code == 0, result.output
    assert backend.run.complete
    assert "read       0 lines" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "ftp://host/"], "Invalid value for --url: expected the scheme http or https"),
        (["--retry-delay", "0"], "Invalid value for --retry-delay"),
        (["--stop-timeout", "nan"], "Invalid value for --stop-timeout"),
        (["--max-buffered-events", "0"], "Invalid value for --max-buffered-events: expected a whole number, 1 or more"),
        (["--window-age", "soon"], "Invalid value for '--window-age': 'soon' is not a valid float"),
        (["no-such-file"], "'no-such-file': No such file or directory"),
        (["."], "'.': Is a directory"),
    ],
)
def test_a_wrong_argument_is_a_usage_error_that_names_it(arguments: list[str], message: str) -> None:
    """Exit code 2, and nothing is sent."""
    result = send(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_wrong_token_is_never_part_of_a_message() -> None:
    """Part of a secret is a secret."""
    result = send(token="not a token")
    assert result.exit_code == 2
    assert "Invalid value for --token: expected printable ASCII" in result.stderr
    assert "not a token" not in result.output


def test_a_first_wait_above_the_ceiling_of_the_default_is_taken() -> None:
    """The ceiling has no option of its own to be wrong about."""
    with backend_thread() as backend:
        result = send("--retry-delay", "60", stdin=lines(1), url=backend.url)
    assert result.exit_code == 0, result.output


def test_a_closed_standard_input_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is what a daemon may have."""
    runner = CliRunner()
    with runner.isolation():
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(Exception, match="standard input is closed") as caught:
            sendproof.main(["send", "--url", NOWHERE, "--token", TOKEN], standalone_mode=False)
    assert getattr(caught.value, "exit_code", None) == 2


def test_the_log_of_the_sender_is_left_as_it_was() -> None:
    """The command adds its handler for as long as it runs."""
    before = list(logging.getLogger("sendproof.sender").handlers)
    send("--stop-timeout", "0", stdin=lines(1))
    assert logging.getLogger("sendproof.sender").handlers == before
