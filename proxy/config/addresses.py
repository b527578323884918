"""Where we listen and where a url leads, as far as a configuration can tell.

The one thing a reader would get wrong: nothing is looked up. A name other than `localhost` counts as reachable from
elsewhere, whatever it resolves to today.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from proxy.rules.egress import METADATA, canonical_host

ADDRESS = "host:port, [v6]:port or unix:/path"
URL = "http://host… or https://host…, without user info, query or fragment"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A listener's address: `path` for a Unix socket, else `host` without brackets and `port`, 0 for any."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return bool(self.path) or is_loopback(self.host)


def address(text: str) -> Address:
    """What a listener's setting says. Raises `ValueError`."""
    if text.startswith("unix:/") and "\0" not in text:
        return Address(path=text.removeprefix("unix:"))
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2]) > 65535 or not canonical_host(found[1]):
        raise ValueError(ADDRESS)
    return Address(found[1].strip("[]").lower(), int(found[2]))


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine."""
    literal = _literal(host)
    return host.lower() == "localhost" if literal is None else literal.is_loopback


def clash(one: Address, other: Address) -> bool:
    """Whether only one of the two can be bound."""
    if one.path or other.path or one.port == 0 or one.port != other.port:
        return bool(one.path) and one.path == other.path
    return _same(one.host, other.host) or _is_wildcard(one.host) or _is_wildcard(other.host)


def leads_to(url: str, listener: Address) -> bool:
    """Whether a call to `url` would come back to our own `listener`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if listener.path or not listener.port or (parts.port or _PORTS.get(parts.scheme)) != listener.port:
        return False
    here = is_loopback(host) or _is_wildcard(host)  # to connect to 0.0.0.0 is to connect to this machine
    return _same(host, listener.host) or (here and (listener.loopback or _is_wildcard(listener.host)))


def url_problem(text: str) -> str | None:
    """What is wrong with a url, in words that do not repeat it; None: nothing."""
    if not _VISIBLE.fullmatch(text):
        return "a url with blanks, control characters or letters beyond ASCII"
    try:
        parts = urlsplit(text)
        host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
    except ValueError:
        return "a url that cannot be read"
    faults = {
        "a url with user info": "@" in parts.netloc,
        "no url of http or https": parts.scheme not in _PORTS or not parts.hostname,
        "a url whose host is no name, and no address in its usual form": not canonical_host(host),
        "a url with port 0": parts.port == 0,
        "a url with a query, a fragment or a backslash": any(mark in text for mark in "?#\\"),
        "a url with a . or .. in its path": not {".", ".."}.isdisjoint(parts.path.split("/")),
    }
    return next((fault for fault, there in faults.items() if there), None)


def hides(url: str) -> bool:
    """Whether a url that is wrong may hold a credential, and is not to be shown."""
    return any(mark in url for mark in "@?#")


def is_metadata(url: str) -> bool:
    """Whether a url names a cloud's metadata service by its address."""
    return _literal(urlsplit(url).hostname or "") in METADATA


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, None for a name; of an IPv4 address written as IPv6 the one that is connected to."""
    try:
        literal = ip_address(host)
    except ValueError:
        return None
    mapped = literal.ipv4_mapped if isinstance(literal, IPv6Address) else None
    return literal if mapped is None else mapped


def _is_wildcard(host: str) -> bool:
    literal = _literal(host)
    return literal is not None and literal.is_unspecified


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower() or (_literal(one) is not None and _literal(one) == _literal(other))
