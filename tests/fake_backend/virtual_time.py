"""Tests on the simulated loop: minutes of a backend's faults pass in no time, and each time in the same way."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from conformance.simulation import simulate
from fake_backend._typing import override

P = ParamSpec("P")

ROUND_TRIP = 0.01
"""Seconds there and back on the simulated network."""


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on the simulated loop, for a day of its time at the most."""

    @wraps(test)
    def simulated(*args: P.args, **kwargs: P.kwargs) -> None:
        with no_complaints():
            simulate(lambda _: test(*args, **kwargs))

    return simulated


def now() -> float:
    """Tell the time on the loop's clock."""
    return asyncio.get_running_loop().time()


class _Complaints(logging.Handler):
    """Keeps what aiohttp and asyncio complain of, which they otherwise tell nobody."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def no_complaints() -> Iterator[None]:
    """Fail if the server swallows an exception inside of the block, or a task does."""
    complaints = _Complaints()
    loggers = [logging.getLogger(name) for name in ("sendproof.fake_backend", "asyncio")]
    for logger in loggers:
        logger.addHandler(complaints)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(complaints)
    assert not complaints.heard
