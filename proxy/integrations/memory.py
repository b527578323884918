"""What a fake remembers: ids from a counter, and objects on a shelf that holds the newest.

Nothing here is random: the same calls in the same order give the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from typing import Generic, TypeVar

MOST = 10_000  # objects of a kind; the oldest go
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Item = TypeVar("Item")


class Ids:
    """Ids that look like a provider's: counter numbers through a fixed hash. `kind` keeps two counters apart."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._numbers = count(1)

    def letters(self, length: int) -> str:
        """The next id, of digits and letters of both cases."""
        number = int.from_bytes(self._digest(), "big")
        taken = []
        for _ in range(length):
            number, place = divmod(number, len(_ALPHABET))
            taken.append(_ALPHABET[place])
        return "".join(taken)

    def hexadecimal(self, length: int) -> str:
        """The next id, of lower-case hexadecimal digits."""
        return self._digest().hex()[:length]

    def _digest(self) -> bytes:
        return blake2b(f"{self._kind} {next(self._numbers)}".encode(), digest_size=64).digest()


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
