"""A list that forgets its oldest: with a moving head, so that any place is found as fast as in a list."""

from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Ring(Generic[T]):
    """Items in the order in which they came, of which the oldest can be forgotten."""

    __slots__ = ("_head", "_items")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._head = 0

    def __len__(self) -> int:
        return len(self._items) - self._head

    def append(self, item: T) -> None:
        """Add an item."""
        self._items.append(item)

    @property
    def oldest(self) -> T:
        """The first item; there must be one."""
        return cast("T", self._items[self._head])

    def forget_oldest(self) -> T:
        """Forget the first item, and give it; there must be one."""
        head = self._head
        oldest = self._items[head]
        # Free at once; its place is cut off with others, so that each item pays for the move of at most one other.
        self._items[head] = None
        self._head = head + 1
        if self._head * 2 > len(self._items):
            del self._items[: self._head]
            self._head = 0
        return cast("T", oldest)

    def items(self, first: int = 0, limit: int | None = None) -> list[T]:
        """Give the items from place `first` on (0 is the oldest), `limit` at the most (None: all)."""
        start = self._head + first
        return self._items[start:] if limit is None else self._items[start : start + limit]
