"""The same program takes the same course."""

from __future__ import annotations

import os
import subprocess
import sys

from conformance.simulation import simulate
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


def test_a_program_takes_the_same_course_twice_in_a_process() -> None:
    """Nothing is carried over from one simulation to the next."""
    first = simulate(traced_program.main)
    assert simulate(traced_program.main) == first
    assert any("failed" in line for line in first)
