"""Tasks that are numbered."""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import TYPE_CHECKING, Any, cast

if sys.version_info >= (3, 12):
    from typing import override
else:
    from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator


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
