"""Locators: where in a webhook request a value stands (`header:X-Sig`, `json:/event/id`, `param:t`…).

The one thing a reader would get wrong: a locator may find several values; what that means is the caller's to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from proxy.rules import json_pointer
from proxy.rules.incoming import Incoming, Pairs

KINDS = ("header", "json", "form", "query", "param", "claim")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Locator(NamedTuple):
    """`name`: lower case for headers. `pointer`: the steps into a JSON document; `*` is every element.

    `every`: it stands for a value in each element of a list, all of which count.
    """

    kind: str
    name: bytes
    pointer: tuple[str, ...] = ()
    every: bool = False

    @property
    def in_body(self) -> bool:
        """True if reading it means parsing the body."""
        return self.kind in ("json", "form")

    def find(self, incoming: Incoming) -> list[bytes]:
        """All values there, the empty ones too; none where the request has no such thing. Raises `TooManyPairs`."""
        return _FIND[self.kind](self, incoming)


def parse_locator(text: str) -> Locator:
    """Raises `ValueError` that says what is allowed."""
    kind, colon, name = text.partition(":")
    if kind not in KINDS or not colon:
        raise ValueError(f"{text!r} is no locator; allowed: " + ", ".join(f"{each}:…" for each in KINDS))
    if kind == "json":
        pointer = json_pointer.parse(name)
        return Locator(kind, b"", pointer, every="*" in pointer)
    if not name:
        raise ValueError(f"{text!r} names nothing behind {kind}:")
    if kind == "header":
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"{name!r} cannot be the name of a header")
        name = name.lower()
    return Locator(kind, name.encode())


def first(locators: tuple[Locator, ...], incoming: Incoming) -> bytes | None:
    """The value of the first locator that finds one, and only one, that is not empty."""
    for locator in locators:
        values = locator.find(incoming)
        if len(values) == 1 and values[0]:
            return values[0]
    return None


def _of_headers(locator: Locator, incoming: Incoming) -> list[bytes]:
    return incoming.lines(locator.name)


def _of_json(locator: Locator, incoming: Incoming) -> list[bytes]:
    document = incoming.document()
    if locator.every:
        return _in_each(document, locator.pointer)
    for step in locator.pointer:
        document = json_pointer.member(document, step)
    text = _text(document)
    return [] if text is None else [text]


def _in_each(document: object, pointer: json_pointer.Pointer) -> list[bytes]:
    found = [document]
    for step in pointer:
        if step == "*":
            found = [element for value in found for element in (value if isinstance(value, list) else [None])]
        else:
            found = [json_pointer.member(value, step) for value in found]
    return [_text(value) or b"" for value in found]  # an element without a value must not go unseen


def _text(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return (b"true" if value else b"false") if isinstance(value, bool) else None


def _of_form(locator: Locator, incoming: Incoming) -> list[bytes]:
    return _named(incoming.form(), locator)


def _of_query(locator: Locator, incoming: Incoming) -> list[bytes]:
    return _named(incoming.query_pairs(), locator)


def _of_params(locator: Locator, incoming: Incoming) -> list[bytes]:
    return _named(incoming.params, locator)


def _of_claims(locator: Locator, incoming: Incoming) -> list[bytes]:
    value = _text(incoming.claims.get(locator.name.decode()))
    return [] if value is None else [value]


def _named(pairs: Pairs, locator: Locator) -> list[bytes]:
    return pairs.get(locator.name, [])


_FIND: dict[str, Callable[[Locator, Incoming], list[bytes]]] = {
    "header": _of_headers,
    "json": _of_json,
    "form": _of_form,
    "query": _of_query,
    "param": _of_params,
    "claim": _of_claims,
}
