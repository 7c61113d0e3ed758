"""Draws a program that can't go on: which task waits for what, and where.

It is drawn from what asyncio and the suspended coroutines have: each task's future, the frames down to it, and what
their variables hold. Some of that has no public name. Where something isn't as expected the picture says less, and
still where each task is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import PurePath
from types import CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any

from conformance.simulation.sockets import address
from conformance.simulation.tasks import NumberedTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Tasks = dict[asyncio.Task[Any], None]


def draw(loop: asyncio.AbstractEventLoop) -> str:
    """Describe what each unfinished task of `loop` waits for, and below where, from the inside out; oldest first.

    After them, a line for each circle of tasks that wait for one another.
    """
    tasks = sorted(asyncio.all_tasks(loop), key=_age)
    return "\n".join([*(_portrait(task) for task in tasks), *_circles(tasks)])


def _age(task: asyncio.Task[Any]) -> int:
    # A program that sets a task factory of its own has tasks without number: they come last.
    return task.number if isinstance(task, NumberedTask) else 1 << 62


def _portrait(task: asyncio.Task[Any]) -> str:
    frames = _frames(task)
    places = " < ".join(
        f"{frame.f_code.co_qualname} ({'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{frame.f_lineno})"
        for frame in frames
    )
    waiter = _waiter(task)
    if waiter is None or waiter.done():
        state = "is ready to run"
    else:
        state = f"waits for {_names(_awaited_tasks(task)) or _awaited_thing(frames) or 'a future'}"
    return f"  {task.get_name()} {state}\n      in {places}"


def _waiter(task: asyncio.Task[Any]) -> asyncio.Future[Any] | None:
    # No public name tells what a task waits for; this one has been there since 3.4, in C and in Python.
    waiter: asyncio.Future[Any] | None = getattr(task, "_fut_waiter", None)
    return waiter


def _frames(task: asyncio.Task[Any]) -> list[FrameType]:
    """Return where a task is suspended, innermost first."""
    return list(_suspensions(task.get_coro()))[::-1]


def _suspensions(awaited: object) -> Iterator[FrameType]:
    # It ends at what doesn't tell: a future, or the step of an asynchronous generator.
    while True:
        match awaited:
            case (
                CoroutineType(cr_frame=FrameType() as frame, cr_await=awaits)
                | GeneratorType(gi_frame=FrameType() as frame, gi_yieldfrom=awaits)
            ):
                yield frame
                awaited = awaits
            case _:
                return


# Other tasks.


def _awaited_tasks(task: asyncio.Task[Any]) -> Tasks:
    """Return the unfinished tasks that `task` waits for: itself, by `gather`, `wait`, or as a `TaskGroup`."""
    waiter = _waiter(task)
    candidates: Iterable[Any] = ()
    if isinstance(waiter, asyncio.Task):
        candidates = (waiter,)
    elif children := getattr(waiter, "_children", ()):  # what `gather` returns has no public name for them
        candidates = children
    else:
        for frame in _frames(task)[:2]:
            match frame.f_code.co_name, frame.f_locals:
                case "_wait", {"fs": futures}:
                    candidates = sorted((task for task in futures if isinstance(task, asyncio.Task)), key=_age)
                case "__aexit__" | "_aexit", {"self": asyncio.TaskGroup() as group}:
                    candidates = sorted(group._tasks, key=_age)  # noqa: SLF001 - nor has a group
                case _:
                    pass
    return dict.fromkeys(other for other in candidates if isinstance(other, asyncio.Task) and not other.done())


def _names(tasks: Iterable[asyncio.Task[Any]]) -> str:
    *others, last = [task.get_name() for task in tasks] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _circles(tasks: list[asyncio.Task[Any]]) -> Iterator[str]:
    told: Tasks = {}
    for task in tasks:
        circle = [] if task in told else _way_back(task)
        if circle:
            told.update(dict.fromkeys(circle))
            yield f"  a circle: {' → '.join(member.get_name() for member in circle)}"


def _way_back(start: asyncio.Task[Any]) -> list[asyncio.Task[Any]]:
    """Return the shortest way from a task to itself along what is waited for, both ends included, or nothing."""
    ways = deque([[start]])
    seen: Tasks = {}
    while ways:
        way = ways.popleft()
        for task in _awaited_tasks(way[-1]):
            if task is start:
                return [*way, start]
            if task not in seen:
                seen[task] = None
                ways.append([*way, task])
    return []


# Things.


def _awaited_thing(frames: list[FrameType]) -> str:
    """Find the thing that the innermost frames wait for, if it is one of asyncio's: the outermost, if one uses another.

    A queue's `join` waits for an event, and a barrier for a condition.
    """
    awaited = ""
    for depth, frame in enumerate(frames[:3]):
        variables = frame.f_locals
        if frame.f_code is asyncio.sleep.__code__ and "h" in variables:
            return f"its sleep to end at {variables['h'].when():g} s"
        thing = variables.get("self")
        if state := _state(thing, frame.f_code.co_name):
            name = _name(thing, frames[depth + 1 :])
            awaited = state.replace("*", f" `{name}`" if name else "", 1)
    return awaited


def _state(thing: object, method: str) -> str:
    """Describe what a method of a thing waits for; the star is where the thing's name goes."""
    match thing, method:
        case asyncio.Queue(), "get":
            return f"an item of the {type(thing).__name__}*, which is empty"
        case asyncio.Queue(), "put":
            return f"room in the {type(thing).__name__}*, which is full with {thing.qsize()}"
        case asyncio.Queue(), "join":
            return f"the {type(thing).__name__}* to be worked off"
        case asyncio.Event(), "wait":
            return "the Event* to be set"
        case (asyncio.Lock(), _) | (asyncio.Semaphore(), _):
            return f"the {type(thing).__name__}*, which is locked"
        case (asyncio.Condition(), _) | (asyncio.Barrier(), _):
            return f"the {type(thing).__name__}*"
        case asyncio.StreamReader(), _:
            return f"bytes from {_peer(thing)}"
        case asyncio.StreamReaderProtocol(), "_drain_helper":
            return f"what was written to {_peer(thing)} to drain"
        case asyncio.StreamWriter(), "wait_closed":
            return f"the connection to {_peer(thing)} to close"
        case asyncio.AbstractServer(), "wait_closed":
            return "the server's connections to close"
        case _:
            return ""


def _peer(stream: object) -> str:
    transport = getattr(stream, "_transport", None)
    peername = transport.get_extra_info("peername") if isinstance(transport, asyncio.BaseTransport) else None
    return address(*peername) if peername else "the other end"


def _name(thing: object, frames: list[FrameType]) -> str:
    """Return the variable, or the attribute of one's `self`, by which a coroutine further out knows a thing."""
    for frame in frames:
        variables = dict(frame.f_locals)
        for name, value in variables.items():
            if value is thing and name != "self":
                return name
        for name, value in getattr(variables.get("self"), "__dict__", {}).items():
            if value is thing:
                return f"self.{name}"
    return ""
