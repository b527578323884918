"""URLs in bodies: those fields that a preset names are pointed at the proxy, all else stays byte for byte.

The one thing a reader would get wrong: nothing is written out again. A changed value is cut out of the original bytes
and another put in its place, so that numbers, order, blanks and escapes survive.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.model import Headers, Request
from proxy.rules.headers import DIGESTS, Address, rewritten
from proxy.rules.json_pointer import Pointer, parse
from proxy.rules.json_spans import strings, under
from proxy.rules.scope import first_match
from proxy.rules.xml_spans import Element, attributes, elements, escaped, unescaped

LARGEST = 1 << 20  # bytes of a body that is looked at, compressed or not
_STALE = DIGESTS | {b"etag", b"content-length", b"content-encoding"}
_JSON = re.compile(rb"application/(?:[\w.+-]+\+)?json")
_XML = re.compile(rb"(?:application|text)/(?:[\w.+-]+\+)?xml")

Under = Callable[[bytes], list[tuple[int, int]]]
Span = tuple[int, int, bytes]  # start, end, what stands there from now on


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonField:
    """`pointer`: a JSON pointer, `*` for each item of a list; `/**/NAME`: keys of that name at any depth, `*` in it
    for any characters. `when`: `METHOD /path`, None for every call."""

    pointer: str
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlField:
    """`path`: local names from the root, `**/` in front for any depth, `@name` behind for an attribute.

    `any_host`: an address of another host too becomes the proxy's, with the path that was published.
    """

    path: str
    when: str | None = None
    any_host: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSettings:
    json: tuple[JsonField, ...] = ()
    xml: tuple[XmlField, ...] = ()


class _Xml(NamedTuple):
    names: tuple[str, ...]
    attribute: str
    anywhere: bool
    any_host: bool


Wanted = Callable[[Request], bool]


class Rewriting:
    """A preset's fields, compiled. Raises `ValueError` for a pointer or path that is none."""

    def __init__(self, settings: RewriteSettings) -> None:
        self._json = [(_when(one.when), _texts(one.pointer)) for one in settings.json]
        self._xml = [(_when(one.when), _path(one)) for one in settings.xml]

    def editor(self, request: Request, headers: Headers) -> Editor | None:
        """What would change the answer's body; None where nothing of this answer is named."""
        kind = b""
        for name, value in headers:
            if name.lower() == b"content-type":
                kind = value.partition(b";")[0].strip().lower()
            elif name.lower() == b"content-range":
                return None
        if self._json and _JSON.fullmatch(kind):
            fields = [field for wanted, field in self._json if wanted(request)]
            return (lambda body, addresses: _json_spans(body, fields, addresses)) if fields else None
        if self._xml and _XML.fullmatch(kind):
            paths = [path for wanted, path in self._xml if wanted(request)]
            return (lambda body, addresses: _xml_spans(body, paths, addresses)) if paths else None
        return None


Editor = Callable[[bytes, Sequence[Address]], list[Span]]


def published(body: bytes, settings: RewriteSettings) -> list[str]:
    """The addresses that a document holds in fields where any host is taken over; nothing where it is no document."""
    paths = [_path(one) for one in settings.xml if one.any_host]
    try:
        spans = [span for element in elements(body) for path in paths if (span := _place(body, element, path))]
        return [unescaped(body[start:end]).decode() for start, end in spans]
    except ValueError:
        return []


def edited(body: bytes, headers: Headers, editor: Editor, addresses: Sequence[Address]) -> tuple[bytes, Headers] | None:
    """The body with its URLs changed and the headers that go with it; None where nothing changes.

    gzip is undone; a body in another coding, or one that is no document, is left alone.
    """
    coding = b",".join(value.strip().lower() for name, value in headers if name.lower() == b"content-encoding")
    plain = body if coding in (b"", b"identity") else _unzipped(body) if coding in (b"gzip", b"x-gzip") else None
    if plain is None:
        return None
    try:
        spans = editor(plain, addresses)
    except (ValueError, RecursionError):
        return None
    if not spans:
        return None
    return spliced(plain, spans), tuple(field for field in headers if field[0].lower() not in _STALE or _holds(field))


def _holds(field: tuple[bytes, bytes]) -> bool:
    """A weak ETag names all bodies that mean the same (RFC 9110, 8.8.1), ours too: asking with it still gives 304."""
    return field[0].lower() == b"etag" and field[1].startswith(b"W/")


def spliced(body: bytes, spans: Iterable[Span]) -> bytes:
    """The body with each span replaced."""
    pieces, place = [], 0
    for start, end, new in sorted(spans):
        if start >= place:
            pieces += [body[place:start], new]
            place = end
    return b"".join([*pieces, body[place:]])


def _when(entry: str | None) -> Wanted:
    if entry is None:
        return lambda _request: True
    find, said = first_match([entry]), entry.encode()
    return lambda request: find(request.method, request.place) == said


def _path(field: XmlField) -> _Xml:
    path, _, attribute = field.path.partition("@")
    anywhere = path.startswith("**/")
    names = tuple(path.removeprefix("**/").split("/"))
    if not all(names):
        raise ValueError(f"{field.path!r} is no path of element names")
    return _Xml(names, attribute, anywhere, field.any_host)


def _unzipped(body: bytes) -> bytes | None:
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = reader.decompress(body, LARGEST + 1)
    except zlib.error:
        return None
    return plain if reader.eof and not reader.unused_data and len(plain) <= LARGEST else None


def _texts(pointer: str) -> Pointer | Under:
    if not pointer.startswith("/**/"):
        return parse(pointer)
    name = pointer.removeprefix("/**/")
    if not name.strip("*") or "/" in name:
        raise ValueError(f"{pointer!r} names no key")
    return under(name)


def _json_spans(body: bytes, fields: Sequence[Pointer | Under], addresses: Sequence[Address]) -> list[Span]:
    pointers = [field for field in fields if isinstance(field, tuple)]
    places = {place for field in fields if not isinstance(field, tuple) for place in field(body)}
    if pointers:
        places.update(strings(body, pointers, lambda text: _moved(_bytes(text), addresses) is not None))
    spans = []
    for start, end in sorted(places):
        token = body[start:end]
        after = _moved(_bytes(json.loads(token)), addresses)
        if after is not None:
            text = json.dumps(after.decode("utf-8", "surrogatepass"))
            spans.append((start, end, (text.replace("/", "\\/") if b"\\/" in token else text).encode()))
    return spans


def _xml_spans(body: bytes, paths: Sequence[_Xml], addresses: Sequence[Address]) -> list[Span]:
    spans = []
    for element in elements(body):
        for path in paths:
            span = _place(body, element, path)
            if span is None:
                continue
            value = unescaped(body[span[0] : span[1]])
            after = _moved(value, addresses)
            if after is None and path.any_host:
                after = _taken_over(value, addresses)
            if after is not None:
                spans.append((*span, escaped(after)))
                break
    return spans


def _place(body: bytes, element: Element, path: _Xml) -> tuple[int, int] | None:
    names = element.path[-len(path.names) :] if path.anywhere else element.path
    if names != path.names:
        return None
    if path.attribute:
        return attributes(body, element).get(path.attribute)
    if not element.leaf or element.collapsed:
        return None
    content = body[element.inside : element.outside]
    start = element.outside - len(content.lstrip())  # blanks around the text are not part of the address
    return start, max(start, element.inside + len(content.rstrip()))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _moved(value: bytes, addresses: Sequence[Address]) -> bytes | None:
    after = rewritten(value, addresses)
    return None if after == value else after


def _taken_over(value: bytes, addresses: Sequence[Address]) -> bytes | None:
    """An address of some other host, as one below the upstream itself."""
    parts = urlsplit(value)
    if parts.scheme not in (b"http", b"https") or not parts.netloc or not addresses:
        return None
    first = addresses[0]
    if parts.netloc.lower() == urlsplit(first.public).netloc.lower():
        return None
    rest = value[len(parts.scheme) + 3 + len(parts.netloc) :]
    below = rest.removeprefix(first.path)
    return first.public + (below if below[:1] in (b"", b"/", b"?", b"#") else rest)
