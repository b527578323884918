"""The inverse of `locators.py`: puts a value where one would find it, in a header, JSON, a query or a form.

The one thing a reader would get wrong: a header that is there keeps its place and its spelling, only its value changes.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from proxy.model import Headers
from proxy.rules.incoming import Incoming
from proxy.rules.locators import Locator, parse_locator


class Outgoing(NamedTuple):
    """A request as it will be sent: raw target, fields in order, raw body."""

    method: str
    target: bytes
    headers: Headers
    body: bytes

    def seen(self) -> Incoming:
        """The same as its receiver sees it."""
        return Incoming(self.method, self.target, self.headers, self.body)


class CannotPlace(ValueError):
    """There is no such place in the request. The text says which and why."""


def put(request: Outgoing, where: str, value: bytes) -> Outgoing:
    """The request with `value` there, and nowhere else under that name. `where`: a locator as it is written."""
    locator = parse_locator(where)
    if locator.kind == "header":
        written = where.partition(":")[2].encode()
        return request._replace(headers=with_header(request.headers, written, value))
    if locator.kind == "json":
        return request._replace(body=_in_json(request.body, locator, value))
    if locator.kind == "query":
        path, _, query = request.target.partition(b"?")
        return request._replace(target=path + b"?" + _with_pair(query, locator.name, value))
    if locator.kind == "form":
        return request._replace(body=_with_pair(request.body, locator.name, value))
    raise CannotPlace(f"{where}: nothing can be put there")


def with_header(headers: Headers, name: bytes, value: bytes) -> Headers:
    """The first line of that name with the new value, the others gone; a new line at the end where there was none."""
    folded = name.lower()
    found: list[tuple[bytes, bytes]] = []
    placed = False
    for written, old in headers:
        if written.lower() != folded:
            found.append((written, old))
        elif not placed:
            found.append((written, value))
            placed = True
    return tuple(found) if placed else (*found, (name, value))


def _with_pair(pairs: bytes, name: bytes, value: bytes) -> bytes:
    written = quote(name, safe="").encode()
    kept = [pair for pair in pairs.split(b"&") if pair and pair.partition(b"=")[0] != written]
    return b"&".join([*kept, written + b"=" + quote(value, safe="").encode()])


def _in_json(body: bytes, locator: Locator, value: bytes) -> bytes:
    try:
        document = json.loads(body)
        text = value.decode()
    except ValueError:
        raise CannotPlace("the body is no JSON, so nothing can be put into it") from None
    _set(document, locator.pointer, text)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _set(document: Any, pointer: tuple[str, ...], text: str) -> None:
    step, rest = pointer[0], pointer[1:]
    for key, old in _members(document, step, missing=not rest or rest[0] != "*"):
        if not rest:
            document[key] = _like(old, text)
            continue
        inner = {} if old is None else old
        document[key] = inner
        _set(inner, rest, text)


def _members(document: object, step: str, *, missing: bool) -> list[tuple[str | int, object]]:
    if isinstance(document, dict) and (step in document or missing):
        return [(step, document.get(step))]
    if isinstance(document, list):
        numbers = range(len(document)) if step == "*" else [int(step)] if step.isascii() and step.isdigit() else []
        return [(number, document[number]) for number in numbers if number < len(document)]
    raise CannotPlace(f"the body has no place for {step}")


def _like(old: object, text: str) -> object:
    """A number stays a number, and a new value that looks like one becomes one unless a text stood there."""
    if isinstance(old, str) or len(text) > 16 or not (text.isascii() and text.isdigit()):
        return text
    return int(text)
