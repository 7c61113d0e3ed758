"""The same program takes the same course."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys

import pytest

from conformance.simulation import LinkConditions, Simulation, simulate
from tests.conformance.simulation import traced_program


def digest(hash_seed: int) -> str:
    """Run the traced program in a process whose strings hash by `hash_seed`."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-m", traced_program.__name__],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_program_takes_the_same_course_in_each_process() -> None:
    """Whatever strings hash to and wherever objects are in memory: the same happens at the same times."""
    digests = {digest(hash_seed) for hash_seed in (0, 1, 4711)}
    assert len(digests) == 1
    (lines, _) = digests.pop().split()
    assert int(lines) > 500


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_program_takes_the_same_course_twice_in_a_process(*, shuffle: bool) -> None:
    """Nothing is carried over from one simulation to the next; another seed gives another course."""
    first = simulate(traced_program.main, seed=1, shuffle=shuffle)
    assert simulate(traced_program.main, seed=1, shuffle=shuffle) == first
    assert simulate(traced_program.main, seed=2, shuffle=shuffle) != first
    assert any("failed" in line for line in first)


async def streams(sim: Simulation) -> list[str]:
    """Have clients talk over streams, and return what arrived when."""
    trace: list[str] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            trace.append(f"{sim.time()} server got {data!r}")
            writer.write(data)
        writer.close()

    async def client(name: str) -> None:
        reader, writer = await asyncio.open_connection("localhost", 80)
        for number in range(5):
            writer.write(f"{name}{number}".encode())
            trace.append(f"{sim.time()} {name} got {await reader.readexactly(2)!r}")
        writer.close()

    await asyncio.start_server(echo, "localhost", 80)
    await asyncio.gather(*map(client, "abcd"))
    return trace


@pytest.mark.parametrize(
    ("seed", "shuffle", "digest_of_trace"),
    [
        (0, False, "e07b79afbee69018"),
        (1, False, "203f4c3d9ace626c"),
        (0, True, "16eedf8602ca0c94"),
    ],
)
def test_a_seed_means_the_same_in_each_version_of_python(seed: int, digest_of_trace: str, *, shuffle: bool) -> None:
    """The course of this program was written down once, and holds wherever the test runs."""
    conditions = LinkConditions(latency=0.005, jitter=0.0 if shuffle else 0.01, bandwidth=1e6)
    trace = "\n".join(simulate(streams, conditions=conditions, seed=seed, shuffle=shuffle))
    assert hashlib.sha256(trace.encode()).hexdigest()[:16] == digest_of_trace, trace
