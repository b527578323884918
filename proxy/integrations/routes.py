"""Which function answers which path: a table of `METHOD /path/{id}` and a lookup by segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Target = TypeVar("Target")


class Routes(Generic[Target]):
    """`{name}` stands for one whole segment, and `{name}.json` for one that ends so."""

    def __init__(self, table: Mapping[str, Target]) -> None:
        self._rows = [(*_split(pattern), target) for pattern, target in table.items()]

    def find(self, method: str, segments: Sequence[str]) -> tuple[Target, tuple[str, ...]] | None:
        """The target and what stood in place of the names, None if nothing answers that."""
        for wanted, pattern, target in self._rows:
            if wanted == method and (values := _match(pattern, segments)) is not None:
                return target, values
        return None

    def knows(self, segments: Sequence[str]) -> bool:
        """True if some method is answered there."""
        return any(_match(pattern, segments) is not None for _, pattern, _ in self._rows)


def _split(pattern: str) -> tuple[str, list[str]]:
    method, _, path = pattern.partition(" ")
    return method, path.split("/")[1:]


def _match(pattern: Sequence[str], segments: Sequence[str]) -> tuple[str, ...] | None:
    if len(pattern) != len(segments):
        return None
    values = []
    for wanted, found in zip(pattern, segments, strict=True):
        if not wanted.startswith("{"):
            if wanted != found:
                return None
            continue
        tail = wanted.partition("}")[2]
        if not found.endswith(tail) or len(found) == len(tail):
            return None
        values.append(found.removesuffix(tail))
    return tuple(values)
