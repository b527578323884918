"""A webhook request as it came, and the few ways to look into it that verifying needs.

Nothing is parsed before it is asked for: who asks before the signature was checked parses what a stranger sent.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from proxy.model import Headers

MOST_PAIRS = 1000  # of a form or a query; no provider sends a tenth of it

Pairs = Mapping[bytes, list[bytes]]


class DuplicateName(ValueError):
    """A JSON object has a name twice: two readers could see two values."""


class TooManyPairs(ValueError):
    """A form or a query has more than `MOST_PAIRS` pairs."""


class Incoming:
    """Method, raw target, fields and raw body of one webhook request."""

    __slots__ = (
        "_document",
        "_lines",
        "_parsed",
        "_unambiguous",
        "body",
        "claims",
        "headers",
        "method",
        "params",
        "path",
        "query",
    )

    def __init__(self, method: str, target: bytes, headers: Headers, body: bytes) -> None:
        self.method = method
        self.path, mark, query = target.partition(b"?")
        self.query = query if mark else None  # None: not even a question mark
        self.headers = headers
        self.body = body
        self.params: Pairs = {}  # of the signature's value, where a scheme splits it
        self.claims: Mapping[str, object] = {}  # of the token, where the signature is one
        self._lines: dict[bytes, list[bytes]] = {}  # of the names that were asked for
        self._document: object = None
        self._parsed = self._unambiguous = False

    def lines(self, name: bytes) -> list[bytes]:
        """The values of every line with that lower-case name, without the blanks around them."""
        found = self._lines.get(name)
        if found is None:
            found, size = [], len(name)
            for written, value in self.headers:  # most names differ in length, and are not made lower case
                if len(written) == size and written.lower() == name:
                    found.append(value.strip(b" \t"))
            self._lines[name] = found
        return found

    def document(self) -> object:
        """The body as JSON, None if it is none. Numbers stay the text that came; of a doubled name the last counts."""
        if not self._parsed:
            self._document, self._parsed = _json(self.body, _LENIENT), True
        return self._document

    def unambiguous_document(self) -> object:
        """The same, but raises `DuplicateName` where an object has a name twice."""
        if not self._unambiguous:
            self._document = unambiguous_json(self.body)
            self._parsed = self._unambiguous = True
        return self._document

    def form(self) -> Pairs:
        """The body's decoded pairs, by name. Raises `TooManyPairs`."""
        return by_name(pairs(self.body))

    def query_pairs(self) -> Pairs:
        """The query's decoded pairs, by name. Raises `TooManyPairs`."""
        return by_name(pairs(self.query or b""))


def pairs(encoded: bytes) -> list[tuple[bytes, bytes]]:
    """The decoded pairs of `application/x-www-form-urlencoded`, in order, blanks kept. Raises `TooManyPairs`."""
    if encoded.count(b"&") >= MOST_PAIRS:
        raise TooManyPairs(f"more than {MOST_PAIRS} pairs")
    found = []
    for piece in encoded.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            found.append((_decoded(name), _decoded(value)))
    return found


def by_name(found: list[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """The same pairs as the values of each name, in order."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in found:
        values.setdefault(name, []).append(value)
    return values


def unambiguous_json(text: bytes) -> object:
    """What the text says, numbers as they are written; None if it is no JSON. Raises `DuplicateName`."""
    return _json(text, _STRICT)


def _decoded(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text


def _unique(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) < len(members):
        raise DuplicateName("a name twice in one JSON object")
    return found


_BLANKS = " \t\n\r"  # around a JSON text; RFC 8259, 2
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)  # no huge numbers are ever computed
_STRICT = json.JSONDecoder(parse_int=str, parse_float=str, object_pairs_hook=_unique)


def _json(body: bytes, decoder: json.JSONDecoder) -> object:
    value: object
    try:
        text = body.removeprefix(BOM_UTF8).decode().strip(_BLANKS)
        value, end = decoder.raw_decode(text)
    except DuplicateName:
        raise
    except (ValueError, RecursionError):
        return None
    return value if end == len(text) else None
