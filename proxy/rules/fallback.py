"""What is answered when a call cannot be made, and the answers that are kept for that.

The one thing a reader would get wrong: an answer is kept for who asked for it. What the application sent as
`Authorization` or `Cookie` is part of its place, whatever `Vary` says; RFC 9111, 3.5 and 4.1.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from proxy.errors import CODES
from proxy.model import Headers
from proxy.units import Seconds

EACH = 1 << 20  # bytes of a body that is kept
IN_ALL = 64 << 20
_PERSONAL = (b"authorization", b"cookie")
_NOT_KEPT = frozenset({b"age", b"set-cookie", b"proxy-status"})
# the application's own doing, which an answer in place of the real one would only hide
_NOT_HIDDEN = frozenset(code for code, row in CODES.items() if row.status < 429 or row.status == 431) | {
    "internal_error"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSettings:
    """A `status` with headers and body, or with `stale` the last good answer to the same GET, where there is one."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None  # text, or anything else as JSON
    stale: Seconds | None = None  # how old a kept answer may be
    when: Literal["5xx"] | None = None  # on those answers of the upstream too


def covers(code: str) -> bool:
    """True if an ending with this error code means that the call cannot be made now."""
    return code not in _NOT_HIDDEN


def prepared(settings: FallbackSettings) -> tuple[Headers, bytes]:
    """Headers and body of the answer that stands in the configuration."""
    headers = tuple((name.encode(), value.encode()) for name, value in settings.headers.items())
    if settings.body is None:
        return headers, b""
    text = isinstance(settings.body, str)
    body = settings.body if isinstance(settings.body, str) else json.dumps(settings.body)
    if not any(name.lower() == b"content-type" for name, _ in headers):
        headers += ((b"Content-Type", b"text/plain; charset=utf-8" if text else b"application/json"),)
    return headers, body.encode()


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer. `at`: monotonic seconds at which it came; `age`: seconds that it was old then."""

    status: int
    reason: bytes
    headers: Headers
    body: bytes
    at: float
    age: float = 0.0

    @property
    def size(self) -> int:
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


Place = tuple[str, str | None, bytes]  # upstream, further host, target
Variant = tuple[bytes, ...]


class _Page:
    """What one place answered, by the values of the request fields that it depends on."""

    def __init__(self, names: tuple[bytes, ...]) -> None:
        self.names = names
        self.variants: dict[Variant, Kept] = {}
        self.size = 0


class Answers:
    """The last good answers. Of too many those go first that were not renewed for longest."""

    def __init__(self, in_all: int = IN_ALL) -> None:
        self._in_all = in_all
        self._pages: OrderedDict[Place, _Page] = OrderedDict()
        self.size = 0

    def keep(self, place: Place, asked: Headers, kept: Kept) -> None:
        """`asked`: the request's headers."""
        names = (*_PERSONAL, *sorted(set(_listed(kept.headers, b"vary")) - set(_PERSONAL)))
        page = self._pages.get(place)
        if page is None or page.names != names:
            self._drop(place)
            page = self._pages[place] = _Page(names)
        self._pages.move_to_end(place)
        variant = _variant(asked, names)
        change = kept.size - (page.variants[variant].size if variant in page.variants else 0)
        page.variants[variant] = kept
        page.size += change
        self.size += change
        while self.size > self._in_all:
            self._drop(next(iter(self._pages)))

    def find(self, place: Place, asked: Headers) -> Kept | None:
        """The last answer to such a request, None where there is none."""
        page = self._pages.get(place)
        return None if page is None else page.variants.get(_variant(asked, page.names))

    def _drop(self, place: Place) -> None:
        page = self._pages.pop(place, None)
        if page is not None:
            self.size -= page.size


def may_keep(status: int, headers: Headers) -> bool:
    """True for a whole good answer whose provider does not forbid it."""
    forbidden = b"no-store" in _listed(headers, b"cache-control") or b"*" in _listed(headers, b"vary")
    return 200 <= status < 300 and status != 206 and not forbidden


def to_keep(headers: Headers) -> tuple[Headers, float]:
    """The fields that are kept, and the age in seconds that the answer came with."""
    ages = [value for name, value in headers if name.lower() == b"age" and value.isdigit() and len(value) < 10]
    kept = tuple(one for one in headers if one[0].lower() not in _NOT_KEPT)
    return kept, float(ages[0]) if ages else 0.0


def _listed(headers: Headers, wanted: bytes) -> list[bytes]:
    return [
        word.strip().lower() for name, value in headers if name.lower() == wanted for word in value.split(b",") if word
    ]


def _variant(asked: Headers, names: tuple[bytes, ...]) -> Variant:
    return tuple(b"\n".join(value for name, value in asked if name.lower() == wanted) for wanted in names)
