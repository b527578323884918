"""What mocks and fakes remember: the newest of a kind, and what was done under a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from proxy.capabilities import checks
from proxy.capabilities.errors import failure

MOST = 10_000  # of a kind; the oldest go

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Items by id in the order in which they came; over `most` the oldest fall off."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._items: dict[str, Item] = {}

    def put(self, id: str, item: Item) -> None:
        """Adds an item, or changes one, which keeps its place."""
        self._items[id] = item
        if len(self._items) > self._most:
            del self._items[next(iter(self._items))]

    def get(self, id: str) -> Item | None:
        return self._items.get(id)

    def drop(self, id: str) -> None:
        """Takes an item off, if it is there."""
        self._items.pop(id, None)

    def newest_first(self) -> Iterator[Item]:
        return reversed(self._items.values())

    def __len__(self) -> int:
        return len(self._items)


class Once(Generic[Item]):
    """The results by idempotency key, each with what was asked for."""

    def __init__(self) -> None:
        self._done: Shelf[tuple[object, Item]] = Shelf()

    def before(self, key: str, asked: object) -> Item | None:
        """What the same request came to; None for a new key. Raises `IdempotencyError`."""
        found = self._done.get(checks.idempotency_key(key))
        if found is None:
            return None
        if found[0] != asked:
            raise failure("idempotency_conflict")
        return found[1]

    def keep(self, key: str, asked: object, result: Item) -> Item:
        """Remembers the result, and returns it."""
        self._done.put(key, (asked, result))
        return result
