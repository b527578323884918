"""What is wrong with a configuration, as people read it: file:line: key: given …; allowed …; did you mean …?

The one thing a reader would get wrong: `given` is never a value that came out of a variable, nor one that stands
where a secret belongs; whoever complains passes `tree.shown(node)` or words of its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from proxy.config.tree import Node, shown

NOT_YET = "not available yet"


class Complaint(NamedTuple):
    """One thing that is wrong. `key` is dotted, "" for the file as a whole; `meant`: the likely intention, or ""."""

    file: str
    line: int
    key: str
    given: str
    allowed: str
    meant: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " + (f"{self.key}: " if self.key else "")
        hint = f"; did you mean {self.meant}?" if self.meant else ""
        return f"{place}given {self.given}; allowed {self.allowed}{hint}"


class ConfigurationError(Exception):
    """Everything that is wrong with a configuration, in the order of its lines."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("\n".join(map(str, complaints)))
        self.complaints = complaints


class Complaints:
    """Collects complaints, each once, however often the place was looked at (`defaults` are read per upstream)."""

    def __init__(self) -> None:
        self._said: dict[Complaint, None] = {}

    def add(self, node: Node, allowed: str, *, given: str | None = None, meant: str = "") -> None:
        """`given`: words for what stands at `node`, its own text where left out."""
        words = shown(node) if given is None else given
        key = node.key if node.key.isprintable() else repr(node.key)
        self._said[Complaint(node.source.file, node.line, key, words, allowed, meant)] = None

    def not_yet(self, node: Node, instead: str, *, given: str | None = None) -> None:
        """A value that a later version will take. `instead`: what this one takes."""
        words = shown(node) if given is None else given
        self.add(node, instead, given=f"{words}, which is {NOT_YET}")

    def unknown(self, node: Node, allowed: Iterable[str], *, nested: Iterable[str] = ()) -> None:
        """A key that does not exist. `nested`: keys one level further in, for a key that lost its parent."""
        names = sorted(allowed)
        name = node.key.rpartition(".")[2]
        meant = near(name, names) or next((one for one in nested if one.endswith(f".{name}")), "")
        self.add(node, ", ".join(names) or "no key at all", given="an unknown key", meant=meant)

    def __bool__(self) -> bool:
        return bool(self._said)

    def listed(self) -> list[Complaint]:
        """In the order of files and lines."""
        return sorted(self._said)


def near(given: str, names: Iterable[str]) -> str:
    """The one of `names` that was likely meant, or ""."""
    return next(iter(difflib.get_close_matches(given, list(names), 1) if given[:1].isalpha() else ()), "")
