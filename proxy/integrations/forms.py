"""Form bodies and queries, with the bracket notation that nests maps and lists into names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

Pairs = tuple[tuple[str, str], ...]

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INDEX = re.compile(r"[0-9]{1,6}")
_DEEPEST = 16  # levels of brackets; a name with more is taken as it stands


def pairs(encoded: bytes) -> Pairs:
    """Names and values in their order, decoded; what is not UTF-8 becomes replacement characters."""
    return tuple(parse_qsl(encoded.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace"))


def nested(given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`card[number]=4` as `{"card": {"number": "4"}}`, `expand[]=a` and `expand[0]=a` as lists.

    Of equal names the last wins; of a name that is given a value and parts, the later.
    """
    tree: dict[str, Any] = {}
    for name, value in given:
        _put(tree, _steps(name), value)
    return {name: _listed(value) for name, value in tree.items()}


def _steps(name: str) -> list[str]:
    head, bracket, _ = name.partition("[")
    steps = _BRACKETS.findall(name)
    whole = head + "".join(f"[{step}]" for step in steps)
    if not bracket or not head or whole != name or len(steps) > _DEEPEST:
        return [name]
    return [head, *steps]


def _put(tree: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        inner = tree.get(step)
        if not isinstance(inner, dict):
            inner = tree[step] = {}
        tree = inner
    tree[steps[-1] or str(len(tree))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(item) for name, item in value.items()}
    if all(_INDEX.fullmatch(name) for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
