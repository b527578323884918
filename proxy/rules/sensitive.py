"""Places in bodies and queries that are hidden for what they are called, or for looking like a card number.

Texts are read as they are, not parsed and written again: what is not hidden keeps every byte, and a body that breaks
off in the middle is read as far as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from proxy.rules import json_pointer
from proxy.rules.disguises import Span, redacted

FIELDS = (  # with or without `_` and `-`, in any case
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "client_secret",
    "secret",
    "password",
    "passwd",
    "pwd",
    "api_key",
    "key",
    "sig",
    "signature",
    "code",
    "assertion",
    "x-amz-signature",
    "x-amz-credential",
    "cvc",
    "cvv",
    "number",
    "pin",
    "ssn",
)
HEADERS = frozenset(
    b"authorization proxy-authorization cookie set-cookie x-api-key api-key apikey x-auth-token x-csrf-token "
    b"x-amz-security-token stripe-signature".split()
)
HEADER_PREFIX = b"x-hub-signature"

_PLAIN = {name.replace("_", "").replace("-", ""): name for name in FIELDS}
_NAMES = "|".join(name.replace("_", "[_-]?").replace("-", "[_-]?") for name in FIELDS).encode()
_HINT = re.compile(
    rb'(?i)"(?:' + _NAMES + rb')"'
)  # without it, and without `\\u`, no field of a JSON text is hidden by name
_ELEMENT = re.compile(
    rb"(?i)<(?:[\w.-]+:)?(" + _NAMES + rb")(?:\s[^<>]*)?>((?:[^<]|<!\[CDATA\[.*?(?:\]\]>|\Z))+)(?:</|\Z)", re.DOTALL
)
_PART = re.compile(rb'(?i)name="([^"\r\n]*)"[^\r\n]*\r\n(?:[^\r\n]+\r\n){0,8}\r\n(.*?)(?=\r\n--|\Z)', re.DOTALL)
_PAIR = re.compile(rb"(?<![^&?])([^=&]*)=([^&]*)")
_PAIR_OF_URL = re.compile(rb"[?&]([^=&?;\s]+)=([^&#;,\s<>\"]*)")
_FORM = re.compile(rb"\s*[\w.%\[\]+-]+=")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_DIGITS = re.compile(rb"[0-9](?:[ -]?[0-9]){12,}")
_VALUE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes(sum(divmod(2 * digit, 10)) for digit in range(10)))
_GROUP = re.compile(rb"[0-9]+")
_UUID = re.compile(rb"(?i)(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Marks:
    """What one upstream hides beside the names above; header and form names are lower-case."""

    headers: frozenset[bytes] = frozenset()
    forms: frozenset[str] = frozenset()
    pointers: tuple[tuple[str, ...], ...] = ()  # JSON pointers by segment; `*` is any


def marks(entries: tuple[str, ...], injected: tuple[str, ...] = ()) -> Marks:
    """`entries`: the setting `debug.redact`. `injected`: names of header fields and query fields that are put in."""
    headers = [name for name in entries if not name.startswith(("/", "form:"))]
    return Marks(
        frozenset(name.lower().replace("_", "-").encode() for name in (*headers, *injected)),
        frozenset(name.removeprefix("form:").lower() for name in (*entries, *injected) if not name.startswith("/")),
        tuple(json_pointer.parse(name) for name in entries if name.startswith("/")),
    )


def hides_header(name: bytes, own: Marks) -> bool:
    """True where the whole value of this header field is hidden."""
    plain = name.lower().replace(b"_", b"-")
    return plain in HEADERS or plain in own.headers or plain.startswith(HEADER_PREFIX)


def fields_of_body(text: bytes, content_type: bytes, own: Marks) -> Iterator[Span]:
    """The hidden fields of a body. `content_type` is only half believed: what looks like JSON is read as JSON."""
    start = text[:200].lstrip()[:1]
    if b"multipart/" in content_type:
        yield from _parts(text, own)
    elif start == b"<" or b"xml" in content_type:
        yield from _elements(text)
    elif start not in {b"{", b"["} and (b"form" in content_type or _FORM.match(text)):
        yield from fields_of_query(text, own)
    if _worth_reading(text, own):
        yield from _Walk(own).spans(text)


def fields_of_query(text: bytes, own: Marks, start: int = 0) -> Iterator[Span]:
    """The hidden values of `name=value&…` from `start` on: a form, or what stands behind a target's question mark."""
    return _pairs(_PAIR.finditer(text, start), own)


def fields_of_urls(text: bytes, own: Marks) -> Iterator[Span]:
    """The hidden values in the queries of URLs anywhere in a header's value."""
    return _pairs(_PAIR_OF_URL.finditer(text), own)


def _pairs(found_pairs: Iterator[re.Match[bytes]], own: Marks) -> Iterator[Span]:
    for found in found_pairs:
        if name := _hidden_name(_unescaped(found[1]), own):
            yield Span(found.start(2), found.end(2), redacted(name))


def cards(text: bytes) -> Iterator[Span]:
    """Runs of 13 to 19 digits, with single blanks or dashes between them, that pass the check of card numbers."""
    for run in _DIGITS.finditer(text):
        groups = [found.span() for found in _GROUP.finditer(text, *run.span())]
        digits = b"".join([text[start:end] for start, end in groups])
        before = 0  # digits in front of the group
        for first, (start, end) in enumerate(groups):
            yield from _cards_from(text, groups[first : first + 19], digits[before : before + 20])
            before += end - start


def _cards_from(text: bytes, groups: list[tuple[int, int]], digits: bytes) -> Iterator[Span]:
    """Those that begin with the first of these groups. `digits`: from there on, one more than a number can have."""
    begin, length = groups[0][0], 0
    for start, end in groups:
        length += end - start
        if length > 19:
            return
        if length > 12 and _luhn(digits[:length]) and not _in_uuid(text, begin, end):
            yield Span(begin, end, redacted("card"))


def _luhn(digits: bytes) -> bool:
    total = sum(digits[-1::-2].translate(_VALUE)) + sum(digits[-2::-2].translate(_DOUBLED))
    return total % 10 == 0


def _in_uuid(text: bytes, start: int, end: int) -> bool:
    if text.find(b"-", max(0, start - 36), end + 36) < 0:
        return False
    around = _UUID.finditer(text, max(0, start - 36), end + 36)
    return any(found.start() <= start and end <= found.end() for found in around)


def _hidden_name(name: str, own: Marks) -> str | None:
    """How the field is called in the list that hides it, None if none does; `card[number]` counts as `number` too."""
    lowered = name.lower()
    if lowered in own.forms:
        return lowered
    last = lowered.rstrip("]").rpartition("[")[2]
    return _PLAIN.get(last.replace("_", "").replace("-", ""))


def _unescaped(name: bytes) -> str:
    return unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace")


def _parts(text: bytes, own: Marks) -> Iterator[Span]:
    for found in _PART.finditer(text):
        if name := _hidden_name(found[1].decode("utf-8", "replace"), own):
            yield Span(found.start(2), found.end(2), redacted(name))


def _elements(text: bytes) -> Iterator[Span]:
    for found in _ELEMENT.finditer(text):
        if found[2].strip():
            yield Span(found.start(2), found.end(2), redacted(found[1].decode().lower()))


def _worth_reading(text: bytes, own: Marks) -> bool:
    last = (segments[-1] for segments in own.pointers)
    return (
        b"\\u" in text
        or _HINT.search(text) is not None
        or any(name == "*" or name.isdigit() or name.encode() in text for name in last)
    )


class _Walk:
    """Goes through the tokens of JSON, or of what is left of it, and notes the values to hide."""

    def __init__(self, own: Marks) -> None:
        self._own = own
        self._spans: list[Span] = []
        self._path: list[str] = []  # key or index in each open object or array
        self._objects: list[bool] = []
        self._key_next = False
        self._hiding: tuple[int, int, str] | None = None  # depth and start of the value that is being hidden, its name

    def spans(self, text: bytes) -> list[Span]:
        """The places to hide, in order. A value that does not end is hidden up to the end of the text."""
        for found in _TOKEN.finditer(text):
            self._token(found[0], found.start(), found.end())
        if self._hiding is not None:
            self._end(len(text), self._hiding[0])
        return self._spans

    def _token(self, token: bytes, start: int, end: int) -> None:
        if token in {b"{", b"["}:
            self._begin(start)
            self._path.append("" if token == b"{" else "0")
            self._objects.append(token == b"{")
            self._key_next = token == b"{"
        elif token in {b"}", b"]"}:
            self._close(end)
        elif token == b",":
            self._comma()
        elif token == b":":
            self._key_next = False
        elif self._key_next:
            self._path[-1] = _spelled(token)
        else:
            self._begin(start)
            self._end(end, len(self._path))

    def _close(self, end: int) -> None:
        if self._path:
            self._path.pop()
            self._objects.pop()
        self._key_next = False
        self._end(end, len(self._path))

    def _comma(self) -> None:
        self._key_next = bool(self._objects) and self._objects[-1]
        if self._objects and not self._objects[-1]:
            self._path[-1] = str(int(self._path[-1]) + 1)

    def _begin(self, start: int) -> None:
        if self._hiding is None and self._path and (name := self._name()):
            self._hiding = (len(self._path), start, name)

    def _end(self, end: int, depth: int) -> None:
        if self._hiding is not None and self._hiding[0] == depth:
            _, start, name = self._hiding
            self._hiding = None
            self._spans.append(Span(start, end, b'"%s"' % redacted(name)))

    def _name(self) -> str | None:
        for pointer in self._own.pointers:
            if len(pointer) == len(self._path) and all(
                want in {"*", have} for want, have in zip(pointer, self._path, strict=True)
            ):
                return pointer[-1]
        return _PLAIN.get(self._path[-1].lower().replace("_", "").replace("-", "")) if self._objects[-1] else None


def _spelled(token: bytes) -> str:
    try:
        return str(json.loads(token))
    except ValueError:  # not a string, or broken inside: its letters do
        return token.strip(b'"').decode("utf-8", "replace")
