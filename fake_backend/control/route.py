"""One entry of the table in `routes`: a method of a path, and all that there is to know about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from fake_backend.control.call import AskedT_co, BodyT_co, Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from fake_backend.control.state import ControlState


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[AskedT_co, BodyT_co]):
    """A method of a path, what it is asked with, what it does, and what it answers where all is well.

    `gives` is the type of the answer's JSON; None for an answer without a body, or for one of another `content_type`.
    """

    method: str
    path: str
    asked: type[AskedT_co]
    body: type[BodyT_co]
    does: Callable[[ControlState, Call[AskedT_co, BodyT_co]], Awaitable[web.StreamResponse]]
    gives: Any
    status: int = 200
    content_type: str = "application/json"
    needs_token: bool = False
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Make the pattern that finds the ids in a path."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(pattern))
