"""Templates of signed messages: `v0:{timestamp}:{body}` -> byte pieces that a MAC is fed with one by one.

The body is one of the pieces, as it came: it is neither copied nor decoded.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from proxy.rules.incoming import Incoming
from proxy.rules.locators import KINDS, Locator, parse_locator

_PARTS = re.compile(r"(?P<double>\{\{|\}\})|\{(?P<name>[^{}]*)\}|(?P<text>[^{}]+)|(?P<stray>.)", re.DOTALL)


class Marks(NamedTuple):
    """What was read of the request before its message is put together."""

    timestamp: bytes = b""
    id: bytes = b""
    url: bytes = b""


_SOURCES: dict[str, Callable[[Incoming, Marks], bytes]] = {
    "body": lambda incoming, _: incoming.body,
    "timestamp": lambda _, marks: marks.timestamp,
    "id": lambda _, marks: marks.id,
    "url": lambda _, marks: marks.url,
    "method": lambda incoming, _: incoming.method.encode(),
    "path": lambda incoming, _: incoming.path,
    "query": lambda incoming, _: incoming.query or b"",
    "crc32": lambda incoming, _: b"%d" % zlib.crc32(incoming.body),
}


class Template:
    """`names`: the placeholders that occur, locators apart. `locators`: those, each of which must find one value."""

    __slots__ = ("_located", "_pieces", "_sources", "locators", "names")

    def __init__(self, pieces: tuple[bytes | str | Locator, ...]) -> None:
        self._pieces = [piece if isinstance(piece, bytes) else b"" for piece in pieces]
        places = list(enumerate(pieces))
        self._sources = [(place, _SOURCES[piece]) for place, piece in places if isinstance(piece, str)]
        self._located = [(place, piece) for place, piece in places if isinstance(piece, Locator)]
        self.names = frozenset(piece for piece in pieces if isinstance(piece, str))
        self.locators = tuple(piece for piece in pieces if isinstance(piece, Locator))

    def message(self, incoming: Incoming, marks: Marks, values: Mapping[Locator, bytes]) -> list[bytes]:
        """The signed bytes, in pieces. `values`: what the template's own locators found."""
        found = list(self._pieces)
        for place, source in self._sources:
            found[place] = source(incoming, marks)
        for place, locator in self._located:
            found[place] = values[locator]
        return found


def compile_template(text: str, options: Mapping[str, object]) -> Template:
    """Raises `ValueError` that names a placeholder which does not exist."""
    pieces: list[bytes | str | Locator] = []
    for part in _PARTS.finditer(text):
        if part["stray"]:
            raise ValueError(f"a single {part['stray']} in {text!r}; a brace is written {{{{ or }}}}")
        if part["name"] is None:
            pieces.append((part["text"] or part["double"][0]).encode())
        else:
            pieces.append(_placeholder(part["name"], options))
    return Template(tuple(pieces))


def _placeholder(name: str, options: Mapping[str, object]) -> bytes | str | Locator:
    if name in _SOURCES:
        return name
    kind, _, rest = name.partition(":")
    if kind == "option":
        value = options.get(rest)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{{{name}}} needs options: {{{rest}: …}}, a text: in quotes if it looks like a number")
        return value.encode()
    if kind in KINDS:
        locator = parse_locator(name)
        if locator.every:
            raise ValueError(f"{{{name}}} stands for many values; a template needs one")
        return locator
    known = ", ".join(f"{{{each}}}" for each in _SOURCES)
    raise ValueError(f"{{{name}}} is no placeholder; allowed: {known}, {{option:NAME}} and locators")
