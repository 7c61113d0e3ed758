"""Tasks that are numbered, and the report of what they are at."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import PurePath
from types import CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any, cast

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator
    from types import CodeType


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes to its number in the simulation.

    asyncio keeps tasks in sets, and so do programs: `asyncio.wait`, the children that a `TaskGroup` cancels. A set
    goes by hashes, and an object's own is its address, which differs from run to run. Numbers make the order of such
    sets a matter of the program alone.
    """

    number: int

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self.number = number  # before asyncio puts the task into a set
        options["name"] = options.get("name") or f"Task-{number}"
        super().__init__(coro, **options)

    @override
    def __hash__(self) -> int:
        return self.number

    @override
    def __eq__(self, other: object) -> bool:
        return self is other

    @override
    def set_name(self, value: object) -> None:
        # Some releases of 3.13 pass the None of `create_task(name=None)` on to here.
        if value is not None:
            super().set_name(value)


class TaskFactory:
    """Makes the tasks of one loop; asyncio's own counter is shared by all loops of the process."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any] | Generator[Any, Any, Any], **options: Any
    ) -> NumberedTask:
        """Make a task as `loop.create_task` asks for it."""
        return NumberedTask(next(self._numbers), cast("Coroutine[Any, Any, Any]", coro), loop=loop, **options)


def describe(loop: asyncio.AbstractEventLoop) -> str:
    """Tell each unfinished task of `loop`, whether it waits, and where: a line each, oldest first."""
    tasks = sorted(asyncio.all_tasks(loop), key=_age)
    return "\n".join(f"  {task.get_name()} {_state(task)} {' < '.join(_places(task.get_coro()))}" for task in tasks)


def _age(task: asyncio.Task[Any]) -> int:
    # A program that sets a task factory of its own has tasks without number: they come last.
    return task.number if isinstance(task, NumberedTask) else 1 << 62


def _state(task: asyncio.Task[Any]) -> str:
    # No public name tells what a task waits for; this one has been there since 3.4, in C and in Python.
    waits_for: asyncio.Future[Any] | None = getattr(task, "_fut_waiter", None)
    return "is ready to run in" if waits_for is None or waits_for.done() else "waits in"


def _places(awaited: object) -> list[str]:
    """Tell where a suspended coroutine is, innermost first."""
    return [
        f"{code.co_qualname} ({'/'.join(PurePath(code.co_filename).parts[-2:])}:{line})"
        for code, line in reversed(list(_suspensions(awaited)))
    ]


def _suspensions(awaited: object) -> Iterator[tuple[CodeType, int]]:
    # It ends at what doesn't tell: a future, or the step of an asynchronous generator.
    while True:
        match awaited:
            case (
                CoroutineType(cr_frame=FrameType() as frame, cr_await=awaits)
                | GeneratorType(gi_frame=FrameType() as frame, gi_yieldfrom=awaits)
            ):
                yield frame.f_code, frame.f_lineno
                awaited = awaits
            case _:
                return
