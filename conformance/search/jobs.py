"""Splits a search into parts, in several processes if asked to; what it finds doesn't depend on how many."""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING

from conformance.judging.judge import select_rules
from conformance.judging.loading import load_factory
from conformance.search.run import Searched, search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

A_PART = 25
"""How many schedules a process performs before it reports them."""


def search_in_parts(
    sender: str, rule_ids: Sequence[str], *, seed: int, schedules: int, jobs: int
) -> Iterator[Searched]:
    """Search the first `schedules` schedules of a seed, and yield what each part has seen, in order.

    It ends with the first part that has found something. With more than one job, `sender` is imported in as many
    processes.

    Raises:
        AdapterError: The sender can't be imported.
    """
    parts = [(sender, rule_ids, seed, first, min(first + A_PART, schedules)) for first in range(0, schedules, A_PART)]
    for searched in map(_search, parts) if jobs == 1 else _in_processes(parts, jobs):
        yield searched
        if searched.found is not None:
            return


_Part = tuple[str, "Sequence[str]", int, int, int]


def _search(part: _Part) -> Searched:
    sender, rule_ids, seed, first, end = part
    rules = select_rules(rule_ids)
    return search(load_factory(sender), rules, seed=seed, indices=range(first, end))


def _in_processes(parts: Sequence[_Part], jobs: int) -> Iterator[Searched]:
    # Not forked: the sender's modules may have started threads. Few parts wait, so that little is done in vain.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=spawn, initializer=logging.disable, initargs=(logging.CRITICAL,))
    waiting: deque[Future[Searched]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(_search, part))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
