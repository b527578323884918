"""A configuration file as a tree that still knows its lines: nodes, laying one tree over another, plain data.

The one thing a reader would get wrong: a scalar stays text until somebody says what type is due. `resolved` reads it
by the core schema of YAML 1.2, where `on`, `yes` and `1:30` are words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

Plain = str | int | float | bool | list["Plain"] | dict[str, "Plain"] | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCHES = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,30}")
_BASED = re.compile(r"0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?")
_ODD = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# A value at these places may be a credential that somebody wrote where only its name belongs.
_PRIVATE = re.compile(
    r"^(?:admin|callers|inbox\.url|state\.url)(?:[.\[]|$)"
    r"|(?:^|\.)(?:secrets?|secrets_key|auth|inject|headers|token|username|password)(?:[.\[]|$)"
)
_SHOWN = 60


class Source(NamedTuple):
    """Where a tree came from: `file` as complaints name it, `label` as origins do; a preset's label has no lines."""

    file: str
    label: str
    preset: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file. `line` is that of its key; `key` is dotted, as complaints name it."""

    content: str | list[Node] | dict[str, Node]
    key: str
    source: Source
    line: int
    plain: bool = True  # a scalar without quotes, which may be a number, a switch or nothing
    written: str | None = None  # what the file says, where variables were filled in
    broken: bool = False  # complained about already: nobody looks further

    @property
    def origin(self) -> str:
        """`config.yaml:12` or `preset stripe`."""
        return self.source.label if self.source.preset else f"{self.source.label}:{self.line}"

    @property
    def empty(self) -> bool:
        """Nothing stands behind the key."""
        return self.plain and isinstance(self.content, str) and self.content in _NULLS


def entries(node: Node | None) -> Mapping[str, Node]:
    """The keys of a map; none for everything else."""
    return node.content if node is not None and isinstance(node.content, dict) else {}


def items(node: Node | None) -> list[Node]:
    """The elements of a list; none for everything else."""
    return node.content if node is not None and isinstance(node.content, list) else []


def text(node: Node | None) -> str | None:
    """A scalar's characters; None for everything else."""
    return node.content if node is not None and isinstance(node.content, str) and not node.empty else None


def resolved(node: Node) -> str | int | float | bool | None:
    """What a scalar says by YAML 1.2; text in quotes stays text."""
    content = node.content
    if not isinstance(content, str):
        raise TypeError(node.key)
    if not node.plain:
        return content
    if content in _NULLS:
        return None
    if content in _SWITCHES:
        return _SWITCHES[content]
    return _number(content)


def _number(content: str) -> str | int | float:
    if _INT.fullmatch(content):
        return int(content)
    if _BASED.fullmatch(content):
        return int(content, 0)
    if _FLOAT.fullmatch(content):
        return float(content)
    return float(content.replace(".", "")) if _ODD.fullmatch(content) else content


def plain(node: Node) -> Plain:
    """The tree as maps, lists, texts, numbers, switches and None."""
    if isinstance(node.content, dict):
        return {key: plain(value) for key, value in node.content.items()}
    if isinstance(node.content, list):
        return [plain(value) for value in node.content]
    return resolved(node)


def shown(node: Node, *, public: bool = False) -> str:
    """What people are told that they gave: the file's own text, never a variable's value, never a credential.

    `public`: no credential belongs here, though the key looks like it.
    """
    if isinstance(node.content, dict):
        return "a map"
    if isinstance(node.content, list):
        return "a list"
    if node.empty:
        return "nothing"
    if private(node.key) and not public:
        return "text that is not shown"
    words = node.content if node.written is None else node.written
    words = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
    return words if node.plain and words.isprintable() else repr(words)


def private(key: str) -> bool:
    """Whether what stands at `key` might be a credential by mistake."""
    return _PRIVATE.search(key) is not None and not key.endswith((".type", ".scheme"))


def laid_over(under: Node | None, over: Node) -> Node:
    """`over` on top of `under`: maps key by key, all else replaced; a map with nothing in it changes nothing."""
    if under is not None and isinstance(under.content, dict) and over.empty:
        return under
    if under is None or not isinstance(under.content, dict) or not isinstance(over.content, dict):
        return over
    merged = dict(under.content)
    for key, value in over.content.items():
        merged[key] = laid_over(merged.get(key), value)
    return replace(over, content=merged)


def without(node: Node, *keys: str) -> Node:
    """A map less some of its keys."""
    return replace(node, content={key: value for key, value in entries(node).items() if key not in keys})


def with_entry(node: Node, key: str, value: Node) -> Node:
    """A map with one more key, or another value behind it."""
    return replace(node, content={**entries(node), key: value})


def nearest(node: Node, *path: str) -> Node:
    """The node at the end of `path`, or the last one on the way to it that is there."""
    for key in path:
        found = entries(node).get(key)
        if found is None:
            break
        node = found
    return node


def deep(node: Node | None, *path: str) -> Node | None:
    """The node at the end of `path`, None where there is none."""
    for key in path:
        node = entries(node).get(key)
    return node


def put(node: Node, value: Node | None, *path: str) -> Node:
    """The tree with `value` at the end of `path`; None takes off what is there."""
    key, *rest = path
    if not rest:
        return without(node, key) if value is None else with_entry(node, key, value)
    inner = entries(node).get(key)
    if inner is None and value is None:
        return node
    return with_entry(node, key, put(inner or replace(node, content={}, key=key), value, *rest))
