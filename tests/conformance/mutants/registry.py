"""What a mutant is: a sender with one small deliberate bug, the rule that must fail it, and how the failure reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.evidence.settings import Settings

Class = TypeVar("Class", bound="type[Any]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A broken sender.

    Args:
        name: That of its class.
        bug: What is wrong with it.
        rule: The id of the rule that must fail it.
        says: A part of the sentence by which it must fail.
        make: The factory.
    """

    name: str
    bug: str
    rule: str
    says: str
    make: Callable[[Settings], Any]


REGISTERED: list[Mutant] = []


def fails(rule: str, says: str) -> Callable[[Class], Class]:
    """Register a class of senders as a mutant; its docstring is its bug."""

    def register(sender: Class) -> Class:
        bug = (sender.__doc__ or "").strip()
        REGISTERED.append(Mutant(name=sender.__name__, bug=bug, rule=rule, says=says, make=sender))
        return sender

    return register
