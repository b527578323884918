"""Finds known values in bytes, whatever they are disguised as.

A text is read in several views: as it is, and with one or two layers of escapes undone. A hit in a view is carried back
to the bytes of the text, so all that is not part of a value stays as it was. Base64 and hex are looked for, not undone:
of a value inside base64 all characters but the outermost are known for each of the three alignments.
"""

from __future__ import annotations

import base64
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

SHORT = 8  # bytes; shorter values would be found in every other word
LAYERS = 2  # form data inside JSON, a URL inside a URL

Meaning = Callable[["re.Match[bytes]"], bytes]
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, and what is written in its place."""

    start: int
    end: int
    instead: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A value with its searched forms: as it is, inside base64 (the middle of it), in lower-case hex."""

    name: str
    value: bytes
    cores: tuple[bytes, ...]
    hexed: bytes | None

    @property
    def short(self) -> bool:
        return len(self.value) < SHORT


def known(name: str, value: bytes) -> Known:
    """The searched forms of `value`; forms too short to mean anything are left out."""
    cores = {core for offset in range(3) for core in _cores(value, offset) if len(core) > 5}
    return Known(name, value, tuple(sorted(cores)), value.hex().encode() if len(value) > 3 else None)


def _cores(value: bytes, offset: int) -> Iterator[bytes]:
    first, last = -(-offset * 8 // 6), (offset + len(value)) * 8 // 6  # characters that depend on `value` alone
    encoded = base64.b64encode(bytes(offset) + value)[first:last]
    yield encoded
    yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def redacted(name: str) -> bytes:
    """What stands in the place of something that must not be seen."""
    return b"[redacted %s]" % name.encode()


def find(text: bytes, values: Sequence[Known]) -> list[Span]:
    """Every place in `text` that holds one of `values` in any form."""
    spans: list[Span] = []
    for view in _views(text, spaces=any(b" " in one.value for one in values)):
        lowered = view.text.lower()
        for one in values:
            if _is_there(view.text, lowered, one):
                name = redacted(one.name)
                spans += (Span(*view.place(start, end), name) for start, end in _hits(view.text, lowered, one))
    return spans


def replace(text: bytes, spans: Iterable[Span], limit: int | None = None) -> bytes:
    """The first `limit` bytes of `text` with what stands at `spans` replaced; of overlapping ones the first tells.

    A span that reaches over `limit` is replaced as a whole: no half of it is left.
    """
    stop = len(text) if limit is None else limit
    pieces: list[bytes] = []
    at = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= stop:
            break
        if span.start >= at:
            pieces += (text[at : span.start], span.instead)
        at = max(at, span.end)
    pieces.append(text[at:stop])
    return b"".join(pieces)


def _is_there(text: bytes, lowered: bytes, one: Known) -> bool:
    if one.value in text or (one.hexed is not None and one.hexed in lowered):
        return True
    for core in one.cores:  # noqa: SIM110 - a generator would cost more than the search
        if core in text:
            return True
    return False


def _hits(text: bytes, lowered: bytes, one: Known) -> Iterator[tuple[int, int]]:
    for start in _all(text, one.value):
        yield start, start + len(one.value)
    if one.hexed is not None:
        for start in _all(lowered, one.hexed):
            yield start, start + len(one.hexed)
    for core in one.cores:
        for start in _all(text, core):
            yield _ragged(text, start, start + len(core))


def _all(text: bytes, wanted: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _ragged(text: bytes, start: int, end: int) -> tuple[int, int]:
    """With the characters at both ends that hold a few bits of the value, and the padding."""
    if start and text[start - 1] in _BASE64:
        start -= 1
    if end < len(text) and text[end] in _BASE64:
        end += 1
    while text[end : end + 1] == b"=":
        end += 1
    return start, end


class _View:
    """A text with some escapes undone, and the way back to the bytes that it came from."""

    __slots__ = ("_ends", "_escape", "_source", "_starts", "text")

    def __init__(self, text: bytes, source: _View | None = None, escape: _Escape | None = None) -> None:
        self.text = text
        self._source = source
        self._escape = escape
        self._starts: list[int] | None = None  # where in this text the undone escapes stand
        self._ends: list[tuple[int, int, int]] = []  # their end here; their start and end in the source

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where in the first text this part is written."""
        if self._source is None:
            return start, end
        return self._source.place(self._written(start)[0], self._written(end - 1)[1])

    def _written(self, at: int) -> tuple[int, int]:
        index = bisect_right(self._undone(), at) - 1
        if index < 0:
            return at, at + 1
        end_here, start, end = self._ends[index]
        if at < end_here:
            return start, end
        return end + at - end_here, end + at - end_here + 1

    def _undone(self) -> list[int]:
        if self._starts is None:
            assert self._source is not None and self._escape is not None  # noqa: S101, PT018 - views beside the first have both
            self._starts, moved = [], 0
            for found in self._escape.pattern.finditer(self._source.text):
                length = len(self._escape.meaning(found))
                self._starts.append(found.start() - moved)
                self._ends.append((found.start() - moved + length, found.start(), found.end()))
                moved += found.end() - found.start() - length
        return self._starts


@dataclass(frozen=True, slots=True)
class _Escape:
    sign: bytes  # no escape of this kind without it
    pattern: re.Pattern[bytes]
    meaning: Meaning


def _percent(found: re.Match[bytes]) -> bytes:
    return b" " if found[0] == b"+" else bytes.fromhex(found[0][1:].decode())


def _backslash(found: re.Match[bytes]) -> bytes:
    letter = found[0][1:2]
    if len(found[0]) == 2:
        return _LETTERS.get(letter, letter)
    if letter == b"x":
        return bytes.fromhex(found[0][2:].decode())
    units = b"".join(bytes.fromhex(part.decode()) for part in found[0].split(b"\\u")[1:])
    return units.decode("utf-16-be", "replace").encode()


def _entity(found: re.Match[bytes]) -> bytes:
    return html.unescape(found[0].decode()).encode("utf-8", "replace")


def _nothing(_: re.Match[bytes]) -> bytes:
    return b""


_UTF16 = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}"
_SPACE = _Escape(b"+", re.compile(rb"%[0-9a-fA-F]{2}|\+"), _percent)
_ESCAPES = (
    _Escape(b"%", re.compile(rb"%[0-9a-fA-F]{2}"), _percent),
    _Escape(b"\\", re.compile(_UTF16 + rb"|\\x[0-9a-fA-F]{2}|\\.", re.DOTALL), _backslash),
    _Escape(b"&", re.compile(rb"&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});"), _entity),
    _Escape(b"\0", re.compile(rb"\0"), _nothing),  # UTF-16
)


def _views(text: bytes, *, spaces: bool) -> Iterator[_View]:
    """`spaces`: some value has one, so a form's `+` matters."""
    escapes = (*_ESCAPES, _SPACE) if spaces else _ESCAPES
    seen, layer = {text}, [_View(text)]
    yield layer[0]
    for _ in range(LAYERS):
        inner = []
        for view in layer:
            for escape in escapes:
                if escape.sign not in view.text:
                    continue
                undone = escape.pattern.sub(escape.meaning, view.text)
                if undone not in seen:
                    seen.add(undone)
                    inner.append(_View(undone, view, escape))
        yield from inner
        layer = inner
