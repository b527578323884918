"""Heads of an upstream's answers: what is refused, where the body ends, and which fields go no further.

The parser is lax on purpose, because real providers are; what must not pass is checked here, on the values as they came
(`security.md` §10). The one thing a reader would get wrong: a transfer coding is compared before any blank is cut,
since `chunked` with a folded blank behind it is no longer chunked for the parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from proxy.errors import UpstreamFailure
from proxy.model import Headers
from proxy.rules.headers import OURS, fold
from proxy.rules.recent import Recent

MOST_HEAD = 262_144  # bytes of a head, those of the 1xx answers before it among them
MOST_LINE = 8_192
MOST_FIELD = 65_536
MOST_FIELDS = 256
MOST_INTERIM = 16  # 1xx answers before one that counts

_KEPT, _DROPPED, _CONNECTION, _CODING, _LENGTH = range(5)
_CODES = {
    b"connection": _CONNECTION,
    b"transfer-encoding": _CODING,
    b"content-length": _LENGTH,
    **dict.fromkeys([b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"], _DROPPED),
}
_OWN = frozenset([b"host", b"content-length", b"transfer-encoding", b"connection"])
_OPTIONS = frozenset([b"keep-alive", b"close", b""])  # words of `Connection` that name no field
_MEMO = 1_024  # names remembered; an upstream that invents more pays for each with a call
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
_BLANKS = b" \t"
_NONE: frozenset[bytes] = frozenset()


# What goes on; bytes of the body, None where chunks or the connection's end tell; whether it is in chunks.
Head = tuple[Headers, int | None, bool]


class Heads:
    """Reads the heads of one upstream's answers; it remembers what is to be done with each name.

    `known`: status, reason, headers and body length of whole answers with a length, by the bytes of their heads.
    """

    def __init__(self) -> None:
        self.known: Recent[tuple[int, bytes, Headers, int | None]] = Recent()
        self._codes = _Codes()

    def read(self, status: int, fields: Sequence[tuple[bytes, bytes]], *, for_head: bool, old: bool) -> Head:
        """What a final head says. `for_head`: it answers HEAD. `old`: HTTP/1.0. Raises `UpstreamFailure`.

        `Content-Length` stays only where no body follows and it says something all the same: to HEAD, and in a 304.
        """
        if len(fields) > MOST_FIELDS:
            raise too_large()
        kept, special = [], []
        codes = self._codes
        for name, value in fields:
            if codes[name]:
                special.append((name, value))
            else:
                kept.append((name, value.rstrip(_BLANKS)))  # the parser has cut those before it
        length, chunked, named = self._read_special(special, old=old)
        bodiless = for_head or status in {204, 304}
        if bodiless and status != 204:
            kept = [(name, value.rstrip(_BLANKS)) for name, value in fields if codes[name] in {_KEPT, _LENGTH}]
        if named:
            kept = _without(kept, named)
        if bodiless:
            return tuple(kept), 0, False
        return tuple(kept), length, chunked

    def _read_special(
        self, special: Sequence[tuple[bytes, bytes]], *, old: bool
    ) -> tuple[int | None, bool, frozenset[bytes]]:
        length, chunked, named = None, False, _NONE
        for name, value in special:
            code = self._codes[name]
            if code == _LENGTH:
                length = int(value.strip(_BLANKS))
            elif code == _CODING:
                if chunked or old or value.lower() != b"chunked":
                    raise broken("The upstream's answer has a transfer coding other than one chunked.")
                chunked = True
            elif code == _CONNECTION and value.lower() not in _OPTIONS:
                named |= {option.strip(_BLANKS).lower() for option in value.split(b",")} - _OPTIONS
        return length, chunked, named

    def check_interim(self, status: int, count: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Raises `UpstreamFailure` for a 1xx answer that may not be dropped; `count`: how many there were."""
        if status < 100:
            raise broken("The upstream's status is below 100.")
        if status == 101:
            raise broken("The upstream changed the protocol without being asked.")
        if count > MOST_INTERIM:
            raise broken("The upstream sent too many interim answers.")
        if any(self._codes[name] in (_LENGTH, _CODING) for name, _ in fields):
            raise broken("The upstream's interim answer has a length.")


class OwnFields(dict[bytes, bool]):
    """Name of a request's field to True if only we may send it: it names the upstream, or says how long a body is."""

    def __missing__(self, name: bytes) -> bool:
        own = name.lower() in _OWN
        if len(self) < _MEMO and len(name) < 64:
            self[name] = own
        return own


def is_clean(text: bytes) -> bool:
    """True if `text`, lines of a head without their ends, has no control byte but the tab, and no DEL."""
    return len(text.translate(None, _CONTROLS)) == len(text)


def check_size(total: int, reason: bytes, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises `UpstreamFailure` if a head of `total` bytes, a field of it or its first line is too large."""
    line = len(b"HTTP/1.1 200 \r\n") + len(reason)
    field = max((len(name) + len(value) for name, value in fields), default=0)
    if line > MOST_LINE or total > MOST_HEAD or field > MOST_FIELD:
        raise too_large()


def too_large() -> UpstreamFailure:
    """The failure of a head over a limit of `security.md` §15."""
    return broken("The head of the upstream's answer is too large.")


def broken(detail: str = "The upstream's answer is not valid HTTP.") -> UpstreamFailure:
    """The failure of an answer that cannot be accepted; `detail` names the rule, never the bytes."""
    return UpstreamFailure("upstream_protocol_error", detail, sent=True)


class _Codes(dict[bytes, int]):
    def __missing__(self, name: bytes) -> int:
        if not _TOKEN.fullmatch(name):  # the lax parser passes `Content-Length : 5`, blank and all
            raise broken("The upstream's answer has a field name that is no token.")
        code = _CODES.get(name.lower(), _KEPT)
        if fold(name).startswith(OURS):
            code = _DROPPED
        if len(self) < _MEMO and len(name) < 64:
            self[name] = code
        return code


def _without(kept: list[tuple[bytes, bytes]], named: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    """Without the fields that `Connection` names; those that say what the message is stay (RFC 9110, 7.6.1)."""
    return [field for field in kept if (name := field[0].lower()) not in named or name.startswith(b"content-")]
