"""A raw HTTP/1.1 request as somebody saved it: request line, fields, an empty line, the body to the end of the file.

The one thing a reader would get wrong: this is no parser for the wire. It takes what editors and tools leave behind,
line ends of either kind; only the body counts byte for byte.
"""

from __future__ import annotations

import re

from proxy.model import Headers
from proxy.rules.incoming import Incoming

_LINE = re.compile(rb"([A-Z]{1,16}) (\S+)(?: HTTP/\d\.\d)?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n")


def parse_request(data: bytes) -> Incoming:
    """The request. Raises `ValueError` that says which line is none of a request."""
    head, body = _parted(data)
    lines = head.replace(b"\r\n", b"\n").split(b"\n")
    found = _LINE.fullmatch(lines[0].strip())
    if found is None:
        raise ValueError("line 1 is no request line, as in: POST /stripe HTTP/1.1")
    headers = _fields(lines[1:])
    chunked = any(name.lower() == b"transfer-encoding" and b"chunked" in value.lower() for name, value in headers)
    return Incoming(found[1].decode(), _target(found[2]), headers, (_joined(body) if chunked else None) or body)


def _parted(data: bytes) -> tuple[bytes, bytes]:
    found = re.search(rb"\r?\n\r?\n", data)
    return (data, b"") if found is None else (data[: found.start()], data[found.end() :])


def _target(written: bytes) -> bytes:
    """The target without scheme and host, if it has them."""
    return re.sub(rb"^https?://[^/?]*", b"", written) or b"/"


def _fields(lines: list[bytes]) -> Headers:
    fields = []
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise ValueError(f"line {number} is no header field, as in: Content-Type: application/json")
        fields.append((name, value.strip(b" \t")))
    return tuple(fields)


def _joined(body: bytes) -> bytes | None:
    """The chunks put together; None where the file holds the body without its chunks."""
    pieces: list[bytes] = []
    place = 0
    while found := _CHUNK.match(body, place):
        size, start = int(found[1], 16), found.end()
        piece = body[start : start + size]
        if len(piece) < size:
            return None
        if size == 0:
            return b"".join(pieces)
        pieces.append(piece)
        place = start + size
        place += 2 if body[place : place + 2] == b"\r\n" else 1
    return None
