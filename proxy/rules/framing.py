"""Which requests two parsers could read in two ways: what the strict parser passes and we do not.

The one thing a reader would get wrong: these checks stand behind the parser, they do not repeat it. They are told the
parser's own values, so a request line that it read in a way of its own does not match them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from proxy.errors import Refusal
from proxy.model import Headers

OTHER, HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT = range(5)
FIELDS = MappingProxyType(  # lower-case name to code; a name that is not here is OTHER
    {
        b"host": HOST,
        b"content-length": CONTENT_LENGTH,
        b"transfer-encoding": TRANSFER_ENCODING,
        b"expect": EXPECT,
    }
)
REFUSED_METHODS = frozenset({b"CONNECT", b"TRACE"})

_MEMO = 256
_TWICE = MappingProxyType({HOST: "Host", CONTENT_LENGTH: "Content-Length", TRANSFER_ENCODING: "Transfer-Encoding"})
_HOST = re.compile(rb"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[([0-9A-Fa-f:.]+)\])(?::([1-9][0-9]{0,4}))?")


class Framing(NamedTuple):
    """How a request's body is delimited. `length` None: chunked; 0: there is no body."""

    length: int | None
    expects: bool  # `Expect: 100-continue`: the body comes when asked for
    current: bool  # HTTP/1.1, not 1.0
    sure: bool = True  # False: of another expectation, so that the body may come or not


_PLAIN = Framing(0, expects=False, current=True)  # what nearly every GET is; made once


class SoundHosts(dict[bytes, bool]):
    """The value of a `Host` field to True if it is a name or an address, with a port or without.

    An application sends the same one each time, so what was found sound is remembered, 256 values of it.
    """

    def __missing__(self, value: bytes) -> bool:
        sound = _is_host(value)
        if sound and len(self) < _MEMO:
            self[value] = True
        return sound


def framing_of(
    line: bytes,
    method: bytes,
    target: bytes,
    headers: Headers,
    codes: Mapping[bytes, int],
    hosts: Mapping[bytes, bool],
) -> Framing:
    """How to read the rest of a request whose head the strict parser has passed. RFC 9112, 3 and 6.

    `line`: the raw head, from its first byte on. `codes`: each name in `headers` to its code. `hosts`: whether a value
    of `Host` is sound. Raises `Refusal` `bad_request` with the rule's name, never with what was sent, or
    `method_not_allowed`.
    """
    current = _is_http_1_1(line, method, target)
    found: dict[int, bytes] = {}
    for name, value in headers:
        if code := codes[name]:
            if code in found and code in _TWICE:
                raise _refused(f"two {_TWICE[code]} fields")
            found[code] = value
    host = found.get(HOST)
    if host is None:
        raise _refused("no Host field")
    if not hosts[host]:
        raise _refused("the Host field is not a name or address with an optional port")
    if current and len(found) == 1 and method not in REFUSED_METHODS:
        return _PLAIN
    length = _body_length(found, current=current)
    if method in REFUSED_METHODS:
        raise Refusal("method_not_allowed", "CONNECT and TRACE are not served here.")
    asks = found.get(EXPECT) if length != 0 else None
    sure = asks is None or asks.lower() == b"100-continue"
    return Framing(length, current and sure and asks is not None, current, sure)


def _is_http_1_1(line: bytes, method: bytes, target: bytes) -> bool:
    if b"#" in target:
        raise _refused("a fragment in the request target")
    start = method + b" " + target
    if line.startswith(start + b" HTTP/1.1\r\n"):
        return True
    if line.startswith(start + b" HTTP/1.0\r\n"):
        return False
    raise _refused("the request line is not `method target HTTP/1.1`")


def _is_host(value: bytes) -> bool:
    match = _HOST.fullmatch(value)
    if match is None or int(match[2] or 1) > 65_535:
        return False
    if match[1] is not None:
        try:
            ipaddress.IPv6Address(match[1].decode("ascii"))
        except ValueError:
            return False
    return True


def _body_length(found: Mapping[int, bytes], *, current: bool) -> int | None:
    length, coding = found.get(CONTENT_LENGTH), found.get(TRANSFER_ENCODING)
    if coding is not None:
        if length is not None:
            raise _refused("Content-Length and Transfer-Encoding in one request")
        if not current:
            raise _refused("Transfer-Encoding in an HTTP/1.0 request")
        if coding.lower() != b"chunked":
            raise _refused("a Transfer-Encoding other than `chunked`")
        return None
    if length is None:
        return 0
    digits = length.lstrip(b"0")  # a value may be all zeros, more than int() takes
    if not length.isdigit() or len(digits) > 20:
        raise _refused("the Content-Length is not a number")
    return int(digits or b"0")


def _refused(rule: str) -> Refusal:
    return Refusal("bad_request", f"Ambiguous request: {rule}.")
