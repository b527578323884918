"""An answer as classification sees it: status, headers, and a body that is read as JSON or XML when first asked for.

A body that cannot be read that way, for whatever reason, has nothing in it.
"""

from __future__ import annotations

import json
import zlib
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element

from proxy.model import Headers
from proxy.rules.xml_tree import local, read

_SWELLING = 8  # how many times its size a compressed body may have


class AnswerView:
    """`body` None: it was not looked at, or longer than `peek`."""

    def __init__(self, status: int, headers: Headers, body: bytes | None = None, *, peek: int) -> None:
        self.status = status
        self.headers = headers
        self._body = body
        self._peek = peek

    def values(self, name: bytes) -> list[str]:
        """The trimmed values of a header, given in lower case."""
        return [value.decode("latin-1").strip() for field, value in self.headers if field.lower() == name]

    @cached_property
    def is_json(self) -> bool:
        return self._media_type == "application/json" or self._media_type.endswith("+json")

    @cached_property
    def is_xml(self) -> bool:
        return self._media_type in {"text/xml", "application/xml"} or self._media_type.endswith("+xml")

    @cached_property
    def json(self) -> Any:
        """The document; for what is no JSON an empty one."""
        if not self.is_json or self._plain is None:
            return {}
        try:
            return json.loads(self._plain)
        except (ValueError, RecursionError):
            return {}

    @cached_property
    def xml(self) -> Element | None:
        """The element below which things are looked for: an envelope's `Body`, else a holder of the root."""
        if not self.is_xml or self._plain is None:
            return None
        try:
            root = read(self._plain)
        except ValueError:
            return None
        if local(root) == "Envelope":
            return next((child for child in root if local(child) == "Body"), None)
        holder = Element("holder")
        holder.append(root)
        return holder

    @cached_property
    def _media_type(self) -> str:
        types = self.values(b"content-type")
        return types[0].partition(";")[0].strip().lower() if types else ""

    @cached_property
    def _plain(self) -> bytes | None:
        """The body without its content coding; None where it has one that is not known, or swells too much."""
        codings = [coding for value in self.values(b"content-encoding") for coding in value.lower().split(",")]
        names = [coding.strip() for coding in codings if coding.strip() not in {"", "identity"}]
        if self._body is None or not names:
            return self._body
        if len(names) > 1 or names[0] not in {"gzip", "x-gzip", "deflate"}:
            return None
        return _inflated(self._body, _SWELLING * self._peek)


def _inflated(body: bytes, most: int) -> bytes | None:
    inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, by its first bytes
    try:
        plain = inflater.decompress(body, most + 1)
    except zlib.error:
        return None
    return plain if inflater.eof and len(plain) <= most else None
