"""The line itself: programs that start, end, hang and crash, and adapters that connect by themselves."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapters import Adapter, AdapterPool, AdapterWorld, ProcessChannel, wait_for_adapter
from conformance.errors import AdapterError
from conformance.evidence.history import AdapterSaid
from conformance.harness.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.harness.scenario import Stage

ANSWERS_HELLO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    hello = {"protocol": 1, "name": "one", "capabilities": []} if request["type"] == "hello" else {}
    print(json.dumps({"id": request["id"], **hello}), flush=True)
    if request["type"] == "exit":
        break
"""


def program(text: str) -> list[str]:
    """A command that runs a Python program."""
    return [sys.executable, "-c", text]


def said(text: str) -> str:
    """How it is told that a program is no adapter."""

    async def greet() -> None:
        adapter = Adapter(ProcessChannel(program(text)))
        try:
            await adapter.introduce()
        finally:
            await adapter.exit()

    with pytest.raises(AdapterError) as raised:
        asyncio.run(greet())
    return str(raised.value)


def test_a_program_serves_one_loop_after_the_other() -> None:
    """It is started once; each loop that asks gets its answer; and it ends when it is asked to."""
    channel = ProcessChannel(program(ANSWERS_HELLO))
    adapter = Adapter(channel)
    asyncio.run(adapter.introduce())
    asyncio.run(adapter.introduce())
    assert adapter.title == "one"
    asyncio.run(adapter.exit())
    assert channel.last_words() == "the adapter ended with exit status 0\nit wrote nothing to standard error"


def test_a_program_that_crashes_leaves_its_last_words() -> None:
    """Its exit status, and the last lines of its standard error."""
    message = said("import sys\nprint('a\\nb', file=sys.stderr)\nsys.exit('no such module')")
    assert message.startswith("the adapter went away, while hello waited for its answer\n")
    assert "the adapter ended with exit status 1" in message
    assert message.endswith("standard error:\n    a\n    b\n    no such module")


def test_a_program_that_is_killed_says_by_what() -> None:
    """The signal has a name."""
    assert "the adapter ended with signal SIGTERM" in said("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)")


def test_a_program_that_does_not_end_is_killed() -> None:
    """Also one that ignores the end of its input."""
    text = "import json, sys, time\nline = sys.stdin.readline()\nprint('{\"id\": 1}', flush=True)\ntime.sleep(600)"
    assert "the answer to hello is wrong" in said(text)


def test_what_a_program_complains_of_is_in_the_history_of_its_scenario() -> None:
    """Its standard error, and each line once: the next scenario has its own."""
    complaint = 'if request["type"] != "hello": print(request["type"], file=sys.stderr)'
    text = ANSWERS_HELLO.replace("    hello =", f"    {complaint}\n    hello =")
    pool = AdapterPool(lambda: ProcessChannel(program(text)), at_a_time=1)
    attack = Scenario(name="odd", rules=(), story="", script=_opens_and_stops)
    try:
        histories = [AdapterWorld(at_a_time=1).perform(attack, pool) for _ in range(2)]
    finally:
        pool.close()
    assert [history.records[-1] for history in histories] == [
        AdapterSaid(time=history.records[-2].time, lines=("open", "stop")) for history in histories
    ]


async def _opens_and_stops(stage: Stage) -> None:
    sender = await stage.open()
    await sender.stop()


def test_a_program_that_is_not_there_is_told_by_its_name() -> None:
    """Before anything else happens."""
    with pytest.raises(AdapterError, match=r"the adapter can't be started: 'no-such-program': No such file"):
        ProcessChannel(["no-such-program", "--flag"])


def test_a_program_that_reads_nothing_holds_nobody_up() -> None:
    """What is sent to it waits elsewhere than in the one who sends."""
    channel = ProcessChannel(program("import time\ntime.sleep(600)"))
    ended = threading.Event()
    channel.listen(lambda _: None, ended.set)
    for _ in range(8):
        channel.send(b"x" * 1_000_000)
    channel.end()
    assert "signal SIGKILL" in channel.last_words()
    assert ended.wait(10)


def connect(answer: Callable[[socket.socket], None]) -> Callable[[int], None]:
    """Connect to a port once it is listened to, and do something there, in a thread."""

    def on_listening(port: int) -> None:
        def work() -> None:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                answer(connection)

        threading.Thread(target=work, daemon=True).start()

    return on_listening


def test_an_adapter_may_connect_by_itself() -> None:
    """Whoever started it under a debugger; its standard error is not ours to show."""

    def answer(connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            lines.readline()
            connection.sendall(b'{"id": 1, "protocol": 1, "name": "attached", "capabilities": []}\n')
            lines.readline()

    adapter = Adapter(wait_for_adapter(0, connect(answer)))
    asyncio.run(adapter.introduce())
    assert adapter.title == "attached"
    asyncio.run(adapter.exit())


def test_an_attached_adapter_that_leaves_is_told() -> None:
    """As one that was started here."""

    def leave(connection: socket.socket) -> None:
        connection.recv(1)

    adapter = Adapter(wait_for_adapter(0, connect(leave)))
    with pytest.raises(AdapterError, match="the adapter went away, while hello waited"):
        asyncio.run(adapter.introduce())
    asyncio.run(adapter.exit())


def test_a_port_that_is_taken_is_an_error() -> None:
    """It names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: Any = taken.getsockname()[1]
        with pytest.raises(AdapterError, match=rf"can't listen on port {port}: Address already in use"):
            wait_for_adapter(port, lambda _: None)
