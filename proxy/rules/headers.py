"""One pass over a request's headers, and the few response headers that hold addresses.

The one thing a reader would get wrong: `_` counts as `-` in every comparison of names here, since many servers fold
them; what passes keeps the spelling it came with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from proxy.model import Headers

HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade http2-settings"
    b" expect".split()
)
OURS = b"outrigger-"
NOTED = frozenset(
    b"host origin sec-fetch-site expect connection content-type x-http-method-override x-http-method"
    b" x-method-override".split()
)
OVERRIDES = (b"x-http-method-override", b"x-http-method", b"x-method-override")
_GONE = HOP_BY_HOP | {b"host", b"content-length"}
_PLAIN_CONNECTION = frozenset([b"keep-alive", b"close", b"te", b"upgrade", b"http2-settings"])
_MEMO_LIMIT = 1024  # names are the application's choice: memory must not be


# What goes on, and lower-case name -> value of what someone here reads; repeats are joined with a comma.
Hygiene = tuple[Headers, dict[bytes, bytes]]


class HeaderPass:
    """Takes off what belongs to one connection or to us, and notes what is read here (`security.md` §7.1)."""

    def __init__(self) -> None:
        self._memo: dict[bytes, tuple[bool, bytes]] = {}

    def __call__(self, headers: Headers) -> Hygiene:
        """`Host`, `Content-Length`, hop-by-hop and `Outrigger-*` fields come off; the rest stays as it was written."""
        kept = []
        notes: dict[bytes, bytes] = {}
        memo = self._memo
        for field in headers:
            known = memo.get(field[0])
            if known is None:
                known = self._look_up(field[0])
            keep, note = known
            if keep:
                kept.append(field)
            if note:
                notes[note] = notes[note] + b", " + field[1] if note in notes else field[1]
        if b"connection" in notes and notes[b"connection"].lower() not in _PLAIN_CONNECTION:
            return _without_named(kept, notes[b"connection"]), notes
        return tuple(kept), notes

    def _look_up(self, name: bytes) -> tuple[bool, bytes]:
        folded = fold(name)
        ours = folded.startswith(OURS)
        known = (folded not in _GONE and not ours, folded if ours or folded in NOTED else b"")
        if len(self._memo) < _MEMO_LIMIT:
            self._memo[name] = known
        return known


def fold(name: bytes) -> bytes:
    """A header's name for comparing: lower case, `_` as `-`."""
    return name.lower().replace(b"_", b"-")


def _without_named(kept: list[tuple[bytes, bytes]], connection: bytes) -> Headers:
    """Without the fields that a `Connection` line names; those that say what the message is stay (RFC 9110, 7.6.1)."""
    named = {fold(option.strip(b" \t")) for option in connection.split(b",")} - _PLAIN_CONNECTION
    if not named:
        return tuple(kept)
    return tuple(field for field in kept if (name := fold(field[0])) not in named or name.startswith(b"content-"))


class Address(NamedTuple):
    """Where an upstream really is (`scheme`, `authority`, `path` without its last slash) and what the application sees.

    `public`: as `http://127.0.0.1:8600/stripe`, or with `/~files` behind it for a further host.
    """

    scheme: bytes
    authority: bytes
    path: bytes
    public: bytes


_ADDRESSES = frozenset([b"location", b"content-location", b"link"])
_LINK = re.compile(rb"<([^<>]*)>")
_ABSOLUTE = re.compile(rb"(?:([a-z][a-z0-9+.-]*):)?//([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class AddressPass:
    """Points `Location`, `Content-Location` and `Link` back at the proxy (contract §4)."""

    def __init__(self) -> None:
        self._memo: dict[bytes, bytes] = {}

    def __call__(self, headers: Headers, addresses: Callable[[bytes], Sequence[Address]], base: bytes) -> Headers:
        """The same headers where none holds an address; else with those rewritten that lead into one of `addresses`.

        `addresses` is asked, with `base`, only if there is one; the first of them is the upstream itself: a path alone
        is taken to be on it.
        """
        memo = self._memo
        for name, _ in headers:
            found = memo.get(name)
            if found or (found is None and self._look_up(name)):
                return self._rewritten(headers, addresses(base))
        return headers

    def _rewritten(self, headers: Headers, addresses: Sequence[Address]) -> Headers:
        changed = []
        for name, value in headers:
            folded = self._look_up(name)
            if folded == b"link":
                changed.append((name, _LINK.sub(lambda link: b"<" + rewritten(link[1], addresses) + b">", value)))
            else:
                changed.append((name, rewritten(value, addresses) if folded else value))
        return tuple(changed)

    def _look_up(self, name: bytes) -> bytes:
        folded = name.lower()
        known = folded if folded in _ADDRESSES else b""
        if len(self._memo) < _MEMO_LIMIT:
            self._memo[name] = known
        return known


def rewritten(reference: bytes, addresses: Sequence[Address]) -> bytes:
    """The proxy's address of what `reference` points to; the reference itself if that is not below an upstream's url.

    A path alone stays a path: `/v2/a` of an upstream at `https://api.example/v2` becomes `/partner/a`.
    """
    absolute = _ABSOLUTE.fullmatch(reference)
    if absolute is None:
        if not reference.startswith(b"/") or not addresses:
            return reference
        public = b"/" + addresses[0].public.split(b"/", 3)[3] if addresses[0].public.count(b"/") > 2 else b""
        rest = _below(reference, addresses[0].path)
        return reference if rest is None else public + rest or b"/"
    scheme, authority, path = absolute[1], absolute[2], absolute[3]
    for address in addresses:
        if (scheme or address.scheme).lower() != address.scheme:
            continue
        if _plain(authority, address.scheme) != _plain(address.authority, address.scheme):
            continue
        rest = _below(path, address.path)
        if rest is not None:
            return address.public + rest
    return reference


def _below(path: bytes, base: bytes) -> bytes | None:
    rest = path[len(base) :]
    return rest if path.startswith(base) and rest[:1] in (b"", b"/", b"?", b"#") else None


def _plain(authority: bytes, scheme: bytes) -> bytes:
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b"-"))
