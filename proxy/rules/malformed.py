"""Which rule a request head breaks that the strict parser has refused: for answer and log, never for a decision.

The one thing a reader would get wrong: what is said here names the rule and quotes nothing, since the bytes that broke
it may be a credential.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINE = re.compile(rb"[A-Z-]+ [!-~]+ HTTP/1\.[01]")
_KNOWN_FORM = re.compile(rb"[^ ]+ [^ ]+ HTTP/1\.[01]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANKS = b" \t"


def broken_rule(head: bytes) -> str:
    """The first rule that `head` breaks, from its request line on; whole, or what there is of it."""
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    return next(_broken(line, fields), "the head is malformed")


def _broken(line: bytes, fields: list[bytes]) -> Iterator[str]:
    if not line[:1].isalpha() or not line[:1].isupper():
        yield "no method at its start"
    yield from _line_end(line)
    if not _LINE.fullmatch(line):
        bad_byte = _KNOWN_FORM.fullmatch(line) is not None
        yield "a byte that no request line may hold" if bad_byte else "the request line is not `method target HTTP/1.1`"
    for field in fields:
        yield from _field(field)
    yield from _body(fields)
    yield from _host(fields)
    yield "a method that nobody knows"  # all else is in order


def _field(field: bytes) -> Iterator[str]:
    name, colon, value = field.partition(b":")
    if field.startswith((b" ", b"\t")):
        yield "a folded field"
    yield from _line_end(field)
    if not colon:
        yield "a field without a colon"
    if not name:
        yield "a field without a name"
    if name.endswith((b" ", b"\t")):
        yield "a blank before a colon"
    if not _TOKEN.fullmatch(name):
        yield "a field name that is no token"
    if _CONTROL.search(value):
        yield "a control byte in a field"


def _line_end(line: bytes) -> Iterator[str]:
    if b"\n" in line:
        yield "a bare LF"
    if b"\r" in line:
        yield "a bare CR"


def _body(fields: list[bytes]) -> Iterator[str]:
    lengths, codings = _values(fields, b"content-length"), _values(fields, b"transfer-encoding")
    if lengths and codings:
        yield "Content-Length and Transfer-Encoding in one request"
    if len(lengths) > 1:
        yield "two Content-Length fields"
    if len(codings) > 1:
        yield "two Transfer-Encoding fields"
    if any(not value.rstrip(_BLANKS).isdigit() for value in lengths):
        yield "the Content-Length is not a number"
    if lengths and len(lengths[0].rstrip(_BLANKS).lstrip(b"0")) > 19:
        yield "the Content-Length is too large"
    if codings and codings[0].rstrip(b" ").lower() != b"chunked":  # with a tab it is another one, for the parser
        yield "a Transfer-Encoding other than `chunked`"


def _host(fields: list[bytes]) -> Iterator[str]:
    hosts = len(_values(fields, b"host"))
    if hosts != 1:
        yield "two Host fields" if hosts else "no Host field"


def _values(fields: list[bytes], wanted: bytes) -> list[bytes]:
    pairs = [field.partition(b":") for field in fields]
    return [value.lstrip(_BLANKS) for name, _, value in pairs if name.lower() == wanted]
