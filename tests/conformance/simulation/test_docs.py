"""What docs/simulation.md says is so: its examples run, and its tables are complete."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from conformance.simulation import DeadlockError, Link, LinkConditions

PAGE = (Path(__file__).parents[3] / "docs" / "simulation.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def run(*examples: str) -> None:
    """Run examples one after the other, as parts of one program."""
    module: dict[str, Any] = {"__name__": "program"}
    for example in examples:
        exec(compile(example, "your/program.py", "exec"), module)  # noqa: S102 - the examples are to be run


def test_the_examples_run() -> None:
    """Each, after those before it; they assert what they claim."""
    *good, _deadlock = EXAMPLES
    assert len(good) == 4
    assert all("\nassert " in example for example in good)
    run(*good)


def test_the_picture_of_the_page_is_the_one_that_is_drawn() -> None:
    """But for the lines of asyncio's own files, which differ from version to version."""
    first, *_, deadlock = EXAMPLES
    with pytest.raises(DeadlockError) as caught:
        run(first, deadlock)
    (shown,) = re.findall(r"^```text\n(.*?)\n```", PAGE, flags=re.MULTILINE | re.DOTALL)
    drawn, shown = (re.sub(r"(asyncio/\w+\.py):\d+", r"\1", text) for text in (str(caught.value), shown))
    assert drawn == shown


def test_each_condition_and_each_event_of_a_link_is_told() -> None:
    """In the two tables."""
    told = set(re.findall(r"`(\w+)[`(]", PAGE))
    events = {name for name, value in vars(Link).items() if callable(value) and not name.startswith("_")}
    of_channels = {"pipe", "delay"}
    assert {field.name for field in fields(LinkConditions)} <= told
    assert events - of_channels <= told
