"""Fills the frozen dataclasses that rules define with what a tree says, by the types of their fields.

One place for all types, so that every setting is read, refused and traced in the same way. The one thing a reader
would get wrong: pydantic is not used. Building its schemas took more time and memory than the rest of the start.
"""

from __future__ import annotations

import dataclasses
import functools
import keyword
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar

from proxy.config.complaints import Complaints, near
from proxy.config.ranges import limits
from proxy.config.tree import Node, entries, items, plain, resolved, text
from proxy.units import Spelling

T = TypeVar("T")
_OFF = frozenset({"off", "none"})
_SWITCH = {"on": True, "off": False}
_WORDS_FOR_NONE = frozenset({"retry.idempotency.header"})  # texts that may be `none`


class Field(NamedTuple):
    """A field of a dataclass: its type, and whether it must be given."""

    hint: Any
    required: bool


Shape = Mapping[str, Field]


@functools.cache
def shape(kind: type) -> Shape:
    """The fields of a dataclass by their keys, types resolved."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        field.name.removesuffix("_"): Field(
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }


def attribute(key: str) -> str:
    """The name of the field behind a key: `from_` for `from`, which is a word of Python."""
    return f"{key}_" if keyword.iskeyword(key) else key


class Wrong(Exception):
    """A value that is not of its type."""

    def __init__(self, allowed: str, *, given: str | None = None, meant: str = "") -> None:
        super().__init__(allowed)
        self.allowed, self.given, self.meant = allowed, given, meant


class _Bad:
    """Stands for a value that was complained about."""


BAD: Final = _Bad()


class Filling:
    """Reads trees into settings. `where`: dotted key -> origin, `written`: dotted key -> text with its variables."""

    def __init__(self, complaints: Complaints) -> None:
        self.complaints = complaints
        self.where: dict[str, str] = {}
        self.written: dict[str, str] = {}

    def settings(self, kind: type[T], node: Node, at: str) -> T | None:
        """An instance of the dataclass `kind`; None when something was wrong with it. `at`: the dotted key in force."""
        value = self.value(kind, node, at)
        return value if isinstance(value, kind) else None

    def fields(self, fields: Shape, node: Node, at: str) -> dict[str, Any] | None:
        """The values of a map by its fields, those apart that are wrong; None when there is no map."""
        content = {} if node.empty else node.content
        if not isinstance(content, dict):
            self.complaints.add(node, f"a map of {', '.join(sorted(fields))}")
            return None
        found = {}
        for key, entry in content.items():
            if key in fields:
                found[key] = self.value(fields[key].hint, entry, f"{at}.{key}" if at else key)
            else:
                self.complaints.unknown(entry, fields, nested=_nested(fields))
        for key, field in fields.items():
            if field.required and key not in content:
                self.complaints.add(node, f"a map with {key}", given=f"no {key}")
                found[key] = BAD
        return found

    def value(self, hint: Any, node: Node, at: str) -> Any:
        """What `node` says as the type `hint`, or BAD, which was then complained about."""
        if node.broken:
            return BAD
        try:
            value = self._read(hint, node, at)
        except Wrong as wrong:
            self.complaints.add(node, wrong.allowed, given=wrong.given, meant=wrong.meant)
            return BAD
        if hint is object or not isinstance(node.content, dict):
            self._trace(node, at)
        return value

    def _trace(self, node: Node, at: str) -> None:
        self.where[at] = node.origin
        if isinstance(node.content, dict | list) and _has_variables(node):
            self.written[at] = "a document with variables in it"
        if node.written is not None:
            self.written[at] = node.written

    def _read(self, hint: Any, node: Node, at: str) -> Any:
        if hint in (Node, object):
            return node if hint is Node else plain(node)
        origin = typing.get_origin(hint)
        if origin in (types.UnionType, typing.Union):
            return self._either(typing.get_args(hint), node, at)
        if dataclasses.is_dataclass(hint):
            return self._instance(hint, node, at)  # type: ignore[arg-type]  # a class here, never an instance
        if origin in (tuple, frozenset):
            return self._several(origin, typing.get_args(hint)[0], node, at)
        if origin is Mapping:
            return self._mapping(typing.get_args(hint)[1], node, at)
        return _leaf(hint, node, at)

    def _either(self, hints: tuple[Any, ...], node: Node, at: str) -> Any:
        if Node in hints:
            return node
        wanted = [hint for hint in hints if hint is not type(None)]
        if len(wanted) < len(hints) and _says_none(wanted, node, at):
            return None
        if len(wanted) == 1 and not (dataclasses.is_dataclass(wanted[0]) and text(node)):
            return self._read(wanted[0], node, at)
        if len(wanted) == 1:
            raise Wrong(f"off, or a map of {', '.join(sorted(shape(wanted[0])))}")
        if isinstance(node.content, str):
            if str in wanted:
                return _leaf(str, node, at)
            raise Wrong("a map")
        maps = [hint for hint in wanted if hint is not str]
        kind = maps[0] if len(maps) == 1 else self._tagged(maps, node)
        return BAD if kind is None else self._read(kind, node, at)

    def _tagged(self, kinds: list[Any], node: Node) -> Any:
        tags = {typing.get_args(shape(kind)["type"].hint)[0]: kind for kind in kinds}
        tag = entries(node).get("type")
        if tag is None:
            raise Wrong(f"a map with type, one of {', '.join(tags)}", given="no type")
        name = tag.content if isinstance(tag.content, str) else ""
        if name not in tags:
            self.complaints.add(tag, ", ".join(tags), meant=near(name, tags))
        return tags.get(name)

    def _instance(self, kind: type, node: Node, at: str) -> Any:
        found = self.fields(shape(kind), node, at)
        if found is None or any(value is BAD for value in found.values()):
            return BAD
        return kind(**{attribute(key): value for key, value in found.items()})

    def _several(self, kind: type, hint: Any, node: Node, at: str) -> Any:
        if not isinstance(node.content, list):
            raise Wrong("a list")
        found = [self.value(hint, one, f"{at}[{place}]") for place, one in enumerate(node.content)]
        return BAD if any(value is BAD for value in found) else kind(found)

    def _mapping(self, hint: Any, node: Node, at: str) -> Any:
        content = {} if node.empty else node.content
        if not isinstance(content, dict):
            raise Wrong("a map")
        found = {key: self.value(hint, one, f"{at}.{key}") for key, one in content.items()}
        return BAD if any(value is BAD for value in found.values()) else found


def _has_variables(node: Node) -> bool:
    inner = [*entries(node).values(), *items(node)]
    return node.written is not None or any(map(_has_variables, inner))


def _says_none(wanted: list[Any], node: Node, at: str) -> bool:
    if not isinstance(node.content, str):
        return False
    if node.empty:  # of a group of settings only one that needs to be told something can be meant to be absent
        return any(_needs(kind) for kind in wanted)
    words = str not in wanted or at.endswith(tuple(_WORDS_FOR_NONE))
    return words and (node.content in _OFF or resolved(node) is False)


def _needs(hint: Any) -> bool:
    return not dataclasses.is_dataclass(hint) or any(field.required for field in shape(hint).values())  # type: ignore[arg-type]  # a class


def _nested(fields: Shape) -> list[str]:
    return [f"{key}.{inner}" for key, field in fields.items() for kind in _classes(field.hint) for inner in shape(kind)]


def _classes(hint: Any) -> list[type]:
    return [one for one in (hint, *typing.get_args(hint)) if isinstance(one, type) and dataclasses.is_dataclass(one)]


def _leaf(hint: Any, node: Node, at: str) -> Any:
    read, words = _LEAVES.get(hint) or _marked(hint)
    try:
        value = read(node)
    except (TypeError, ValueError):
        raise Wrong(words + _bounds(at), meant=_meant(hint, node)) from None
    least, most = limits(at)
    if isinstance(value, int | float) and not least <= value <= most:
        raise Wrong(words + (_bounds(at) or ", at least 0"))
    return value


def _marked(hint: Any) -> tuple[Callable[[Node], Any], str]:
    """How to read an annotated number, or one word of several."""
    if typing.get_origin(hint) is Literal:
        words = {str(word): word for word in typing.get_args(hint)}
        return lambda node: _one_of(words, node), ", ".join(words)
    spelling = next(mark for mark in hint.__metadata__ if isinstance(mark, Spelling))
    return lambda node: spelling.parse(resolved(node)), spelling.allowed


def _one_of(words: dict[str, Any], node: Node) -> Any:
    if "off" in words and resolved(node) is False:  # a switch may be written `false`
        return words["off"]
    if not isinstance(node.content, str) or node.content not in words:
        raise ValueError
    return words[node.content]


def _meant(hint: Any, node: Node) -> str:
    words = [str(word) for word in typing.get_args(hint)] if typing.get_origin(hint) is Literal else []
    return near(node.content, words) if isinstance(node.content, str) else ""


def _text(node: Node) -> str:  # a number without quotes is text too where text is due
    if not isinstance(node.content, str) or (node.empty and node.written is None):
        raise ValueError
    return node.content


def _switch(node: Node) -> bool:
    value = resolved(node)
    value = _SWITCH.get(value) if isinstance(value, str) and node.plain else value
    if not isinstance(value, bool):
        raise ValueError
    return value


def _whole(node: Node) -> int:
    value = resolved(node)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError
    return value


def _number(node: Node) -> float:
    value = resolved(node)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError
    return float(value)


_LEAVES: dict[Any, tuple[Callable[[Node], Any], str]] = {
    str: (_text, "text"),
    bool: (_switch, "true or false (or on, off)"),
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
}


def _bounds(at: str) -> str:
    least, most = limits(at)
    if most != math.inf:
        return f", from {least:g} to {most:g}"
    return f", at least {least:g}" if least > 0 else ""
