"""Where the texts at some pointers of a JSON document stand in its bytes.

The one thing a reader would get wrong: the document is read by a JSON parser first, which is fast, and then searched
for the texts that were found. Only where one of them occurs elsewhere too is it gone through token by token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from proxy.rules.json_pointer import Pointer, found

_HIDDEN = re.compile(rb"\\u00[0-7]")  # an ASCII character, written as its number
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]', re.DOTALL)


def strings(
    document: bytes, pointers: Sequence[Pointer], wanted: Callable[[str], bool] = lambda _text: True
) -> list[tuple[int, int]]:
    """Start and end, quotes included, of each text at one of `pointers` that is `wanted`; in their order.

    Raises `ValueError` for what is no JSON.
    """
    if not any(_named(document, pointer) for pointer in pointers):
        return []
    parsed = json.loads(document)
    texts = [text for pointer in pointers for text in found(parsed, pointer) if isinstance(text, str) and wanted(text)]
    if not texts:
        return []
    places = _plainly(document, texts)
    if places is None:
        places = [place for place in _by_token(document, pointers) if wanted(json.loads(document[slice(*place)]))]
    return places


def under(name: str) -> Callable[[bytes], list[tuple[int, int]]]:
    """Finds start and end, quotes included, of each text under a key of that name, at any depth.

    `*` in the name stands for any characters. One pass over the bytes: a quote inside of a text has a backslash before
    it, so what looks like a key is one. What you get raises `ValueError` for what is no JSON.
    """
    key = rb'[^"\\]*'.join(map(re.escape, name.encode().split(b"*")))
    field = re.compile(rb'(?<=[{,\s])"' + key + rb'"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)

    def spans(document: bytes) -> list[tuple[int, int]]:
        found = [match.span(1) for match in field.finditer(document)]
        if found:
            json.loads(document)
        return found

    return spans


def _plainly(document: bytes, texts: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where the texts stand, if they stand nowhere else and nothing is written in a way that hides one of them."""
    if not all(text.isascii() and text.isprintable() for text in texts) or _HIDDEN.search(document):
        return None
    places = []
    for text in set(texts):
        written = re.escape(json.dumps(text).encode()).replace(b"/", rb"\\?/")
        matches = [match.span() for match in re.finditer(rb"(?<!\\)" + written, document)]
        if len(matches) != texts.count(text):
            return None
        places += matches
    return sorted(places)


def _by_token(document: bytes, pointers: Sequence[Pointer]) -> list[tuple[int, int]]:
    reading = _Reading(pointers)
    for token in _TOKEN.finditer(document):
        reading.see(token)
    return reading.found


class _Reading:
    """Where in the document the tokens so far have led."""

    def __init__(self, pointers: Sequence[Pointer]) -> None:
        self.found: list[tuple[int, int]] = []
        self._pointers = pointers
        self._deepest = max(map(len, pointers))
        self._steps: list[str | int] = []  # a key, or a place in a list; "" until a map's first key came
        self._expects_key = False

    def see(self, token: re.Match[bytes]) -> None:
        """The next text, bracket or comma."""
        steps = self._steps
        kind = token[0][:1]
        if kind == b'"':
            self._text(token)
            return
        if kind in b"{[":
            steps.append("" if kind == b"{" else 0)
        elif kind in b"}]":
            steps.pop()
        elif steps:
            last = steps[-1]
            steps[-1] = last + 1 if isinstance(last, int) else ""
        self._expects_key = kind in b"{," and bool(steps) and isinstance(steps[-1], str)

    def _text(self, token: re.Match[bytes]) -> None:
        steps = self._steps
        if self._expects_key:
            steps[-1] = json.loads(token[0]) if len(steps) <= self._deepest else ""
            self._expects_key = False
        elif len(steps) <= self._deepest and any(_fits(steps, pointer) for pointer in self._pointers):
            self.found.append(token.span())


def _named(document: bytes, pointer: Pointer) -> bool:
    """False where the pointer's last name does not occur at all, which is told faster than a document is read."""
    last = next((step for step in reversed(pointer) if step != "*" and not step.isdecimal()), None)
    return last is None or b"\\u" in document or last.encode() in document


def _fits(steps: Sequence[str | int], pointer: Pointer) -> bool:
    if len(steps) != len(pointer):
        return False
    for step, wanted in zip(steps, pointer, strict=True):
        if isinstance(step, int):
            if wanted not in ("*", str(step)):
                return False
        elif step != wanted:
            return False
    return True
